"""Several records of one number: which of them count, and what they mean together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Finding, Query, Unreadable
from adapters.fingerprints import Fingerprints
from adapters.registry.adapter import RegistryAdapter
from adapters.registry_tests.examination import examine
from adapters.rosters import MOST_ALIKE
from config.registry import RegistrySource
from tests.adapters.registry.described import NOON, Canned, judged
from tests.adapters.registry.licences import MAELLE, OLD, OTHERS, description, licence, pages_of, trial

VALID = licence()
UNKNOWN = licence(licence="L-3", status="dormant")
STRANGER = licence(licence="L-4", family="Vigie", given="Lazare")
NEWEST = {"newest": "issued"}

ACCEPTED = "accepted/record_matches"
INACTIVE = "refused/status_inactive"
AMBIGUOUS = "undetermined/ambiguous_record"


def verdict(several: Any, *records: dict[str, Any], query: Query = MAELLE, **changes: Any) -> str:
    found = found_in(several, records, query, **changes)
    return f"{found.outcome}/{found.reason}"


def found_in(several: Any, records: Sequence[dict[str, Any]], query: Query = MAELLE, **changes: Any) -> Finding:
    described = description(several=several, next=None, decode="json", **changes)
    return judged(described, query, *pages_of(records))


@pytest.mark.parametrize(
    ("records", "by_any", "by_all", "by_one"),
    [
        ([VALID], ACCEPTED, ACCEPTED, ACCEPTED),
        ([OLD], INACTIVE, INACTIVE, INACTIVE),
        ([OTHERS, VALID], ACCEPTED, ACCEPTED, ACCEPTED),
        ([OTHERS, OLD, OTHERS], INACTIVE, INACTIVE, INACTIVE),
        ([OTHERS], *["undetermined/record_differs"] * 3),
        ([VALID, OLD], ACCEPTED, INACTIVE, AMBIGUOUS),
        ([OLD, VALID], ACCEPTED, INACTIVE, AMBIGUOUS),
        ([VALID, VALID], ACCEPTED, ACCEPTED, AMBIGUOUS),
        ([OLD, OLD, OTHERS], INACTIVE, INACTIVE, AMBIGUOUS),
        ([VALID, UNKNOWN], ACCEPTED, "undetermined/status_unknown", AMBIGUOUS),
        ([OLD, UNKNOWN], "undetermined/status_unknown", INACTIVE, AMBIGUOUS),
        ([OLD, STRANGER], "undetermined/name_differs", INACTIVE, AMBIGUOUS),
        ([STRANGER, {**STRANGER, "status": "withdrawn"}], *["undetermined/name_differs"] * 2, AMBIGUOUS),
        ([VALID, licence("9-?")], ACCEPTED, "undetermined/record_differs", AMBIGUOUS),
        ([OLD, licence("9-?")], "undetermined/record_differs", INACTIVE, AMBIGUOUS),
    ],
)  # fmt: skip
def test_of_those_with_the_typed_number_any_or_all_must_pass(
    records: list[dict[str, Any]], by_any: str, by_all: str, by_one: str
) -> None:
    assert [verdict(several, *records) for several in ("any", "all", "one")] == [by_any, by_all, by_one]


def test_without_several_two_records_are_ambiguous_whosever_they_are() -> None:
    assert [verdict(None, *records) for records in ([VALID], [VALID, OLD], [VALID, OTHERS], [OTHERS])] == [
        ACCEPTED,
        AMBIGUOUS,
        AMBIGUOUS,
        "undetermined/record_differs",
    ]


@pytest.mark.parametrize("several", ["any", "all", "one", NEWEST])
@pytest.mark.parametrize("number", [None, "", []])
def test_a_record_without_a_number_may_be_theirs_so_that_nothing_is_decided(several: Any, number: Any) -> None:
    for records in ([VALID, {**OLD, "holder": number}], [OLD, {**VALID, "holder": number}], [licence(number)]):
        with pytest.raises(Unreadable):
            verdict(several, *records)


def test_a_record_that_cannot_be_read_is_not_left_out() -> None:
    for several in ("any", "all", NEWEST):
        with pytest.raises(Unreadable):
            verdict(several, VALID, {**OLD, "issued": "soon"})
        with pytest.raises(Unreadable):
            verdict(several, VALID, {**OLD, "status": {"code": 1}})


DAYS = {"a": "2011-03-01", "b": "2020-01-05", "month": "2020-01", "year": "2020", "next": "2027-01-01"}


@pytest.mark.parametrize(
    ("valid", "withdrawn", "expected"),
    [
        ("b", "a", ACCEPTED),
        ("a", "b", INACTIVE),
        ("b", "b", AMBIGUOUS),
        ("month", "b", AMBIGUOUS),
        ("b", "month", AMBIGUOUS),
        ("year", "month", AMBIGUOUS),
        ("month", "a", ACCEPTED),
        ("b", None, AMBIGUOUS),
        (None, "b", AMBIGUOUS),
        ("b", ["a", "a"], AMBIGUOUS),
        # After today, a licence may not have begun: the newest one of today must say the same.
        ("b", "next", AMBIGUOUS),
        ("next", "b", AMBIGUOUS),
        ("next", "next", AMBIGUOUS),
    ],
)
def test_the_newest_decides_if_every_record_says_when(valid: Any, withdrawn: Any, expected: str) -> None:
    def dated(record: dict[str, Any], day: Any) -> dict[str, Any]:
        return {**record, "issued": [DAYS[each] for each in day] if isinstance(day, list) else DAYS.get(day)}

    records = dated(VALID, valid), dated(OLD, withdrawn)
    assert [verdict(NEWEST, *records), verdict(NEWEST, *reversed(records))] == [expected, expected]


def test_newest_records_of_one_day_decide_if_they_agree() -> None:
    assert verdict(NEWEST, VALID, licence(licence="L-5"), OLD) == ACCEPTED
    assert verdict(NEWEST, {**VALID, "issued": "2010-01-01"}, OLD, {**OLD, "licence": "L-6"}) == INACTIVE
    assert verdict(NEWEST, licence(issued="2027-01-01"), VALID, OLD) == ACCEPTED
    assert verdict(NEWEST, licence(issued="2027-01-01"), licence(issued="2028-01-01", status="withdrawn")) == INACTIVE


def test_a_lone_record_needs_no_date() -> None:
    assert verdict(NEWEST, licence(issued=None), OTHERS) == ACCEPTED


STATES = {"valid": VALID, "withdrawn": OLD, "dormant": UNKNOWN, "stranger": STRANGER, "others": OTHERS}


@given(st.lists(st.sampled_from(sorted(STATES)), min_size=1, max_size=5))
def test_only_positive_evidence_decides_whatever_the_records(states: list[str]) -> None:
    own, records = {state for state in states if state != "others"}, [STATES[state] for state in states]
    by_any, by_all = (verdict(several, *records).partition("/")[0] for several in ("any", "all"))
    assert (by_any == "accepted") == ("valid" in own)
    assert (by_any == "refused") == (own == {"withdrawn"})
    assert (by_all == "accepted") == (own == {"valid"})
    assert (by_all == "refused") == ("withdrawn" in own)


def test_more_records_than_can_be_judged_are_ambiguous() -> None:
    most = [licence(licence=f"L-{index}") for index in range(MOST_ALIKE)]
    assert [verdict(several, *most) for several in ("any", "all")] == [ACCEPTED, ACCEPTED]
    assert [verdict(several, *most, VALID) for several in ("any", "all")] == [AMBIGUOUS, AMBIGUOUS]


def test_the_evidence_is_that_of_the_record_that_decided() -> None:
    found = found_in("all", [OTHERS, VALID, OLD])
    expected = {"records": 2, "name": "exact", "status": "inactive", "rule": "status"}
    assert found.evidence == {"version": 1, "step": "lookup", "http_status": 200, **expected}


def test_the_number_is_claimed_once_for_all_records() -> None:
    model = RegistrySource.model_validate(description(next=None, decode="json"))
    canned, prints = Canned(pages_of([VALID, OLD])), Fingerprints([bytes(32)])
    source = RegistryAdapter(model, secret=str, transport=canned, clock=lambda: NOON, name="l", fingerprints=prints)
    found = source.look_up(MAELLE)
    assert isinstance(found, Finding)
    assert found.claim is not None


def test_lint_wants_a_test_of_several_records() -> None:
    trials = [
        trial("valid", "accepted", *pages_of([VALID, OTHERS])),
        trial("withdrawn", "refused/status_inactive", *pages_of([OLD])),
        trial("down", "undetermined/source_unavailable") | {"responses": {"lookup": {"status": 503}}},
    ]

    def faults(tests: list[dict[str, Any]], several: Any = "any") -> list[tuple[Any, str]]:
        described = description(several=several, next=None, decode="json", tests=tests, absent="undetermined")
        model = RegistrySource.model_validate(described)
        assert list(model.faults()) == []
        return [(fault.place, fault.problem) for fault in examine(model, lambda *_: b"").faults]

    assert faults(trials) == [(("record", "several"), "no test has several records of one number")]
    assert faults([*trials, trial("both", "accepted", *pages_of([OLD, VALID]))]) == []
    assert faults([*trials, trial("both", "refused/status_inactive", *pages_of([OLD, VALID]))], "all") == []
    assert faults([*trials, trial("newest", "accepted", *pages_of([OLD, VALID]))], NEWEST) == []
    assert faults(trials, "one") == []
