"""Reads dates as registries write them, into the days that they may mean.

A birth date without its day, or a licence that ends "in 2027", may be any of several days. So comparing such a date
with a day gives yes, no, or not known.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, date, datetime, timedelta, tzinfo
from typing import Final

from adapters.base import Unreadable
from config.registry.model import record as forms

_EARLIEST: Final = date(1900, 1, 1)
"""Databases write this day and earlier ones (0001-01-01, 1753-01-01, 1899-12-30) where they have no date."""

_BOUND: Final = 4_300_000_000
"""Fewer milliseconds (50 days after 1970) or more seconds (after 2106) are the wrong unit, or no date."""

_WITHOUT_END: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""From here on a moment means the last day there is, in any zone."""

_MIDNIGHTS: Final = frozenset({(0, 0, 0), (23, 59, 59)})
_PIVOT: Final = 69
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_TOKEN = re.compile(r"%([YymdHMS])|(.)", re.DOTALL)
_ISO = re.compile(
    r"(?P<Y>[0-9]{4})(?:-(?P<m>[0-9]{2})(?:-(?P<d>[0-9]{2})"
    r"(?:[T ][0-9]{2}:?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]{1,9})?)?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?"
)


@dataclass(frozen=True, slots=True)
class DaySpan:
    """The days that a date may be, both ends included: a day, a month or a year."""

    first: date = field(repr=False)
    last: date = field(repr=False)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


class DateReader:
    """Reads dates of one form. `zone` says to which day a moment belongs."""

    def __init__(self, form: str, zone: tzinfo) -> None:
        self._zone = zone
        self._read: Callable[[str], DaySpan | None]
        match form:
            case forms.EPOCH_S:
                self._read = lambda text: self._moment(text, 1)
            case forms.EPOCH_MS:
                self._read = lambda text: self._moment(text, 1000)
            case forms.ISO:
                self._read = self._iso
            case _:
                pattern = _pattern(form)
                self._read = lambda text: _days(pattern.fullmatch(text))

    def read(self, text: str) -> DaySpan:
        """The days that `text` may be.

        Raises Unreadable where it is not a date of this form, or means none (1900-01-01 and earlier).
        """
        try:
            span = self._read(text)
        except (ValueError, OverflowError):
            span = None
        if span is None or span.last <= _EARLIEST:
            raise Unreadable("a date of the record is not written as described")
        return span

    def _moment(self, text: str, per_second: int) -> DaySpan | None:
        found = re.fullmatch(r"(-?[0-9]{1,18})(\.[0-9]{1,9})?", text)
        number = int(found[1]) if found else 0
        if number == 0 or (per_second > 1 and abs(number) < _BOUND):
            return None
        moment = _EPOCH + timedelta(seconds=number // per_second)
        return None if number // per_second >= _BOUND and moment < _WITHOUT_END else self._day(moment)

    def _iso(self, text: str) -> DaySpan | None:
        found = _ISO.fullmatch(text)
        if found is not None and found["offset"]:
            return self._day(datetime.fromisoformat(text.replace(",", ".")))
        return _days(found)

    def _day(self, moment: datetime) -> DaySpan:
        """The day of a moment in the registry's zone. A moment at midnight, or a second before it, may be a mere date:
        then it may be the day as written, too.
        """
        if moment.year == MAXYEAR:
            # The last year means "without end"; in another zone its last day may be in a year that does not exist.
            return DaySpan(moment.date(), moment.date())
        as_written, here = moment.date(), moment.astimezone(self._zone).date()
        is_midnight = (moment.hour, moment.minute, moment.second) in _MIDNIGHTS
        return DaySpan(min(as_written, here), max(as_written, here)) if is_midnight else DaySpan(here, here)


def _pattern(form: str) -> re.Pattern[str]:
    """The form as a pattern. A day or month may lack its leading zero where it touches no other number."""
    pattern = ""
    tokens = _TOKEN.findall(form)
    for index, (code, literal) in enumerate(tokens):
        touches = any(tokens[near][0] for near in (index - 1, index + 1) if 0 <= near < len(tokens))
        digits = "{4}" if code == "Y" else "{1,2}" if code in ("d", "m") and not touches else "{2}"
        pattern += f"(?P<{code}>[0-9]{digits})" if code else re.escape(literal)
    return re.compile(pattern)


def _days(found: re.Match[str] | None) -> DaySpan | None:
    """The days that the parts of a date allow. Raises ValueError where there is no such day."""
    if found is None:
        return None
    parts = found.groupdict()
    year = int(parts.get("Y") or parts["y"])
    if not parts.get("Y"):
        # POSIX: two digits from 69 on are of the last century.
        year += 1900 if year >= _PIVOT else 2000
    if not parts.get("m"):
        return DaySpan(date(year, 1, 1), date(year, 12, 31))
    month = int(parts["m"])
    if not parts.get("d"):
        return DaySpan(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))
    day = date(year, month, int(parts["d"]))
    return DaySpan(day, day)
