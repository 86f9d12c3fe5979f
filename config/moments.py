"""Reads a day or a time that a person wrote."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def moment_of(value: str, *, whole_day: bool = False) -> datetime:
    """A day, which begins in UTC, or a time with its offset; in UTC. With `whole_day`, a day means its end.

    Raises ValueError, which says what is expected.
    """
    try:
        if len(value) == len("2027-06-30"):
            moment = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
            moment += timedelta(days=whole_day)
        else:
            moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        example = "a day such as 2027-06-30 or a time such as 2027-06-30T18:00+02:00 is expected"
        raise ValueError(example) from None
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset, such as 2027-06-30T18:00+02:00, or Z for UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is after the last day that exists in UTC, 9999-12-31") from None
