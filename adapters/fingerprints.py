"""Makes keyed hashes, by which a code or number is found again without being stored.

A code that leaks from a database in clear can be used; an unkeyed hash can be guessed. So only its keyed BLAKE2b (RFC
7693) is stored, under keys that the database never sees. Each hash names its key, so that a value hashed with a missing
key is not mistaken for an unknown one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import permutations

KEY_ID_LENGTH = 8
DIGEST_LENGTH = 16
"""Bytes of a short fingerprint. Among a hundred million values, two collide with a probability of 10^-22."""

LONGEST_CHAIN = 3
"""The most keys over each other: with three keys, a value has 15 fingerprints."""


def chains(key_ids: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """The keys under which fingerprints may be stored that some keys make: one alone, or several over each other in any
    order. By the id at the head of such a fingerprint; the outermost key comes first.
    """
    known = dict.fromkeys(key_ids)
    lengths = range(1, LONGEST_CHAIN + 1)
    return {_chain_id(chain): chain for length in lengths for chain in permutations(known, length)}


class Fingerprints:
    """Makes fingerprints with the first key, and finds those of the others until they are rotated out.

    A fingerprint that an older key made can be hashed once more with a newer one, without its value: then neither key
    alone is of use against it. Values are found under each key, and under several over each other.

    Raises ValueError without a key: a plain hash would not protect anything.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("fingerprints need at least one key")
        self._keys = {hash_key_id(key): key for key in keys}
        self._chains = chains(self._keys)

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys, that which makes the fingerprints to store first."""
        return list(self._keys)

    @property
    def known(self) -> Collection[str]:
        """The heads of all fingerprints that are recognised: the ids of the keys, and those of several over each
        other.
        """
        return self._chains.keys()

    def with_first(self, key_id: str) -> Fingerprints:
        """The same keys, this one first: it makes the fingerprints to store. Raises KeyError if it is not there."""
        return Fingerprints([self._keys[key_id], *self._keys.values()])

    def newest(self, namespace: str, value: str) -> str:
        """The fingerprint to store: key id, colon, 64 hexadecimal digits. `namespace` keeps two lists apart."""
        return self.all(namespace, value)[0]

    def all(self, namespace: str, value: str) -> list[str]:
        """The fingerprints under which `value` may be stored, that to store first."""
        text = f"{namespace}\0{value}".encode()
        made: dict[Sequence[str], str] = {}
        for head, chain in self._chains.items():  # the shorter ones first
            inner = made[chain[1:]].encode() if len(chain) > 1 else text
            made[chain] = self._hash(head, chain[0], inner)
        return list(made.values())

    def again(self, fingerprint: str) -> str:
        """A fingerprint hashed once more, with the first key; the same if that key hashed it last.

        Raises ValueError if it cannot be: a key is missing, is in it already, or too many are.
        """
        first, chain = self.key_ids[0], self._chains.get(key_of(fingerprint), ())
        if chain[:1] == (first,):
            return fingerprint
        if not chain or first in chain or len(chain) == LONGEST_CHAIN:
            raise ValueError(f"fingerprints of {key_of(fingerprint)} cannot be hashed once more with the key {first}")
        return self._hash(_chain_id((first, *chain)), first, fingerprint.encode())

    def _hash(self, head: str, key_id: str, text: bytes) -> str:
        # The text of a value has a NUL, and a fingerprint has none: one is never taken for the other.
        return f"{head}:{hashlib.blake2b(text, key=self._keys[key_id], digest_size=32).hexdigest()}"

    def digests(self, namespace: str, value: str) -> Mapping[str, bytes]:
        """The short fingerprints under which `value` may be stored, by key id: for lists that share one known key."""
        return {key_id: _keyed(key, namespace, *_SHORT)(value) for key_id, key in self._keys.items()}

    def newest_digest(self, namespace: str) -> tuple[str, Callable[[str], bytes]]:
        """The id of the newest key, and what makes the short fingerprints to store with it."""
        key_id, key = next(iter(self._keys.items()))
        return key_id, _keyed(key, namespace, *_SHORT)

    def value_keys(self, key_id: str, namespace: str) -> Callable[[str], bytes]:
        """What makes a key of 32 bytes for each value, which only those can make who have the value and this key.

        Raises KeyError if the key is not there.
        """
        return _keyed(self._keys[key_id], namespace, b"jurat value key", 32)


def key_of(fingerprint: str) -> str:
    """The id of the key of a fingerprint."""
    return fingerprint[:KEY_ID_LENGTH]


def _chain_id(chain: Sequence[str]) -> str:
    """The id of keys over each other, as long as that of one key: programs that know no chains lack this key."""
    found = chain[-1]
    for outer in reversed(chain[:-1]):
        found = hashlib.blake2b(f"{outer}.{found}".encode(), digest_size=KEY_ID_LENGTH // 2).hexdigest()
    return found


def hash_key_id(key: bytes) -> str:
    """The id of a key: 8 hexadecimal digits of its hash under another purpose."""
    return hashlib.blake2b(key, person=b"jurat key id", digest_size=KEY_ID_LENGTH // 2).hexdigest()


_SHORT = (b"jurat short", DIGEST_LENGTH)


def _keyed(key: bytes, namespace: str, purpose: bytes, length: int) -> Callable[[str], bytes]:
    """What hashes values; hashes of another purpose tell nothing about these."""
    prefix = hashlib.blake2b(f"{namespace}\0".encode(), key=key, person=purpose, digest_size=length)

    def digest(value: str) -> bytes:
        hashed = prefix.copy()
        hashed.update(value.encode())
        return hashed.digest()

    return digest
