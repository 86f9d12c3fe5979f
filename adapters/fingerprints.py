"""Makes keyed hashes, by which a code or number is found again without being stored.

A code that leaks from a database in clear can be used; an unkeyed hash can be guessed. So only its keyed BLAKE2b (RFC
7693) is stored, under keys that the database never sees. Each hash names its key, so that a value hashed with a missing
key is not mistaken for an unknown one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

KEY_ID_LENGTH = 8
DIGEST_LENGTH = 16
"""Bytes of a short fingerprint. Among a hundred million values, two collide with a probability of 10^-22."""


class Fingerprints:
    """Makes fingerprints with the first key, and finds those of the others until they are rotated out.

    Raises ValueError without a key: a plain hash would not protect anything.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("fingerprints need at least one key")
        self._keys = {hash_key_id(key): key for key in keys}

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys, that which makes the fingerprints to store first."""
        return list(self._keys)

    def with_first(self, key_id: str) -> Fingerprints:
        """The same keys, this one first: it makes the fingerprints to store. Raises KeyError if it is not there."""
        return Fingerprints([self._keys[key_id], *self._keys.values()])

    def newest(self, namespace: str, value: str) -> str:
        """The fingerprint to store: the key's id, a colon, 64 hexadecimal digits.

        `namespace` keeps equal values of two lists apart.
        """
        return self.all(namespace, value)[0]

    def all(self, namespace: str, value: str) -> list[str]:
        """The fingerprints under which `value` may be stored, newest key first."""
        text = f"{namespace}\0{value}".encode()
        hashes = ((key_id, hashlib.blake2b(text, key=key, digest_size=32)) for key_id, key in self._keys.items())
        return [f"{key_id}:{hashed.hexdigest()}" for key_id, hashed in hashes]

    def digests(self, namespace: str, value: str) -> Mapping[str, bytes]:
        """The short fingerprints under which `value` may be stored, by key id: for lists that share one known key."""
        return {key_id: _digest(key, namespace)(value) for key_id, key in self._keys.items()}

    def newest_digest(self, namespace: str) -> tuple[str, Callable[[str], bytes]]:
        """The id of the newest key, and what makes the short fingerprints to store with it."""
        key_id, key = next(iter(self._keys.items()))
        return key_id, _digest(key, namespace)


def key_of(fingerprint: str) -> str:
    """The id of the key of a fingerprint."""
    return fingerprint[:KEY_ID_LENGTH]


def hash_key_id(key: bytes) -> str:
    """The id of a key: 8 hexadecimal digits of its hash under another purpose."""
    return hashlib.blake2b(key, person=b"jurat key id", digest_size=KEY_ID_LENGTH // 2).hexdigest()


def _digest(key: bytes, namespace: str) -> Callable[[str], bytes]:
    prefix = hashlib.blake2b(f"{namespace}\0".encode(), key=key, person=b"jurat short", digest_size=DIGEST_LENGTH)

    def digest(value: str) -> bytes:
        hashed = prefix.copy()
        hashed.update(value.encode())
        return hashed.digest()

    return digest
