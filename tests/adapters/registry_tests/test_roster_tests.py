"""The tests that a roster brings along: run offline, and what they say where they fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.registry_tests.examination import Examination, examine_roster
from config.registry.roster import RosterSource
from config.registry.trial_files import NoFile

LIST = "Ref No;Surname;Status\n9000 010 000;Valombre;on\n9000010372;Sardel;off\n7;X;on\n7;Y;on\n8;Z;gone\n"

ROWS = [
    {"Ref No": "9000 010 000", "Surname": "Valombre", "Status": "on"},
    {"Ref No": "9000010372", "Surname": "Sardel", "Status": "off"},
    {"Ref No": "3", "Surname": "Müller-Lyer, Ö;", "Status": "on"},
]


def trial(number: str, family: str, expect: str, **changes: Any) -> dict[str, Any]:
    answer = {"number": number, "family_name": family}
    name = f"{number} {family} {expect}"
    return {"name": name, "input": answer, "responses": {"file": {"text": LIST}}, "expect": expect, **changes}


def source(*tests: dict[str, Any], **changes: Any) -> RosterSource:
    described = {
        "type": "roster",
        "dataset": "members",
        "max_age": "60d",
        "file": {"encoding": "utf-8", "delimiter": ";", "number": "Ref No", "keep": ["Surname", "Status"]},
        "inputs": {"number": {"clean": ["digits"]}, "family_name": {}},
        "record": {
            "fields": {"names": "{family: Surname}", "status": "Status"},
            "status": {"active": ["on"], "inactive": ["off"]},
        },
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "compatible": "undetermined"},
            {"check": "status", "is": "active"},
        ],
        "tests": list(tests),
    }
    return RosterSource.model_validate({**described, **changes})


GOOD = (
    trial("9000010000", "Valombre", "accepted"),
    trial("9000010372", "Sardel", "refused/status_inactive"),
    trial("9000010372", "Valombre", "undetermined/name_differs"),
    trial("7", "X", "undetermined/ambiguous_record"),
    trial("8", "Z", "undetermined/status_unknown"),
    trial("1", "X", "undetermined/record_not_found"),
    trial("one", "X", "undetermined/number_malformed", responses={}),
)


def examined(*tests: dict[str, Any], **changes: Any) -> Examination:
    def read(place: object, name: str) -> bytes:
        if name == "none.csv":
            raise NoFile("the file none.csv cannot be read — fix it")
        return json.dumps(ROWS).encode() if name == "rows.json" else LIST.encode()

    return examine_roster(source(*tests, **changes), read)


def problems(*tests: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    return [(".".join(map(str, fault.place)), fault.problem) for fault in examined(*tests, **changes).faults]


def test_good_tests_are_passed_and_leave_nothing_to_mend() -> None:
    found = examined(*GOOD)
    assert [results.found for results in found.results] == [test["expect"] for test in GOOD]
    assert all(results.passed for results in found.results)
    assert (found.moods, found.faults) == ((), ())


def test_who_differs_by_leading_zeros_is_not_refused_for_being_absent() -> None:
    record = {**source().model_dump(mode="json", by_alias=True)["record"], "absent": "refused"}
    del record["fields"]["number"]
    zeros = "Ref No;Surname;Status\n0099;Valombre;on\n100;Sardel;on\n"
    others = [
        trial(number, "X", expect, responses={"file": {"text": zeros}})
        for number, expect in (
            ("000100", "undetermined/record_not_found"),
            ("99", "undetermined/record_not_found"),
            ("00000099", "undetermined/record_not_found"),
            ("990", "refused/record_not_found"),
            ("10", "refused/record_not_found"),
        )
    ]
    known = [test for test in GOOD if not test["expect"].endswith("record_not_found")]
    assert problems(*known, *others, record=record) == []


def test_a_file_is_read_as_an_imported_one_is() -> None:
    from_file = [{**test, "responses": {"file": {"file": "list.csv"}}} for test in GOOD[:3]]
    assert problems(*from_file) == []
    latin = {"encoding": "windows-1252", "delimiter": ";", "number": "Ref No", "keep": ["Surname", "Status"]}
    named = "Ref No;Surname;Status\n1;Müller;on\n"
    assert problems(*GOOD, trial("1", "Muller", "accepted", responses={"file": {"text": named}}), file=latin) == []


@pytest.mark.parametrize(
    ("test", "place", "problem"),
    [
        (
            trial("9000010000", "Valombre", "refused/status_inactive"),
            "tests.7.expect",
            "expects refused/status_inactive and gives accepted: every rule held",
        ),
        (
            trial("9000010372", "Sardel", "accepted"),
            "tests.7.expect",
            "gives refused/status_inactive: rules[2] decided",
        ),
        (trial("9000010372", "X", "accepted"), "tests.7.expect", "gives undetermined/name_differs: rules[1] decided"),
        (trial("1", "X", "accepted"), "tests.7.expect", "record_not_found: record.absent decided"),
        (trial("7", "X", "accepted"), "tests.7.expect", "ambiguous_record: file.number decided"),
        (
            trial("x", "X", "accepted"),
            "tests.7.expect",
            'number_malformed: inputs.number decided ("x" was typed; not fit for clean: [digits])',
        ),
        (
            trial("1", "", "accepted"),
            "tests.7.expect",
            "gives undetermined/answer_unreadable: inputs.family_name decided (missing)",
        ),
        (
            trial("1", "X", "accepted", responses={"file": {"text": "Ref No;Surname;Status\n;X;on\n"}}),
            "tests.7.responses.file",
            "its list cannot be read: list:2: column Ref No: is empty",
        ),
        (trial("1", "X", "accepted", responses={}), "tests.7", "the list was asked, and the test has none"),
        (
            trial("1", "X", "accepted", responses={"file": {"file": "list.json"}}),
            "tests.7.responses.file.file",
            "the file list.json has no rows",
        ),
        (
            trial("1", "X", "accepted", responses={"file": {"file": "none.csv"}}),
            "tests.7.responses.file.file",
            "the file none.csv cannot be read",
        ),
    ],
)
def test_a_test_that_fails_says_where_and_why(test: dict[str, Any], place: str, problem: str) -> None:
    ((where, what),) = problems(*GOOD, test)
    assert where == place
    assert problem in what


@pytest.mark.parametrize("response", [{"json": ROWS}, {"file": "rows.json"}, {"file": "rows.json", "status": 200}])
@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8"), (",", "windows-1252"), ("\t", "iso-8859-2")])
def test_rows_are_written_as_the_list_is(response: dict[str, Any], delimiter: str, encoding: str) -> None:
    layout = {"encoding": encoding, "delimiter": delimiter, "number": "Ref No", "keep": ["Surname", "Status"]}
    rows = [{**test, "responses": {"file": response}} for test in GOOD[:3]]
    unlike = trial("3", "Müller-Lyer, Ö;", "accepted", responses={"file": response})
    assert problems(*rows, unlike, file=layout) == []


def test_the_day_of_a_test_is_the_day_of_its_list() -> None:
    rules = [
        {"check": "equals", "field": "number", "input": "number"},
        {"check": "name", "family": "family_name", "compatible": "undetermined"},
        {"check": "valid_at", "until": "until"},
    ]
    record = {"fields": {"names": "{family: Surname}", "until": {"value": "Status", "date": "%d/%m/%Y"}}}
    until = {"file": {"text": "Ref No;Surname;Status\n1;X;31/12/2030\n"}}
    tests = [
        trial("1", "X", "accepted", today="2030-12-31", responses=until),
        trial("1", "X", "refused/not_valid_at_date", today="2031-01-01", responses=until),
        trial("2", "X", "undetermined/record_not_found", responses=until),
    ]
    assert problems(*tests, rules=rules, record=record) == []


def test_without_a_test_of_each_outcome_nothing_is_published() -> None:
    assert problems() == [
        ("tests", "no test expects accepted nor refused nor undetermined, and without it nothing is published")
    ]
    harmless = [
        {"check": "equals", "field": "number", "input": "number"},
        {"check": "name", "family": "family_name", "compatible": "undetermined"},
    ]
    record = {"fields": {"names": "{family: Surname}"}}
    file = {"encoding": "utf-8", "delimiter": ";", "number": "Ref No", "keep": ["Surname"]}
    assert problems(GOOD[0], GOOD[2], rules=harmless, record=record, file=file) == []
