"""What a record says about a day: status, validity and age, by the registry's own clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.base import Finding, Unreadable
from jurat.vocabulary import Outcome, Reason
from tests.adapters.registry.described import asked, description, judged, person, records

ACCEPTED = (Outcome.ACCEPTED, Reason.RECORD_MATCHES)
EXPIRED = (Outcome.REFUSED, Reason.NOT_VALID_AT_DATE)
UNKNOWN = (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
AMBIGUOUS = (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)
MISSING = (Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING)
TOO_YOUNG = (Outcome.REFUSED, Reason.TOO_YOUNG)
DIFFERS = (Outcome.REFUSED, Reason.BIRTH_DATE_DIFFERS)
NEARLY = (Outcome.UNDETERMINED, Reason.BIRTH_DATE_DIFFERS)

RULES = description()["rules"]
VALID: dict[str, Any] = {"check": "valid_at", "from": "begin", "until": "end"}
GROWN: dict[str, Any] = {"check": "min_age", "field": "born", "years": 18}


def look_up(
    rule: dict[str, Any],
    *,
    now: datetime = datetime(2026, 11, 5, 12, tzinfo=UTC),
    zone: str = "UTC",
    form: str = "iso",
    require: dict[str, Any] | None = None,
    **held: Any,
) -> tuple[Outcome, Reason]:
    """The verdict of the registry's rules, and of one more, on a record with these dates."""
    record = description()["record"]
    fields = {name: {"value": name, "date": form} for name in ("begin", "end", "born")}
    described = description(
        record={**record, "fields": {**record["fields"], **fields}, "timezone": zone}, rules=[*RULES, rule]
    )
    query = asked("9000010000", "Valombre", "Iris", **(require or {}))
    found: Finding = judged(described, query, records(person(**held)), now=now)
    return found.outcome, found.reason


@pytest.mark.parametrize(
    ("begin", "end", "verdict"),
    [
        ("2020-01-01", "2027-01-01", ACCEPTED),
        ("2026-11-05", "2026-11-05", ACCEPTED),  # from today, until today: to the end of the day
        ("2020-01-01", "2026-11-04", EXPIRED),  # until yesterday
        ("2026-11-06", "2027-01-01", EXPIRED),  # from tomorrow
        ("2020-01-01", "9999-12-31", ACCEPTED),
        ("2020", "2027", ACCEPTED),
        ("2020", "2026", UNKNOWN),
        ("2026", "2030", UNKNOWN),
        ("2026-10", "2026-12", ACCEPTED),
        ("2026-11", "2027", UNKNOWN),
        ("2020", "2026-11", UNKNOWN),
        ("2020", "2026-10", EXPIRED),
        ("2027", "2030", EXPIRED),
        ("2026", "2025", AMBIGUOUS),  # it ends before it begins
        (["2010-01-01", "2024-01-01"], ["2012-01-01", "2030-01-01"], AMBIGUOUS),  # of two, which?
        (["2010-01-01", "2024-01-01"], ["2030-01-01"], ACCEPTED),
        (["2010-01-01"], ["2012-01-01", "2026-11-04"], EXPIRED),
        (None, "2027-01-01", UNKNOWN),
        ("2020-01-01", None, UNKNOWN),
        ("2020-01-01", "", UNKNOWN),
        (None, None, UNKNOWN),
    ],
)
def test_today_lies_between_two_dates(begin: Any, end: Any, verdict: Any) -> None:
    assert look_up(VALID, begin=begin, end=end) == verdict


@pytest.mark.parametrize(
    ("dates", "verdict"),
    [
        ({"begin": "2020-01-01"}, ACCEPTED),
        ({"end": "2027-01-01"}, ACCEPTED),
        ({"end": "2026-11-04"}, EXPIRED),
        ({"begin": "2026-11-06"}, EXPIRED),
        ({}, UNKNOWN),  # of two dates neither is there: the registry has changed
    ],
)
def test_an_end_may_be_open_where_the_description_says_so(dates: Any, verdict: Any) -> None:
    assert look_up({**VALID, "absent": "pass"}, **dates) == verdict


