"""Seals answers: the platform can close them, and only a worker can open them.

libsodium's sealed boxes (https://doc.libsodium.org/public-key_cryptography/sealed_boxes) over the canonical JSON of
the answer. Keys are 32 bytes, written as base64. A public key's id is the first 16 hexadecimal digits of its BLAKE2b
hash (libsodium's generic hash, 32 bytes), so that a row says which private key opens it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from nacl.bindings import crypto_box_seal_open
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from jurat.errors import ConfigurationError

SEALED = 48
"""Bytes by which a sealed text is longer than the text."""


class Unopenable(Exception):
    """No key at hand opens this ciphertext, or it was damaged."""


def key_from_text(text: str, name: str) -> bytes:
    """The 32 bytes of a key in base64. `name` is the setting that an error names.

    Raises ConfigurationError; the message never holds the text.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (AttributeError, binascii.Error, ValueError):  # AttributeError: it is no text
        key = b""
    if len(key) != 32:
        raise ConfigurationError(f"{name} is not a key: 32 bytes in base64 are expected (`bin/jurat keys generate`)")
    return key


def key_to_text(key: bytes) -> str:
    """A key as settings have it, in base64."""
    return base64.b64encode(key).decode("ascii")


KEY_ID_LENGTH = 16


def key_id(public_key: bytes) -> str:
    """The id under which rows name a public key: 16 hexadecimal digits."""
    return hashlib.blake2b(public_key, digest_size=32).hexdigest()[:KEY_ID_LENGTH]


class Seal:
    """Closes answers with the platform's public key.

    Raises ConfigurationError for 32 bytes that are no public key, such as zeros.
    """

    def __init__(self, public_key: bytes) -> None:
        self._box = SealedBox(PublicKey(public_key))
        self.key_id = key_id(public_key)
        try:
            self.close(b"")
        except RuntimeError:  # nacl's own error is a subclass of it
            raise ConfigurationError("the public key is not one that `bin/jurat keys generate` makes") from None

    def close(self, plain: bytes) -> bytes:
        """The ciphertext of `plain`: `SEALED` bytes longer, different each time."""
        return bytes(self._box.encrypt(plain))


class Unseal:
    """Opens answers with the worker's private keys, in their order."""

    def __init__(self, private_keys: Iterable[bytes]) -> None:
        self.replace(private_keys)

    def replace(self, private_keys: Iterable[bytes]) -> None:
        """Open with these keys alone from now on. Other threads may be opening answers meanwhile."""
        keys = [PrivateKey(key) for key in private_keys]
        self._pairs = {key_id(bytes(key.public_key)): (bytes(key.public_key), bytes(key)) for key in keys}

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys whose answers it opens, in their order."""
        return list(self._pairs)

    def open(self, sealed: bytes, key: str | None) -> bytes:
        """The plain text of `sealed`, whose row names `key`.

        Raises Unopenable if the key is not here, or the ciphertext is damaged or was made for another key.
        """
        pair = self._pairs.get(key or "")
        if pair is None:
            raise Unopenable("the answer is sealed for a key that is not here")
        try:
            return crypto_box_seal_open(sealed, *pair)
        except (CryptoError, ValueError, TypeError):
            raise Unopenable("the answer does not open with the key that its row names") from None

    def close(self, plain: bytes, key: str | None) -> bytes:
        """The ciphertext of `plain` for the key that a row names. Raises Unopenable if that key is not here."""
        pair = self._pairs.get(key or "")
        if pair is None:
            raise Unopenable("the answer is sealed for a key that is not here")
        return bytes(SealedBox(PublicKey(pair[0])).encrypt(plain))


def public_key(private_key: bytes) -> bytes:
    """The public key of a pair."""
    return bytes(PrivateKey(private_key).public_key)


def generate() -> tuple[bytes, bytes]:
    """A new pair of keys: private, public."""
    key = PrivateKey.generate()
    return bytes(key), bytes(key.public_key)
