"""Opening hours of a source in its local time, and closings such as maintenance.

A source is open when the local time is in an opening and in no closing. An hour that a change of clocks repeats counts
twice, one that it skips does not count. Zones have the names of the IANA database (https://www.iana.org/time-zones).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, Self
from zoneinfo import ZoneInfo, available_timezones

from config.suggestions import did_you_mean

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_SLACK = timedelta(days=2)

_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00"
_NAMES = "|".join(DAYS)
_DATE = r"2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
WEEKLY_PATTERN: Final = rf"^({_NAMES})(-({_NAMES}))? ({_TIME})-({_TIME})$"
ONCE_PATTERN: Final = rf"^{_DATE} ({_TIME}) - {_DATE} ({_TIME})$"

_WEEKLY_EXAMPLE = "mon-fri 08:00-18:00"
_ONCE_EXAMPLE = '"2026-12-24 22:00 - 2026-12-25 06:00"'

Minutes = tuple[int, int]
"""From the first to before the second, in minutes since Monday 00:00; after the week's end, Monday follows."""

Once = tuple[datetime, datetime]
"""From the first to before the second local time, both without a zone."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of one source; by default it is always open and its days are those of UTC.

    `week` has the minutes since Monday 00:00 at which it opens and closes in turn, first opening. `closings` are local
    times. All moments are datetimes with a zone; results are in UTC. Raises ValueError for a week that is never open.
    """

    zone: tzinfo = UTC
    week: tuple[int, ...] = (0, _WEEK)
    closings: tuple[Once, ...] = ()

    def __post_init__(self) -> None:
        if not self.week:
            raise ValueError("a source that is never open cannot be asked")

    @classmethod
    def parse(cls, timezone: str, openings: Iterable[str], closings: Iterable[str]) -> Self:
        """The hours from texts. Without openings it is always open, and closings win.

        Raises ValueError with a sentence: a text is no zone, opening or closing, or nothing is left open.
        """
        opened, closed = [span for text in openings for span in parse_opening(text)], []
        once = []
        for span in map(parse_closing, closings):
            if isinstance(span, list):
                closed += span
            else:
                once.append(span)
        return cls(parse_zone(timezone), _merged(opened or [(0, _WEEK)], closed), tuple(sorted(once)))

    def is_open(self, moment: datetime) -> bool:
        local = self._local(moment)
        minute = _minute_of_week(local)
        return bool(bisect_right(self.week, minute) % 2) and self._closing_at(local) is None

    def closed_until(self, moment: datetime) -> datetime | None:
        """When the source opens next; None when it is open at `moment`."""
        if self.is_open(moment):
            return None
        moment = moment.astimezone(UTC)
        while not self.is_open(moment):
            if closing := self._closing_at(self._local(moment)):
                # Two days are more than any zone's clock can be off, so nothing opens on the way.
                moment = max(moment, closing[1].replace(tzinfo=self.zone).astimezone(UTC) - _SLACK)
            moment = self._changes_after(moment)
        return moment

    def closed_seconds(self, begin: datetime, end: datetime) -> float:
        """How many seconds from `begin` to `end` the source is closed; 0 when `end` is not later."""
        closed, moment, end = 0.0, begin.astimezone(UTC), end.astimezone(UTC)
        while moment < end:
            later = min(self._changes_after(moment), end)
            if not self.is_open(moment):
                closed += (later - moment).total_seconds()
            moment = later
        return closed

    def next_midnight(self, moment: datetime) -> datetime:
        """When the local day at `moment` ends; if clocks skip midnight, when the next day begins."""
        tomorrow = self._local(moment).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time(), self.zone).astimezone(UTC)

    def day(self, moment: datetime) -> str:
        """The local day at `moment`, as 2026-11-25."""
        return self._local(moment).date().isoformat()

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def _closing_at(self, local: datetime) -> Once | None:
        return next((span for span in self.closings if span[0] <= local < span[1]), None)

    def _changes_after(self, moment: datetime) -> datetime:
        """The next moment at which it may open or close; until then, nothing changes."""
        local = self._local(moment)
        later = moment + (min(self._edges_after(local)) - local)
        if self._offset(later) == self._offset(moment):
            return later
        # The clocks change before the edge, so it is not where the old clock would show it.
        before, after = int(moment.timestamp()), int(later.timestamp()) + 1
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(datetime.fromtimestamp(middle, UTC)) == self._offset(moment):
                before = middle
            else:
                after = middle
        return datetime.fromtimestamp(after, UTC)

    def _edges_after(self, local: datetime) -> Iterator[datetime]:
        midnight = datetime.combine(local.date(), time())
        minute, today = _minute_of_week(local), local.weekday() * _DAY
        yield midnight + timedelta(days=1)
        for edge in self.week[bisect_right(self.week, minute) :][:1]:
            yield midnight + timedelta(minutes=edge - today)
        yield from (edge for span in self.closings for edge in span if edge > local)

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.zone).utcoffset()