def test_of_one_date_alone_nothing_is_an_open_end() -> None:
    rule = {"check": "valid_at", "until": "end"}
    assert look_up(rule, end=None) == UNKNOWN
    with pytest.raises(ValidationError, match="an expired record would pass"):
        look_up({**rule, "absent": "pass"}, end=None)
    assert look_up(rule, end="2026-11-05") == ACCEPTED
    assert look_up({"check": "valid_at", "from": "begin"}, begin="2026-11-06") == EXPIRED


@pytest.mark.parametrize(
    ("require", "optional", "verdict"),
    [
        ({"on": "2026-12-31"}, False, ACCEPTED),
        ({"on": "2027-01-02"}, False, EXPIRED),
        ({}, False, MISSING),
        ({}, True, ACCEPTED),
        ({"on": "soon"}, True, MISSING),
        ({"on": "2026-02-30"}, True, MISSING),
        ({"on": 2027}, True, MISSING),
        ({"on": ["2026-12-31"]}, True, MISSING),
    ],
)
def test_a_criterion_may_name_the_day(require: Any, optional: bool, verdict: Any) -> None:
    rule = {**VALID, "requirement": "on", "optional": optional}
    assert look_up(rule, begin="2020-01-01", end="2027-01-01", require=require) == verdict


@pytest.mark.parametrize(
    ("zone", "now", "verdict"),
    [
        ("Europe/Paris", "2026-11-05T22:59:59+00:00", ACCEPTED),  # 23:59:59 there
        ("Europe/Paris", "2026-11-05T23:00:00+00:00", EXPIRED),  # midnight there
        ("UTC", "2026-11-05T23:59:59+00:00", ACCEPTED),
        ("Pacific/Auckland", "2026-11-05T10:59:59+00:00", ACCEPTED),
        ("Pacific/Auckland", "2026-11-05T11:00:00+00:00", EXPIRED),
        ("America/Los_Angeles", "2026-11-06T07:59:59+00:00", ACCEPTED),
        ("America/Los_Angeles", "2026-11-06T08:00:00+00:00", EXPIRED),
        ("America/Los_Angeles", "2026-11-05T23:59:59-08:00", ACCEPTED),
    ],
)
def test_the_day_ends_where_the_registry_is(zone: str, now: str, verdict: Any) -> None:
    assert look_up(VALID, begin="2020-01-01", end="2026-11-05", zone=zone, now=datetime.fromisoformat(now)) == verdict


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Africa/Cairo", "America/Sao_Paulo"])
@pytest.mark.parametrize("year", [2017, 2018, 2026])
def test_a_day_is_whole_also_where_clocks_are_changed(zone: str, year: int) -> None:
    """On the days around a change, which have 23, 24 or 25 hours and some of which begin at one o'clock."""
    there = ZoneInfo(zone)
    checked = 0
    for hour in range(365 * 24):
        moment = datetime(year, 1, 1, 0, 30, tzinfo=UTC) + timedelta(hours=hour)
        around = {(moment + timedelta(days=off)).astimezone(there).utcoffset() for off in (-1, 1)}
        if len(around) == 1:
            continue
        today = moment.astimezone(there).date()
        yesterday = today - timedelta(days=1)
        assert look_up(VALID, begin="2000", end=today.isoformat(), zone=zone, now=moment) == ACCEPTED
        assert look_up(VALID, begin="2000", end=yesterday.isoformat(), zone=zone, now=moment) == EXPIRED
        checked += 1
    assert checked in (0, 96)  # two days around each of two changes, or none in that year


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("active", ACCEPTED),
        ("suspended", (Outcome.REFUSED, Reason.STATUS_INACTIVE)),
        ("struck_off", (Outcome.REFUSED, Reason.STATUS_INACTIVE)),
        ("trainee", (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)),
        ("a", (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)),
        ("", (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)),
        (None, (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)),
        (True, (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)),
        (["active", "suspended"], (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)),
    ],
)
def test_a_status_counts_by_its_own_word(status: Any, verdict: Any) -> None:
    dates: dict[str, Any] = {"begin": "2020-01-01", "end": "2027-01-01"}
    assert look_up(VALID, status=status, **dates) == verdict
    # Who was reactivated keeps the date of the deactivation: such a date alone says nothing.
    assert look_up(VALID, status=status, deactivated="2019-01-01", reactivated="2019-06-01", **dates) == verdict


