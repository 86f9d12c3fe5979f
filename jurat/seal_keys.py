"""Takes the key that answers are sealed for from the database, where the operator replaces it from epoch to epoch.

A platform pins the operator's signing key (Ed25519, RFC 8032), which stays, and takes no other key than one that it
signed. Once an epoch's private key is destroyed, nothing that was sealed for it opens: no row, no WAL and no backup.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from jurat.errors import ConfigurationError
from jurat.seal import Seal, key_from_text, key_id, key_to_text
from jurat.statements import Statements
from jurat.times import instant

PREFIX: Final = "ed25519:"
"""How the setting of a platform begins that pins a signing key. Otherwise it has the key itself."""

FRESH = 60.0
"""Seconds for which a client seals with a key before it looks for a newer one."""

_CONTEXT = "jurat-seal-key-v1"

SealOf = Callable[[Statements], Seal]
"""What answers are sealed with now, by the database that they are written to."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """A row of `jurat_seal_keys`: a public key, the time of its use, and the operator's signature of these three."""

    public_key: bytes
    from_at: datetime
    until_at: datetime
    signature: bytes

    @property
    def id(self) -> str:
        """The id under which rows name the key. It is made of the key here, for no one signs the column."""
        return key_id(self.public_key)

    @property
    def signed_text(self) -> bytes:
        """What is signed: what it is, the key in base64, and from when until when in seconds since 1970."""
        times = (str(int(at.timestamp())) for at in (self.from_at, self.until_at))
        return "\n".join((_CONTEXT, key_to_text(self.public_key), *times)).encode("ascii")


class PinnedKey:
    """The operator's signing key, by its public half, and the newest key in force that it signed."""

    def __init__(self, text: str, name: str) -> None:
        self._verify = VerifyKey(key_from_text(text.removeprefix(PREFIX), name))
        self._fresh: tuple[float, Seal] | None = None

    def has_signed(self, key: SealKey) -> bool:
        """Whether the signature of a key is its own."""
        try:
            self._verify.verify(key.signed_text, key.signature)
        except (BadSignatureError, ValueError, TypeError):  # a signature of another length
            return False
        return True

    def seal(self, statements: Statements) -> Seal:
        """What answers are sealed with. Threads may share it; it asks the database once a minute.

        Raises ConfigurationError if no key is in force, and says what to do. The transaction stays usable.
        """
        fresh = self._fresh
        if fresh is None or time.monotonic() >= fresh[0]:
            fresh = self._fresh = (time.monotonic() + FRESH, Seal(self.in_force(statements).public_key))
        return fresh[1]

    def in_force(self, statements: Statements) -> SealKey:
        """The newest key that platforms seal with now. Those that others signed are passed over. Raises as `seal`."""
        dialect = statements.dialect
        if not statements.run(dialect.has_table("jurat_seal_keys"), {})[0][0]:
            raise ConfigurationError("the database has no table of seal keys; run `bin/jurat db upgrade`")
        rows = statements.run(_BEGUN.format(now=dialect.now()), {})
        begun = [seal_key(row[1:]) for row in rows]
        for key in begun:
            if instant(rows[0][0]) < key.until_at and self.has_signed(key):
                return key
        if ended := next(filter(self.has_signed, begun), None):
            raise ConfigurationError(f"the seal key {ended.id} ended at {ended.until_at:%Y-%m-%d %H:%M}Z; {_ROTATE}")
        others = ", though there are some with other signatures" if begun else ""
        raise ConfigurationError(f"no seal key in force is signed by the key that seal_key pins{others}; {_ROTATE}")


_ROTATE = "have the operator run `bin/jurat keys rotate`"

_BEGUN = """
    SELECT {now}, public_key, from_at, until_at, signature FROM jurat_seal_keys
    WHERE from_at <= {now} AND public_key NOT IN (
      SELECT public_key FROM jurat_seal_keys WHERE retired_at IS NOT NULL)
    ORDER BY from_at DESC, id"""


def seal_key(row: tuple[object, ...]) -> SealKey:
    """A key from its columns in their order, as any driver returns them."""
    public, from_at, until_at, signature = row
    return SealKey(_bytes(public), instant(from_at), instant(until_at), _bytes(signature))


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview | bytearray) else b""


def seal_of(text: str, name: str = "seal_key") -> SealOf:
    """What a setting seals with: the key that it has, or the one in force that the key which it pins has signed.

    `name` is the setting that an error names. Raises ConfigurationError.
    """
    given: object = text
    if isinstance(given, str) and given.startswith(PREFIX):
        return PinnedKey(given, name).seal
    seal = Seal(key_from_text(text, name))
    return lambda _: seal
