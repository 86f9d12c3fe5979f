from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.hours import DAYS, ONCE_PATTERN, WEEKLY_PATTERN, Hours, parse_closing, parse_opening, parse_zone

PARIS = Hours.parse(
    "Europe/Paris",
    ["mon-fri 08:00-18:00", "sat 09:00-12:00"],
    ["sun 02:00-04:00", "2026-12-24 22:00 - 2026-12-28 06:00"],
)
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_hours_are_those_of_the_local_clock() -> None:
    assert PARIS.closed_until(utc("2026-11-25 06:59:59.999")) == utc("2026-11-25 07:00")
    assert PARIS.closed_until(utc("2026-11-25 07:00")) is None
    assert PARIS.closed_until(utc("2026-11-25 16:59:59.999")) is None
    assert PARIS.closed_until(utc("2026-11-25 17:00")) == utc("2026-11-26 07:00")
    assert PARIS.closed_until(utc("2026-07-17 15:59")) is None
    assert PARIS.closed_until(utc("2026-07-17 16:00")) == utc("2026-07-18 07:00")


def test_a_weekend_and_a_closing_are_one_time_of_being_closed() -> None:
    assert PARIS.closed_until(utc("2026-11-28 11:00")) == utc("2026-11-30 07:00")
    assert PARIS.closed_until(utc("2026-12-24 17:00")) == utc("2026-12-28 07:00")


def test_days_over_the_end_of_the_week_and_times_over_midnight_go_on() -> None:
    hours = Hours.parse("UTC", ["sat-mon 22:00-06:00"], [])
    opened = [hour for hour in range(7 * 24) if hours.is_open(utc("2026-11-23 00:00") + timedelta(hours=hour))]
    monday, tuesday, saturday, sunday = (day * 24 for day in (0, 1, 5, 6))
    assert opened == [
        *range(monday, monday + 6),
        *range(monday + 22, tuesday + 6),
        *range(saturday + 22, sunday + 6),
        *range(sunday + 22, sunday + 24),
    ]


def test_a_source_without_hours_is_always_open_and_its_day_is_that_of_utc() -> None:
    moment = utc("2026-11-25 23:30")
    assert Hours().closed_until(moment) is None
    assert Hours().closed_seconds(moment, moment + timedelta(days=60)) == 0
    assert (Hours().day(moment), Hours().next_midnight(moment)) == ("2026-11-25", utc("2026-11-26 00:00"))
    assert PARIS.day(moment) == "2026-11-26"


def test_an_hour_that_is_skipped_is_no_closing_and_one_that_comes_twice_is_two() -> None:
    hours = Hours.parse("Europe/Paris", [], ["sun 02:00-03:00"])
    spring, plain, autumn = ("2026-03-28 22:00", "2026-04-04 22:00", "2026-10-24 22:00")
    closed = [hours.closed_seconds(utc(day), utc(day) + timedelta(hours=12)) for day in (spring, plain, autumn)]
    assert closed == [0, 3600, 7200]
    assert hours.closed_until(utc("2026-10-25 00:30")) == utc("2026-10-25 02:00")


def test_a_midnight_that_is_skipped_ends_the_day_where_the_next_begins() -> None:
    hours = Hours.parse("America/Santiago", [], [])
    moment = utc("2026-09-06 03:59:59")
    assert (hours.day(moment), hours.next_midnight(moment)) == ("2026-09-05", utc("2026-09-06 04:00"))
    assert hours.day(utc("2026-09-06 04:00")) == "2026-09-06"


def test_a_closing_of_centuries_costs_no_time() -> None:
    hours = Hours.parse("Europe/Paris", [], ["2026-01-01 00:00 - 2999-12-31 24:00"])
    assert hours.closed_until(utc("2026-11-25 00:00")) == utc("2999-12-31 23:00")


