"""An expression that finds nothing in the answers of tests is reported at its own line."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.adapters.registry_tests.test_examination import WHOLE, faults


@pytest.mark.parametrize(
    ("path", "value", "place", "problem", "hint"),
    [
        (
            "record__from",
            "body.professional",
            "record.from",
            "there is no record here in {}",
            "did you mean 'body.professionals'?",
        ),
        (
            "record__from",
            "body",
            "record.from",
            "what is here in {} is no record, for no field finds anything in it",
            "did you mean 'body.professionals'?",
        ),
        (
            "record__fields__number",
            "nummer",
            "record.fields.number",
            "there is nothing here in {}",
            "did you mean 'number'?",
        ),
        (
            "record__fields__professions",
            "profession.kode",
            "record.fields.professions",
            "there is nothing here in {}",
            "did you mean 'code'?",
        ),
        (
            "record__fields__names",
            "names[].{family: surname, given: given}",
            "record.fields.names",
            "there is no family name here in {}",
            "did you mean 'family'?",
        ),
        *(
            (
                "record__fields__names",
                expression,
                "record.fields.names",
                "what is here in {} is no list of {{family, given}}",
                hint,
            )
            for expression, hint in (
                ("names[].family", 'write it like "[{family: KEY, given: KEY}]"'),
                ("names[0].family", 'write it like "[{family: KEY, given: KEY}]"'),
                ("names[].{famly: family, given: given}", "did you mean 'family'?"),
                ("[{famly: names[0].family, given: names[0].given}]", "did you mean 'family'?"),
            )
        ),
        (
            "record__fields__status",
            "state",
            "record.fields.status",
            "there is nothing here in {}",
            "did you mean 'status'?",
        ),
        (
            "record__status",
            {"active": ["A"], "inactive": ["suspended", "struck_off"]},
            "record.status",
            'the status "active" in {} is none of these words',
            "add it to one of the meanings",
        ),
    ],
)
def test_an_expression_that_finds_nothing_is_told_once_at_its_line(
    path: str, value: Any, place: str, problem: str, hint: str
) -> None:
    """And not at each test that fails for it."""
    assert faults(**{path: value}) == [(place, problem.format("the answer of the test 'a physician'"), hint)]


def test_a_wrong_path_is_told_there_alone_whatever_its_tests_expect() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    tests.append(tests[0] | {"name": "a stranger", "input": tests[0]["input"] | {"family_name": "Corvec"}})
    tests[-1]["expect"] = "undetermined/name_differs"
    assert [place for place, *_ in faults(tests=tests)] == []
    assert [place for place, *_ in faults(tests=tests, record__from="body.professional")] == ["record.from"]


def test_a_test_that_fails_for_what_it_expects_is_told_there() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    tests[0]["input"]["given_name"] = "Ottilie"
    ((place, problem, _),) = [each for each in faults(tests=tests) if each[0].startswith("tests.0")]
    assert place == "tests.0.expect"
    assert problem == (
        "the test 'a physician' expects accepted and gives undetermined/name_differs: rules[1] decided "
        '("Ottilie Valombre" was typed, and the record has "Iris Anne Valombre": different)'
    )
