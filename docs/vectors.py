"""Writes docs/reference/sealing-vectors.json: sealed boxes with known keys, for platforms in other languages.

    python -m docs.vectors

A sealed box is different each time, because libsodium makes a new pair of keys for each. Here those pairs are fixed as
well, so that the file is the same each time, and so that what is made of its parts can be compared byte by byte.
A test fails while the file is out of date.
"""
# ruff: noqa: INP001 - a script next to the pages that it fills, not a package

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.public import Box, PrivateKey, PublicKey
from nacl.signing import SigningKey

from jurat.answers import encode
from jurat.seal import key_id
from jurat.seal_keys import SealKey

FILE = Path(__file__).resolve().parent / "reference" / "sealing-vectors.json"

ANSWERS: list[Mapping[str, str]] = [
    {},
    {"code": "VALMONT-SPRING-7"},
    {"number": "6 bis", "street": "Rue de l'Église", "postcode": "99001", "city": "Valmont"},
    {"statement": 'Œuvre: “naïve”, 東の村, \U0001f3e1, \\, ", </script>\nsecond line'},
    {"statement": "é" * 2_000},
]
CANDIDATES: list[list[Mapping[str, str]]] = [
    [
        {"number": "4", "street": "Rue de l'Église", "postcode": "99002", "city": "Valmont", "city_code": "99901"},
        {"number": "4", "street": "Rue de l'Église", "postcode": "99002", "city": "Port-Valmont", "city_code": "99902"},
    ],
    [{"street": "Quai des Sardiniers", "city": "Port-Valmont"}],
]


def vectors() -> dict[str, Any]:
    """The whole file: keys and boxes in base64, plain texts as they are sealed."""
    keys = [_private("platform 1"), _private("platform 2")]
    reply = _private("reply")
    spelled = ['{ "code" : "caf\\u00e9" }', '{"street":"Rue des Tanneurs","number":"6"}']
    plain = [encode(answer).decode() for answer in ANSWERS] + spelled
    answers = [_sealed(text, keys[index % 2], f"answer {index}") for index, text in enumerate(plain)]
    lists = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in CANDIDATES]
    candidates = [_sealed(text, reply, f"candidates {index}") for index, text in enumerate(lists)]
    return {
        "keys": [_pair(key) for key in keys],
        "answers": answers,
        "reply": _pair(reply),
        "candidates": candidates,
        "do_not_open": _spoilt(answers[1], answers[2]),
        **_signed(bytes(keys[0].public_key)),
    }


def _private(name: str) -> PrivateKey:
    return PrivateKey(hashlib.sha256(f"jurat sealing vector, {name}".encode()).digest())


def _pair(key: PrivateKey) -> dict[str, str]:
    public = bytes(key.public_key)
    return {"private_key": _text(bytes(key)), "public_key": _text(public), "key_id": key_id(public)}


def _sealed(plain: str, key: PrivateKey, name: str) -> dict[str, str]:
    """What crypto_box_seal makes of `plain` where the pair of keys that it invents is the one of `name`."""
    ephemeral = _private(f"ephemeral, {name}")
    to = bytes(key.public_key)
    return {
        "key_id": key_id(to),
        "plain": plain,
        "ephemeral_private_key": _text(bytes(ephemeral)),
        "sealed": _text(_box(plain.encode(), to, ephemeral)),
    }


def _box(plain: bytes, to: bytes, ephemeral: PrivateKey) -> bytes:
    public = bytes(ephemeral.public_key)
    nonce = hashlib.blake2b(public + to, digest_size=24).digest()
    return public + Box(ephemeral, PublicKey(to)).encrypt(plain, nonce).ciphertext


def _spoilt(one: Mapping[str, str], other: Mapping[str, str]) -> list[dict[str, str]]:
    """Boxes that must be refused, each with the key that its row would name."""
    box = base64.b64decode(one["sealed"])
    middle = len(box) // 2
    return [
        {"why": "sealed for another key", "key_id": other["key_id"], "sealed": one["sealed"]},
        {"why": "one bit changed", "key_id": one["key_id"], "sealed": _text(_flipped(box, middle))},
        {"why": "one bit of its own public key changed", "key_id": one["key_id"], "sealed": _text(_flipped(box, 0))},
        {"why": "its last byte cut off", "key_id": one["key_id"], "sealed": _text(box[:-1])},
        {"why": "shorter than 48 bytes", "key_id": one["key_id"], "sealed": _text(box[:47])},
        {"why": "not sealed at all", "key_id": one["key_id"], "sealed": _text(one["plain"].encode() * 4)},
    ]


def _signed(public_key: bytes) -> dict[str, list[dict[str, Any]]]:
    """Rows of jurat_seal_keys with their times in seconds: one that was signed, and some that were not."""
    signing = SigningKey(bytes(_private("signing")))
    begin, end = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 5))
    text = SealKey(public_key, begin, end, b"").signed_text
    signature = signing.sign(text).signature
    begin_s, end_s = int(begin.timestamp()), int(end.timestamp())
    row: dict[str, Any] = {
        "signing_key": _text(bytes(signing.verify_key)),
        "public_key": _text(public_key),
        "from_s": begin_s,
        "until_s": end_s,
        "signature": _text(signature),
    }
    wrong: dict[str, dict[str, Any]] = {
        "another key": {"public_key": _text(_flipped(public_key, 0))},
        "it begins before": {"from_s": begin_s - 1},
        "it ends later": {"until_s": end_s + 1},
        "one bit changed": {"signature": _text(_flipped(signature, 40))},
        "signed for something else": {"signature": _text(signing.sign(text.replace(b"-v1\n", b"-v2\n")).signature)},
        "signed by someone else": {"signing_key": _text(bytes(SigningKey(bytes(_private("stranger"))).verify_key))},
    }
    return {
        "seal_keys": [{**row, "text": text.decode()}],
        "not_signed": [{"why": why, **row, **changed} for why, changed in wrong.items()],
    }


def _flipped(box: bytes, place: int) -> bytes:
    return box[:place] + bytes([box[place] ^ 1]) + box[place + 1 :]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def as_text() -> str:
    """The file's text."""
    return json.dumps(vectors(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(as_text(), "utf-8")