def test_a_suspended_licence_is_refused_also_before_its_end_and_an_ended_one_also_while_active() -> None:
    assert look_up(VALID, status="active", begin="2020-01-01", end="2026-11-04") == EXPIRED
    assert look_up(VALID, status="suspended", begin="2020-01-01", end="2027-01-01")[1] is Reason.STATUS_INACTIVE


@pytest.mark.parametrize(
    ("born", "now", "verdict"),
    [
        ("2008-11-05", "2026-11-05", ACCEPTED),  # eighteen today
        ("2008-11-06", "2026-11-05", TOO_YOUNG),  # eighteen tomorrow
        ("1966-05-28", "2026-11-05", ACCEPTED),
        ("2008-02-29", "2026-02-28", TOO_YOUNG),
        ("2008-02-29", "2026-03-01", ACCEPTED),
        ("2008", "2026-11-05", UNKNOWN),
        ("2007", "2026-11-05", ACCEPTED),
        ("2009", "2026-11-05", TOO_YOUNG),
        ("2008-11", "2026-11-05", UNKNOWN),
        ("2008-10", "2026-11-05", ACCEPTED),
        ("2008-12", "2026-11-05", TOO_YOUNG),
        (["2008-01-01", "2010-01-01"], "2026-11-05", AMBIGUOUS),
        (["2010-01-01", "2010-01-02"], "2026-11-05", TOO_YOUNG),
        (None, "2026-11-05", UNKNOWN),
    ],
)
def test_an_age_is_reached_on_the_birthday(born: Any, now: str, verdict: Any) -> None:
    assert look_up(GROWN, born=born, now=datetime.fromisoformat(now + "T12:00:00+00:00")) == verdict


@pytest.mark.parametrize("born", ["2026-11-06", "2027", "9999-12-31"])
def test_a_birth_that_has_not_been_is_no_child(born: str) -> None:
    with pytest.raises(Unreadable):
        look_up(GROWN, born=born)


@pytest.mark.parametrize(
    ("require", "optional", "verdict"),
    [
        ({"age": 16}, False, ACCEPTED),
        ({"age": "16"}, False, ACCEPTED),
        ({"age": 19}, False, TOO_YOUNG),
        ({}, True, ACCEPTED),
        ({}, False, MISSING),
        ({"age": True}, False, MISSING),
        ({"age": -1}, False, MISSING),
        ({"age": 16.5}, False, MISSING),
        ({"age": ["16"]}, False, MISSING),
        ({"age": "sixteen"}, False, MISSING),
    ],
)
def test_a_criterion_may_say_how_old(require: Any, optional: bool, verdict: Any) -> None:
    rule = {"check": "min_age", "field": "born", "requirement": "age", "optional": optional}
    assert look_up(rule, born="2008-11-05", require=require) == verdict


@pytest.mark.parametrize("form", ["epoch_s", "epoch_ms"])
def test_a_moment_counts_on_the_day_that_it_is_there(form: str) -> None:
    ends = datetime(2026, 11, 4, 23, 30, tzinfo=UTC).timestamp() * (1000 if form == "epoch_ms" else 1)
    begins = ends - 10**8 * (1000 if form == "epoch_ms" else 1)
    for end in (int(ends), str(int(ends))):
        assert look_up(VALID, begin=int(begins), end=end, form=form, zone="Europe/Paris") == ACCEPTED
        assert look_up(VALID, begin=int(begins), end=end, form=form, zone="UTC") == EXPIRED


