"""What the answers of a source came to, by reason and over time: as shares, and as columns that a page draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from babel.dates import format_datetime

from jurat.vocabulary import ACCEPTING
from pages.language import locale, moment
from pages.reasons import why

KEPT = 8 * 24
"""Hours for which counts are kept."""

LATELY, WEEK = 2, 7 * 24
"""Hours of the shares: counts are by clock hours, so the last hour is in this one and the one before."""

HOURS, DAY = 24, 24
WIDTH, HEIGHT, FOOT = 360, 140, 20
"""The sizes of a drawing: of all columns, and of the words below them."""

Rows = Sequence[tuple[int, str, int]]
"""Hours since 1970, reasons, and how many results had them."""


@dataclass(frozen=True, slots=True)
class Share:
    """A reason's part of the results of lately and of a week, each None where there was no result."""

    reason: str
    why: str
    counts: tuple[int, int]
    shares: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Column:
    """The results of one day or hour. What follows them is for the drawing."""

    label: str
    mark: str
    accepted: int
    others: int
    x: float
    width: float
    accepted_height: float
    others_height: float


@dataclass(frozen=True, slots=True)
class SourceResults:
    """What is known of a source's results. `since` says from when on the two shares count."""

    since: tuple[str, str]
    shares: Sequence[Share]
    days: Sequence[Column]
    hours: Sequence[Column]


def results(now: int, rows: Rows) -> SourceResults:
    """The results of a source, at the hour `now` since 1970."""
    windows = [Counter[str](), Counter[str]()]
    for hour, reason, count in rows:
        for window, hours in zip(windows, (LATELY, WEEK), strict=True):
            if hour > now - hours:
                window[reason] += count
    lately, week = windows
    shares = [
        Share(reason, why(reason), (lately[reason], count), (_share(lately, reason), _share(week, reason)))
        for reason, count in week.most_common()
    ]
    first = now - HOURS + 1
    return SourceResults(
        since=(moment(_time(now - LATELY + 1)), moment(_time(now - WEEK + 1))),
        shares=shares,
        days=_columns(rows, range(now // DAY - 7, now // DAY + 1), lambda hour: hour // DAY, _day),
        hours=_columns(rows, range(first, now + 1), lambda hour: hour, _hour),
    )


def _share(counts: Counter[str], reason: str) -> float | None:
    total = counts.total()
    return counts[reason] / total if total else None


def _columns(
    rows: Rows, places: Iterable[int], place_of: Callable[[int], int], named: Callable[[int], tuple[str, str]]
) -> list[Column]:
    accepted, others = Counter[int](), Counter[int]()
    for hour, reason, count in rows:
        (accepted if reason in ACCEPTING else others)[place_of(hour)] += count
    shown = list(places)
    step = WIDTH / len(shown)
    scale = HEIGHT / max(1, *(accepted[place] + others[place] for place in shown))
    return [
        Column(
            *named(place), accepted[place], others[place], round(number * step, 1), round(0.8 * step, 1),
            round(accepted[place] * scale, 1), round(others[place] * scale, 1),
        )
        for number, place in enumerate(shown)
    ]  # fmt: skip


def _day(day: int) -> tuple[str, str]:
    at = _time(day * DAY)
    return format_datetime(at, "EEEE d MMMM", locale=locale()), format_datetime(at, "EEE", locale=locale())


def _hour(hour: int) -> tuple[str, str]:
    at = _time(hour)
    return format_datetime(at, "d MMMM, HH:mm", locale=locale()), f"{at:%H}" if at.hour % 3 == 0 else ""


def _time(hour: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(hours=hour)
