"""Sealing from any language: the test vectors are those that jurat itself seals and opens. Other languages open them in
tests/examples/stacks."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from nacl.public import PrivateKey

from docs.vectors import FILE, as_text
from jurat.candidates import open_candidates, opening_key
from jurat.errors import ConfigurationError
from jurat.seal import Seal, Unopenable, Unseal, key_from_text, key_id
from jurat.seal_keys import PREFIX, PinnedKey, SealKey

VECTORS: Mapping[str, Any] = json.loads(FILE.read_text("utf-8"))
UNSEAL = Unseal(key_from_text(pair["private_key"], "private_key") for pair in VECTORS["keys"])


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == as_text(), "run: python -m docs.vectors"


@pytest.mark.parametrize("pair", [*VECTORS["keys"], VECTORS["reply"]], ids=lambda pair: pair["key_id"])
def test_a_key_has_the_id_that_rows_name(pair: Mapping[str, str]) -> None:
    public = key_from_text(pair["public_key"], "public_key")
    assert bytes(PrivateKey(key_from_text(pair["private_key"], "private_key")).public_key) == public
    assert key_id(public) == Seal(public).key_id == pair["key_id"]


@pytest.mark.parametrize("answer", VECTORS["answers"], ids=lambda answer: answer["plain"][:20])
def test_a_worker_opens_every_answer(answer: Mapping[str, str]) -> None:
    opened = UNSEAL.open(base64.b64decode(answer["sealed"]), answer["key_id"])
    assert opened.decode() == answer["plain"]
    assert isinstance(json.loads(opened), dict)


@pytest.mark.parametrize("offered", VECTORS["candidates"], ids=lambda offered: offered["plain"][-20:])
def test_a_platform_opens_every_list_of_candidates(offered: Mapping[str, str]) -> None:
    private = opening_key(key_from_text(VECTORS["reply"]["private_key"], "private_key"))
    assert open_candidates(base64.b64decode(offered["sealed"]), private) == json.loads(offered["plain"])


@pytest.mark.parametrize("spoilt", VECTORS["do_not_open"], ids=lambda spoilt: spoilt["why"])
def test_what_is_spoilt_is_refused(spoilt: Mapping[str, str]) -> None:
    sealed = base64.b64decode(spoilt["sealed"])
    with pytest.raises(Unopenable):
        UNSEAL.open(sealed, spoilt["key_id"])
    with pytest.raises(ConfigurationError):
        open_candidates(sealed, opening_key(key_from_text(VECTORS["reply"]["private_key"], "private_key")))


def a_row(row: Mapping[str, Any]) -> SealKey:
    begin, end = (datetime.fromtimestamp(row[name], UTC) for name in ("from_s", "until_s"))
    return SealKey(base64.b64decode(row["public_key"]), begin, end, base64.b64decode(row["signature"]))


@pytest.mark.parametrize("row", [*VECTORS["seal_keys"], *VECTORS["not_signed"]], ids=lambda row: row.get("why"))
def test_a_client_takes_what_was_signed_alone(row: Mapping[str, Any]) -> None:
    signed = "text" in row
    assert PinnedKey(PREFIX + row["signing_key"], "seal_key").has_signed(a_row(row)) is signed
    assert not signed or a_row(row).signed_text.decode() == row["text"]
