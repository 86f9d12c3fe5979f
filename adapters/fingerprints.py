"""Keyed hashes: how a code is found again without being kept.

A code or number that leaks from a database in clear can be used; its unkeyed hash can be guessed. So only its keyed
BLAKE2b (RFC 7693) is stored, under keys that the database never sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


class Fingerprints:
    """Makes fingerprints with the newest key, and finds those of older keys until they are rotated out.

    Raises ValueError without any key: a plain hash would be no protection.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("fingerprints need at least one key")
        self._keys = tuple(keys)

    def newest(self, namespace: str, value: str) -> str:
        """The fingerprint to store: 64 hexadecimal digits. `namespace` keeps equal values of two lists apart."""
        return _fingerprint(self._keys[0], namespace, value)

    def all(self, namespace: str, value: str) -> list[str]:
        """The fingerprints under which `value` may be stored, newest key first."""
        return [_fingerprint(key, namespace, value) for key in self._keys]


def _fingerprint(key: bytes, namespace: str, value: str) -> str:
    text = f"{namespace}\0{value}".encode()
    return hashlib.blake2b(text, key=key, digest_size=32).hexdigest()
