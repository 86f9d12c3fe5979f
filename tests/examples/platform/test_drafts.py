"""What the browser keeps of an answer is sealed in its cookie."""

from __future__ import annotations

from base64 import b64encode
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.usefixtures("libraries")]


def test_the_key_of_a_reply_is_sealed_and_for_one_check() -> None:
    from flask import Flask, session

    from examples.platform.web import drafts

    app, check, key = Flask(__name__), uuid4(), bytes(range(32))
    app.config["SECRET_KEY"] = b"of a test"
    with app.test_request_context():
        drafts.keep_reply_key(check, key)
        assert b64encode(key).decode() not in str(session["reply"])
        assert drafts.reply_key(check) == key
        assert drafts.reply_key(uuid4()) is None
        session["reply"] = [str(check), b64encode(key).decode()]
        assert drafts.reply_key(check) is None, "a key in clear, as an earlier release kept it"