@pytest.mark.parametrize(
    ("openings", "closings"),
    [
        (["mon-fri 08:00-18:00"], ["mon-sun 00:00-24:00"]),
        (["sun 23:00-01:00"], ["sun-mon 00:00-24:00"]),
        ([], ["sat-fri 12:00-13:00", "mon-sun 13:00-12:00"]),
    ],
)
def test_a_week_that_leaves_nothing_open_is_refused(openings: list[str], closings: list[str]) -> None:
    with pytest.raises(ValueError, match="never open"):
        Hours.parse("Europe/Paris", openings, closings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Monday 08:00-18:00", "an opening is days and times, such as mon-fri 08:00-18:00 — days are mon, tue, wed, "),
        ("mon 8:00-18:00", "an opening is days and times"),
        ("mon 08:00-24:01", "an opening is days and times"),
        ("mon 08:00-18:00\n", "an opening is days and times"),
        ("2026-12-24 22:00 - 2026-12-25 06:00", "an opening is days and times"),
        ("mon 08:00-08:00", "it ends when it begins — a whole day is 00:00-24:00"),
        ("mon 24:00-06:00", "it ends when it begins — a whole day is 00:00-24:00"),
    ],
)
def test_what_is_no_opening_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_opening(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-12-24", 'a closing is weekly, such as "sun 02:00-04:00", or once — write it like "2026-12-24 22:00 - '),
        ("2026-02-30 22:00 - 2026-03-01 06:00", "there is no day 2026-02-30"),
        ("2026-12-25 06:00 - 2026-12-24 22:00", "it ends before it begins — put the earlier time first"),
        ("2026-12-25 06:00 - 2026-12-25 06:00", "it ends before it begins"),
    ],
)
def test_what_is_no_closing_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_closing(text)


@pytest.mark.parametrize("name", ["Europe/Pariss", "Europe", "../etc/passwd", "", "a\0b", "Europe/Paris "])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no such time zone — "):
        parse_zone(name)


def test_a_mistyped_time_zone_is_found() -> None:
    with pytest.raises(ValueError, match="did you mean 'Europe/Paris'"):
        parse_zone("Europe/Pariss")


# Zones with changes of an hour and of half an hour, at midnight and at other times, in both halves of the year.
ZONES = (
    "Europe/Paris",
    "Europe/Dublin",
    "America/Santiago",
    "America/Havana",
    "America/Nuuk",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "UTC",
)


def changes(zone: str) -> list[datetime]:
    """The days of some years within which the zone's clock is changed."""
    first, local = utc("2025-01-01 00:00"), ZoneInfo(zone)
    days = [first + timedelta(days=number) for number in range(5 * 365)]
    return [
        day
        for day in days
        if day.astimezone(local).utcoffset() != (day + timedelta(days=1)).astimezone(local).utcoffset()
    ]


CHANGES = {zone: changes(zone) or [utc("2026-11-25 00:00")] for zone in ZONES}

days = st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(
    lambda pair: pair[0] if pair[0] == pair[1] else f"{pair[0]}-{pair[1]}"
)
minutes = st.one_of(st.integers(0, 24 * 4).map(lambda quarter: quarter * 15), st.integers(0, 24 * 60))


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def weekly(draw: st.DrawFn) -> str:
    begin, end = draw(minutes), draw(minutes)
    assume(begin not in (end, 24 * 60))
    return f"{draw(days)} {clock(begin)}-{clock(end)}"