def test_a_registry_that_changes_between_seconds_and_milliseconds_is_unreadable() -> None:
    ends = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    for form, end in (("epoch_s", ends * 1000), ("epoch_ms", ends)):
        with pytest.raises(Unreadable):
            look_up({"check": "valid_at", "until": "end"}, end=end, form=form)


@pytest.mark.parametrize(
    ("born", "verdict"),
    [
        ("1966-05-28", ACCEPTED),
        ("1974-09-03", DIFFERS),
        ("1966-05", ACCEPTED),
        ("1966", ACCEPTED),
        ("1974", DIFFERS),
        ("1974-05", DIFFERS),
        (["1974-09-03", "1966-05-28"], ACCEPTED),
        (None, UNKNOWN),
        # a slip, of whomever
        ("1966-05-29", NEARLY),
        ("1966-05-82", None),
        ("1956-05-28", NEARLY),
        ("1966-06-28", NEARLY),
        ("1967", NEARLY),
        ("1966-07", NEARLY),
        (["1974-09-03", "1966-05-29"], NEARLY),
        ("1966-01-01", NEARLY),
        ("1970-01-01", NEARLY),
    ],
)
def test_a_birth_date_is_compared_as_a_day(born: Any, verdict: Any) -> None:
    if verdict is None:
        with pytest.raises(Unreadable):
            born_on("1966-05-28", born)
    else:
        assert born_on("1966-05-28", born) == verdict


def born_on(typed: str, held: Any, reason: str = "birth_date_differs") -> tuple[Outcome, Reason]:
    record = description()["record"]
    rule = {"check": "equals", "field": "born", "input": "born", "else": "refused", "reason": reason}
    described = description(
        inputs={**description()["inputs"], "born": {"type": "date"}},
        record={**record, "fields": {**record["fields"], "born": {"value": "born", "date": "iso"}}},
        rules=[*RULES, rule],
    )
    query = asked("9000010000", "Valombre", "Iris")
    found = judged(described, type(query)({**query.answer, "born": typed}, timeout=5.0), records(person(born=held)))
    return found.outcome, found.reason


@given(st.dates(date(1930, 2, 1), date(2010, 12, 31)), st.data())
def test_no_slip_in_a_birth_date_refuses(born: date, data: st.DataObject) -> None:
    text = born.isoformat()
    place = data.draw(st.sampled_from([index for index, each in enumerate(text) if each != "-"]))
    neighbour = text[place + 1 : place + 2].strip("-")
    swapped = text[:place] + neighbour + text[place] + text[place + 2 :] if neighbour else text
    wrong = text[:place] + data.draw(st.sampled_from("0123456789")) + text[place + 1 :]
    other = f"{born.year}-{born.day:02}-{born.month:02}"
    for typed in (swapped, wrong, other, f"{born.year}-01-01"):
        try:
            date.fromisoformat(typed)
        except ValueError:
            continue
        if "1900-01-01" <= typed <= "2026-11-05":
            for one, another in ((typed, text), (text, typed)):
                if another > "1900-01-01":
                    assert born_on(one, another) == (ACCEPTED if one == another else NEARLY)


def test_another_date_than_a_birth_that_is_nearly_the_same_is_another_record() -> None:
    assert born_on("1966-05-28", "1966-05-29", "not_valid_at_date") == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)


days = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@given(st.lists(days, min_size=1, max_size=3), st.lists(days, min_size=1, max_size=3), st.booleans())
def test_only_days_that_are_past_or_to_come_for_certain_refuse(
    begins: list[date], ends: list[date], by_month: bool
) -> None:
    today = date(2026, 11, 5)
    begin, end = ([day.isoformat()[: 7 if by_month else 10] for day in each] for each in (begins, ends))
    first, last = min(begins), max(ends)
    if by_month:
        first, last = first.replace(day=1), (last.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(1)
    verdict = look_up(VALID, begin=begin, end=end)
    assert (verdict == EXPIRED) is (first <= last and (last < today or today < first))
    if verdict == ACCEPTED:
        assert max(begins) <= today <= min(ends)
