"""Reads times, which the two engines store differently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def moment(value: Any) -> datetime | None:
    """A time as either engine returns it, in UTC."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def instant(value: Any) -> datetime:
    """The same for a time that is never null. Raises ValueError for null."""
    found = moment(value)
    if found is None:
        raise ValueError("a time is missing")
    return found
