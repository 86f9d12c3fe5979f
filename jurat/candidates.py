"""The addresses that an ambiguous answer may mean, sealed for the platform that asked for them.

libsodium's sealed boxes (https://doc.libsodium.org/public-key_cryptography/sealed_boxes) over a JSON array of answers,
in the form that the question asks for. A worker seals them with the `reply_key` of the submit, and only the platform's
private key opens them. They stay in the check's row for `LIFETIME` seconds by the database's clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from jurat.dialects import SqlDialect
from jurat.errors import ConfigurationError

LIFETIME = 900.0
"""Seconds for which candidates can be read: as long as a participant may take over the next page."""

LARGEST = 64 << 10
"""Most bytes of the sealed candidates; ten addresses take some 2 KiB. The database refuses more."""


def seal_candidates(candidates: Sequence[Mapping[str, str]], reply_key: bytes) -> bytes:
    """The ciphertext of `candidates` for the holder of the private key of `reply_key`.

    Raises ValueError for a key that belongs to no private key, such as zeros.
    """
    plain = json.dumps([dict(each) for each in candidates], ensure_ascii=False, separators=(",", ":"))
    try:
        return bytes(SealedBox(PublicKey(reply_key)).encrypt(plain.encode(errors="replace")))
    except (CryptoError, RuntimeError, TypeError, ValueError):  # nacl's own for a bad point is a RuntimeError
        raise ValueError("the reply_key is no public key") from None


def opening_key(private_key: bytes) -> PrivateKey:
    """The private key that opens candidates, checked before anything is read.

    Raises ConfigurationError; the message never holds the key.
    """
    given: object = private_key
    if not isinstance(given, bytes) or len(given) != PrivateKey.SIZE:
        raise ConfigurationError(
            f"private_key must be the {PrivateKey.SIZE} bytes of the private key to the reply_key of the submit"
        )
    return PrivateKey(private_key)


def open_candidates(sealed: bytes, private_key: PrivateKey) -> list[dict[str, str]]:
    """The answers that `seal_candidates` closed. Raises ConfigurationError if this key does not open them."""
    try:
        plain = SealedBox(private_key).decrypt(sealed)
    except (CryptoError, ValueError, TypeError):
        raise ConfigurationError(
            "private_key does not open the candidates of this check; it must belong to the reply_key of its submit"
        ) from None
    answers: list[dict[str, str]] = json.loads(plain)
    return answers


@lru_cache
def reading_candidates(dialect: SqlDialect) -> str:
    """SQL for the candidates of the check `:id`: null if there are none (any more), no row if the check is unknown."""
    return f"""
        SELECT CASE WHEN candidates_until > {dialect.now()} THEN candidates END
        FROM jurat_checks WHERE id = {dialect.uuid()}"""
