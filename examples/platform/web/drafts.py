"""Answers that were typed and not confirmed yet. They stay in the browser: a sealed value in the session's cookie.

The database never has them. The next user of the browser cannot read them either: only a key of this platform opens
them, and signing out removes them. libsodium's secret boxes (https://doc.libsodium.org/secret-key_cryptography/secretbox).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid4

from flask import current_app, session
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey
from nacl.secret import SecretBox

LARGEST = 2400
"""Bytes of a draft: a cookie has room for 4 KB, and a sealed value grows by a third."""


class TooLong(Exception):
    """The draft does not fit into a cookie."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed. If it is `complete`, it may be confirmed, and its `id` becomes that of the check: confirmed
    twice, it is the same check.
    """

    id: UUID
    consultation: str
    question: str
    answer: Mapping[str, str]
    complete: bool
    reply_key: bytes

    @property
    def reply_public_key(self) -> bytes:
        """What jurat seals for: the addresses that may be meant. Sent twice, both get the same."""
        return bytes(PrivateKey(self.reply_key).public_key)


def keep(consultation: str, question: str, answer: Mapping[str, str], *, complete: bool) -> None:
    """Keep an answer, in place of the one before.

    Raises TooLong.
    """
    reply_key = b64encode(bytes(PrivateKey.generate())).decode()
    kept = [str(uuid4()), consultation, question, answer, complete, reply_key]
    text = json.dumps(kept, ensure_ascii=False).encode()
    if len(text) > LARGEST:
        raise TooLong
    session["draft"] = b64encode(_box().encrypt(text)).decode()


def kept(consultation: str, question: str) -> Draft | None:
    """The draft for this question; None if there is none."""
    try:
        text = _box().decrypt(b64decode(session.get("draft", "")))
    except (CryptoError, ValueError):
        return None
    made, of, asked, answer, complete, reply_key = json.loads(text)
    if (of, asked) != (consultation, question):
        return None
    return Draft(UUID(made), of, asked, answer, complete, b64decode(reply_key))


def is_another() -> bool:
    """Whether what was typed last is an answer to some question: one that was confirmed is kept no more."""
    return "draft" in session


def forget() -> None:
    """The answer was confirmed, or cannot be any more."""
    session.pop("draft", None)


def keep_reply_key(check: UUID, reply_key: bytes) -> None:
    """Keep the key that opens what jurat replies about a check, for the check that was confirmed last. It is sealed."""
    session["reply"] = [str(check), b64encode(_box().encrypt(reply_key)).decode()]


def reply_key(check: UUID) -> bytes | None:
    """The key for a check; None if this browser did not confirm it last."""
    of, sealed = session.get("reply") or ("", "")
    try:
        return _box().decrypt(b64decode(sealed)) if of == str(check) else None
    except (CryptoError, ValueError):
        return None


def _box() -> SecretBox:
    return SecretBox(sha256(b"drafts:" + bytes(current_app.config["SECRET_KEY"])).digest())
