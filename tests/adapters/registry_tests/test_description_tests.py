"""The tests of a description: each message, provoked once."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from adapters.registry_tests.description_tests import TrialResult, run_trials
from adapters.registry_tests.offline_run import OfflineRun
from config.registry import RegistrySource
from config.registry.trial_files import NoFile
from tests.adapters.registry.described import description, person, records

INPUT = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
BORN = {"born": {"value": "born", "date": "%Y-%m-%d"}}


def run(test: dict[str, Any], files: dict[str, bytes] | None = None, **changes: Any) -> TrialResult:
    """What becomes of one test of the description."""
    described = description(**changes, tests=[{"name": "one", "input": INPUT, "expect": "accepted", **test}])
    source = RegistrySource.model_validate(described)

    def read_file(place: tuple[str | int, ...], name: str) -> bytes:
        assert place == ("tests", 0, "responses", "lookup", "file")
        if name not in (files or {}):
            raise NoFile(f"the file {name} cannot be read: No such file or directory — look for it")
        return (files or {})[name]

    (found,) = run_trials(OfflineRun(source), read_file)
    assert found.passed == (found.problem == "")
    return found


def answered(**response: Any) -> dict[str, Any]:
    return {"responses": {"lookup": response}}


GOOD = answered(json=records(person()))


def test_a_test_that_gives_what_it_expects_passes() -> None:
    found = run(GOOD)
    assert (found.passed, found.found, found.expected, found.problem) == (True, "accepted", "accepted", "")
    assert found.replies["lookup"].headers["content-type"] == "application/json"


def test_the_expectation_names_outcome_and_reason() -> None:
    inactive = answered(json=records(person(status="suspended")))
    assert run({**inactive, "expect": "refused/status_inactive"}).passed
    assert run({**answered(status=503), "expect": "undetermined/source_unavailable"}).passed
    assert run({"input": {**INPUT, "number": "123"}, "expect": "undetermined/number_malformed"}).passed


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        (
            answered(json=records(person(status="suspended"))),
            (
                "expects accepted and gives refused/status_inactive: rules[2] decided "
                '("active" is required, and the record has "suspended")'
            ),
        ),
        (
            answered(json={"count": 0, "professionals": []}),
            "expects accepted and gives refused/record_not_found: steps[0].outcomes[2] decided",
        ),
        (
            answered(status=503),
            (
                "expects accepted and gives undetermined/source_unavailable: steps[0].outcomes[1] decided "
                "(its description takes this answer (HTTP 503) for source_unavailable)"
            ),
        ),
        (
            answered(text="<html>"),
            (
                "expects accepted and gives undetermined/source_unreadable: steps[0] decided (the answer is not JSON, "
                "or not strictly)"
            ),
        ),
        (
            answered(json={"count": 2, "professionals": [person(), person()]}),
            "expects accepted and gives undetermined/ambiguous_record: record.from decided",
        ),
        (
            answered(json={"count": 1, "professionals": []}),
            "expects accepted and gives undetermined/record_not_found: record.absent decided",
        ),
        (
            answered(json=records(person(number=None))),
            (
                "expects accepted and gives undetermined/source_unreadable: record.fields decided (the record has no "
                "number)"
            ),
        ),
        (
            {"input": {**INPUT, "number": "123"}},
            (
                "expects accepted and gives undetermined/number_malformed: inputs.number decided "
                '("123" was typed; not luhn after clean: [digits])'
            ),
        ),
        (
            {**GOOD, "expect": "refused/status_inactive"},
            "expects refused/status_inactive and gives accepted: every rule held",
        ),
    ],
)
def test_a_red_test_says_what_decided(test: dict[str, Any], problem: str) -> None:
    found = run(test)
    assert found.problem == f"the test 'one' {problem} — fix the description, or the test where it is mistaken"
    assert found.place == ("tests", 0, "expect")


def test_a_step_that_is_asked_needs_a_response() -> None:
    found = run({})
    assert found.problem == ("the step 'lookup' was asked, and the test has no response for it — add it to responses:")
    assert found.place == ("tests", 0, "responses")


def test_a_response_that_is_not_asked_for_is_too_many() -> None:
    found = run({"input": {**INPUT, "number": "123"}, **GOOD, "expect": "undetermined/number_malformed"})
    assert found.problem == (
        "the lookup ended before the step 'lookup' was asked (inputs.number decided (not luhn after clean: [digits])) "
        "— remove this response"
    )
    assert found.place == ("tests", 0, "responses", "lookup")


def test_a_file_that_is_not_there_is_told_where_it_is_named() -> None:
    found = run(answered(file="no.json"))
    assert found.problem.startswith("the file no.json cannot be read: No such file or directory — ")
    assert found.place == ("tests", 0, "responses", "lookup", "file")


@pytest.mark.parametrize(
    ("name", "kind"), [("one.json", "application/json"), ("one.html", "text/html"), ("one", "application/json")]
)
def test_a_file_is_an_answer_of_the_kind_that_its_name_tells(name: str, kind: str) -> None:
    found = run(answered(file=name), {name: b'{"count": 1, "professionals": []}'})
    assert found.replies["lookup"].headers["content-type"].startswith(kind)
    assert found.found == "undetermined/record_not_found"


def test_headers_are_given_as_the_registry_gives_them() -> None:
    found = run(answered(status=429, headers={"Retry-After": "120", "Content-Type": "text/plain"}, text="wait"))
    reply = found.replies["lookup"]
    assert (reply.retry_after, reply.headers["content-type"]) == (120.0, "text/plain")


def test_an_answer_that_is_larger_than_max_bytes_is_unreadable_as_it_would_be() -> None:
    found = run({**answered(text=" " * 2000), "expect": "undetermined/source_unreadable"}, max_bytes="1KiB")
    assert found.passed


def test_a_test_is_judged_on_its_own_day_in_the_registrys_zone() -> None:
    record = {
        **description()["record"],
        "timezone": "Pacific/Kiritimati",
        "fields": {**description()["record"]["fields"], **BORN},
    }
    rules = [*description()["rules"][:3], {"check": "min_age", "field": "born", "years": 18, "reason": "too_young"}]
    rules[-1] |= {"else": "refused"}
    grown = {**answered(json=records(person(born="2008-11-26"))), "today": "2026-11-26"}
    assert run(grown, record=record, rules=rules).passed
    day_before = {**grown, "today": "2026-11-25", "expect": "refused/too_young"}
    assert run(day_before, record=record, rules=rules).passed


def test_secrets_are_made_up_and_no_file_or_variable_is_read(tmp_path: Path) -> None:
    request = copy.deepcopy(description()["steps"][0])
    request["request"]["auth"] = {"type": "bearer", "token": "{secrets.key}"}
    secrets = {"key": {"file": str(tmp_path / "not-there")}}
    assert run(GOOD, steps=[request], secrets=secrets).passed


def test_two_steps_are_answered_each_by_its_own() -> None:
    login = {
        "name": "login",
        "request": {"url": "http://127.0.0.1/login"},
        "set": {"token": "body.token"},
    }
    lookup = copy.deepcopy(description()["steps"][0])
    lookup["request"]["headers"] = {"X-Token": "{token}"}
    steps = [login, lookup]
    both = {"responses": {"login": {"json": {"token": "t"}}, **GOOD["responses"]}}
    assert run(both, steps=steps).passed
    found = run({"responses": {"login": {"json": {}}}}, steps=steps)
    assert "steps[0] decided (a value in the answer is no text" in found.problem
    assert "the step 'lookup' was asked" in run({"responses": {"login": {"json": {"token": "t"}}}}, steps=steps).problem
