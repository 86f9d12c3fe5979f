"""Seals what a roster keeps of each person: who opens a row has the hash key, and knows that person's number.

XChaCha20-Poly1305 with a random nonce, as libsodium has it
(https://doc.libsodium.org/secret-key_cryptography/aead/chacha20-poly1305/xchacha20-poly1305_construction). Each number
has a key of its own, and the associated data name the version: a row opens for no other number, roster or version.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

from adapters.base import Unreadable
from adapters.fingerprints import Fingerprints

BLOCK: Final = 128
"""Rows are filled up to a multiple of so many bytes: the length of a name does not show."""

_COLUMN: Final = "sealed"
_NONCE: Final = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_SHORTEST: Final = _NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES


def namespace(dataset: str) -> str:
    """The namespace of a roster's hashes and keys, which keeps them apart from those of other rosters and of codes."""
    return f"roster:{dataset}"


class RosterSeal:
    """Seals and opens the rows of one version of the roster `dataset`.

    Raises KeyError if the key is not among those of `fingerprints`.
    """

    def __init__(self, fingerprints: Fingerprints, key_id: str, dataset: str, version: int) -> None:
        self._key_of = fingerprints.value_keys(key_id, namespace(dataset))
        self._version = f"{namespace(dataset)}\0{version}".encode()

    def close(self, number: str, kept: str) -> str:
        """What is stored for a person: a JSON object, like `kept`. `number` is cleaned."""
        plain, nonce = kept.encode(), os.urandom(_NONCE)
        plain += b" " * (-len(plain) % BLOCK)  # JSON ends with any number of blanks
        sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(plain, self._version, nonce, self._key_of(number))
        return f'{{"{_COLUMN}":"{b64encode(nonce + sealed).decode()}"}}'

    def open(self, number: str, stored: Mapping[str, str]) -> Mapping[str, str]:
        """The kept columns of the person with this cleaned number. Raises Unreadable where they do not open."""
        try:
            sealed = b64decode(stored[_COLUMN], validate=True)
            if len(sealed) < _SHORTEST:
                raise ValueError
            nonce, text = sealed[:_NONCE], sealed[_NONCE:]
            plain = crypto_aead_xchacha20poly1305_ietf_decrypt(text, self._version, nonce, self._key_of(number))
        except (CryptoError, KeyError, TypeError, ValueError):
            raise Unreadable("a row of the roster does not open: it was changed; import the roster again") from None
        kept: Mapping[str, str] = json.loads(plain)
        return kept