def parse_zone(name: str) -> tzinfo:
    """The time zone of a name such as Europe/Paris. Raises ValueError with a sentence."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        near = did_you_mean(name, available_timezones())
        raise ValueError(f"there is no such time zone — {near or 'write one such as Europe/Paris'}") from None


def parse_opening(text: str) -> list[Minutes]:
    """The minutes of the week in a text such as "mon-fri 08:00-18:00"; an end before its begin is on the next day.

    Raises ValueError with a sentence.
    """
    if not re.fullmatch(WEEKLY_PATTERN, text):
        raise ValueError(f"an opening is days and times, such as {_WEEKLY_EXAMPLE} — days are {', '.join(DAYS)}")
    days, times = text.split(" ")
    first, _, last = days.partition("-")
    begin, end = (_minute(part) for part in times.split("-"))
    if begin in (end, _DAY):
        raise ValueError("it ends when it begins — a whole day is 00:00-24:00")
    number = DAYS.index(first)
    length = (DAYS.index(last or first) - number) % 7 + 1
    lasts = end - begin if end > begin else end + _DAY - begin
    starts = ((number + day) % 7 * _DAY + begin for day in range(length))
    return [(start, start + lasts) for start in starts]


def parse_closing(text: str) -> list[Minutes] | Once:
    """A weekly closing as in `parse_opening`, or a single one such as "2026-12-24 22:00 - 2026-12-25 06:00".

    Raises ValueError with a sentence.
    """
    if re.fullmatch(WEEKLY_PATTERN, text):
        return parse_opening(text)
    if not re.fullmatch(ONCE_PATTERN, text):
        raise ValueError(f'a closing is weekly, such as "sun 02:00-04:00", or once — write it like {_ONCE_EXAMPLE}')
    begin, end = (_local_time(part) for part in text.split(" - "))
    if end <= begin:
        raise ValueError("it ends before it begins — put the earlier time first")
    return begin, end


def _local_time(text: str) -> datetime:
    day, clock = text.split(" ")
    try:
        return datetime.fromisoformat(day) + timedelta(minutes=_minute(clock))
    except ValueError:
        raise ValueError(f"there is no day {day} — write it like {_ONCE_EXAMPLE}") from None


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _minute_of_week(local: datetime) -> int:
    return local.weekday() * _DAY + local.hour * 60 + local.minute


def _merged(opened: Iterable[Minutes], closed: Iterable[Minutes]) -> tuple[int, ...]:
    """The minutes at which a week of openings without closings opens and closes in turn."""
    week = bytearray(_WEEK)
    for spans, mark in ((opened, b"\1"), (closed, b"\0")):
        for begin, end in spans:
            week[begin:end] = mark * (min(end, _WEEK) - begin)
            week[: max(0, end - _WEEK)] = mark * max(0, end - _WEEK)
    edges, minute, wanted = [], 0, 1
    while (minute := week.find(wanted, minute)) >= 0:
        edges.append(minute)
        wanted = 1 - wanted
    return tuple(edges + [_WEEK] * (len(edges) % 2))