@st.composite
def once(draw: st.DrawFn, near: datetime) -> str:
    begin, end = sorted(near.date() + timedelta(days=draw(st.integers(-2, 3))) for _ in range(2))
    first, last = draw(minutes), draw(minutes)
    assume((begin, first) < (end, last) and (begin + timedelta(days=first // 1440), first % 1440) < (end, last))
    return f"{begin} {clock(first)} - {end} {clock(last)}"


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, list[str], list[str], datetime]:
    zone = draw(st.sampled_from(ZONES))
    near = draw(st.sampled_from(CHANGES[zone]))
    openings = draw(st.lists(weekly(), max_size=3))
    closings = draw(st.lists(st.one_of(weekly(), once(near)), max_size=3))
    return zone, openings, closings, near + timedelta(minutes=draw(st.integers(-24 * 60, 48 * 60)))


def lies_in(text: str, local: datetime) -> bool:
    """Whether a local time lies in a text's span, told day by day as a person would."""
    if re.fullmatch(ONCE_PATTERN, text):
        begin, end = text.split(" - ")
        stamp = (local.date(), local.hour * 60 + local.minute)
        return stamped(begin) <= stamp < stamped(end)
    assert re.fullmatch(WEEKLY_PATTERN, text)
    named, times = text.split()
    first, _, last = named.partition("-")
    begin_at, end_at = (int(part[:2]) * 60 + int(part[3:]) for part in times.split("-"))
    numbers = [DAYS.index(first)]
    while DAYS[numbers[-1]] != (last or first):
        numbers.append((numbers[-1] + 1) % 7)
    minute = local.hour * 60 + local.minute
    if begin_at < end_at:
        return local.weekday() in numbers and begin_at <= minute < end_at
    return (local.weekday() in numbers and minute >= begin_at) or (
        (local.weekday() - 1) % 7 in numbers and minute < end_at
    )


def stamped(text: str) -> tuple[date, int]:
    day, at = text.split()
    minute = int(at[:2]) * 60 + int(at[3:])
    return date.fromisoformat(day) + timedelta(days=minute // 1440), minute % 1440


def expected(situation: tuple[str, list[str], list[str], datetime], moment: datetime) -> bool:
    zone, openings, closings, _ = situation
    local = moment.astimezone(ZoneInfo(zone))
    opened = not openings or any(lies_in(text, local) for text in openings)
    return opened and not any(lies_in(text, local) for text in closings)


def hours_of(situation: tuple[str, list[str], list[str], datetime]) -> Hours:
    zone, openings, closings, _ = situation
    try:
        return Hours.parse(zone, openings, closings)
    except ValueError as error:
        assume("never open" not in str(error))
        raise


@given(situations(), st.integers(1, 3 * 24 * 60))
def test_closed_seconds_are_the_closed_minutes_whatever_the_clock_does(situation: Any, lasts: int) -> None:
    hours, begin = hours_of(situation), situation[3]
    closed = sum(not expected(situation, begin + number * MINUTE) for number in range(lasts))
    assert hours.closed_seconds(begin, begin + lasts * MINUTE) == closed * 60


@given(situations(), st.integers(0, 59_999))
def test_it_is_closed_until_the_first_moment_at_which_it_is_open(situation: Any, milliseconds: int) -> None:
    hours = hours_of(situation)
    moment = situation[3] + timedelta(milliseconds=milliseconds)
    until = hours.closed_until(moment)
    assert (until is None) == expected(situation, moment) == hours.is_open(moment)
    if until is not None:
        assert until > moment
        assert expected(situation, until)
        assert not expected(situation, until - timedelta(microseconds=1))
        waited = (until - moment).total_seconds()
        assert hours.closed_seconds(moment, until) == pytest.approx(waited)


@given(situations(), st.lists(st.integers(0, 5 * 86_400), min_size=3, max_size=3))
def test_closed_seconds_add_up(situation: Any, offsets: list[int]) -> None:
    hours = hours_of(situation)
    first, middle, last = (situation[3] + timedelta(seconds=offset) for offset in sorted(offsets))
    whole = hours.closed_seconds(first, middle) + hours.closed_seconds(middle, last)
    assert hours.closed_seconds(first, last) == pytest.approx(whole)
    assert hours.closed_seconds(last, first) == 0 or first == last


@given(st.sampled_from(ZONES), st.data())
def test_a_day_ends_at_the_next_midnight(zone: str, data: st.DataObject) -> None:
    hours = Hours.parse(zone, [], [])
    near = data.draw(st.sampled_from(CHANGES[zone]))
    moment = near + timedelta(seconds=data.draw(st.integers(-86_400, 2 * 86_400)))
    midnight = hours.next_midnight(moment)
    assert moment < midnight <= moment + timedelta(hours=25)
    assert hours.day(midnight) > hours.day(moment) == hours.day(midnight - timedelta(microseconds=1))
