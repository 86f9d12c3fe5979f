"""Ids of checks: UUIDv7, made by the platform, so that a repeated submit is recognised and rows are in order."""

from __future__ import annotations

import os
import re
import time
from uuid import UUID

from jurat.errors import InvalidSubmission

_WRITTEN = re.compile("(?i)(?:urn:uuid:)?[{]?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[}]?")


def uuid7(now_ms: int | None = None) -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 12 bits of the fraction of the
    millisecond (section 6.2, method 3), so that ids of one process are in order, then random bits.
    """
    nanoseconds = time.time_ns() if now_ms is None else now_ms * 1_000_000
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    time_bits = (milliseconds & (1 << 48) - 1) << 16 | 0x7 << 12 | rest * 4096 // 1_000_000
    random_bits = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=time_bits << 64 | 0x2 << 62 | random_bits)


def parse_id(given: object) -> UUID | None:
    """The id that a platform gave, as a UUID or as its text; None if it is no id.

    The text may be that of `str(id)`, `id.hex` or `id.urn`, or be in braces. `UUID` itself, like `int`, would also
    accept signs, blanks and underscores between the digits.
    """
    if isinstance(given, UUID):
        return given
    if isinstance(given, str) and _WRITTEN.fullmatch(given):
        return UUID(given)
    return None


def own_id(given: object) -> UUID:
    """The id that a platform gave to something new, or a new one if it gave None.

    Raises InvalidSubmission, which does not show what was given.
    """
    if given is None:
        return uuid7()
    if (found := parse_id(given)) is None:
        raise InvalidSubmission("id must be a UUID: a uuid.UUID, or its text")
    return found
