"""What lint says of the tests of a description that do not fit it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

import examples.sources
from config.registry import RegistrySource
from config.registry.model.trials import Trial, TrialResponse
from jurat.vocabulary import Outcome, Reason

WHOLE: dict[str, Any] = YAML(typ="safe").load(
    Path(examples.sources.__file__).with_name("registry.yaml").read_text(encoding="utf-8")
)
del WHOLE["control"]
AGES = [{"check": "min_age", "field": "born", "requirement": "min_age"}]


def said(**changes: Any) -> list[tuple[str, str]]:
    """What is wrong where the first test is changed so."""
    described = copy.deepcopy(WHOLE)
    for path, value in changes.items():
        *above, last = path.split("__")
        holder: Any = described["tests"][0]
        for part in above:
            holder = holder[part]
        if value is ...:
            del holder[last]
        else:
            holder[last] = value
    try:
        RegistrySource.model_validate(described)
    except ValidationError as error:
        return [(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
    return []


def test_the_tests_of_the_example_fit_it() -> None:
    assert said() == []
    assert len(RegistrySource.model_validate(WHOLE).tests) == 4


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"name": "a suspended one"}, "tests.1.name", "another test has this name — give it one of its own"),
        (
            {"input__numbr": "1"},
            "tests.0.input.numbr",
            "there is no input 'numbr' — did you mean 'number'?",
        ),
        (
            {"input__zzz": "1"},
            "tests.0.input.zzz",
            "there is no input 'zzz' — there is number, family_name, given_name",
        ),
        (
            {"input__given_name": ...},
            "tests.0.input",
            "the form requires given_name — add it",
        ),
        (
            {"input": {"number": "9000010000"}},
            "tests.0.input",
            "the form requires family_name, given_name — add them",
        ),
        (
            {"require": {"profession": ["10"]}},
            "tests.0.require.profession",
            "there is no requirement in the rules 'profession' — did you mean 'professions'?",
        ),
        (
            {"require": {"professions": "10"}},
            "tests.0.require.professions",
            'must be a list of texts — write professions: ["…"]',
        ),
        (
            {"responses__lokup": {"status": 200}},
            "tests.0.responses.lokup",
            "there is no step 'lokup' — did you mean 'lookup'?",
        ),
        (
            {"responses": {"lookup": {"file": "preset:../../etc/passwd"}}},
            "tests.0.responses.lookup.file",
            "this is no file of a preset — write preset:NAME/FILE",
        ),
        (
            {"responses": {"lookup": {"json": [], "text": ""}}},
            "tests.0.responses.lookup.text",
            "does not go with json — keep one of them",
        ),
        ({"expect": "acepted"}, "tests.0.expect", "begin with accepted, refused or undetermined"),
        (
            {"expect": "refused/name_differs"},
            "tests.0.expect",
            "nothing is refused for 'name_differs' here — write undetermined/name_differs",
        ),
        (
            {"expect": "refused/inactive"},
            "tests.0.expect",
            "nothing is refused for 'inactive' here — did you mean 'status_inactive'?",
        ),
        (
            {"expect": "refused/code_used"},
            "tests.0.expect",
            (
                "nothing is refused for 'code_used' here — write one of activity_not_eligible, area_not_eligible, "
                "birth_date_differs, not_a_person, not_valid_at_date, profession_not_eligible, record_not_found, "
                "status_inactive, too_young"
            ),
        ),
        (
            {"expect": "accepted/yes"},
            "tests.0.expect",
            "nothing is accepted for 'yes' here — write record_matches",
        ),
        ({"today": "26/11/2026"}, "tests.0.today", "is no day — write the day as 2026-11-26"),
        ({"expect": "refused"}, "tests.0.expect", "write the reason after it, such as refused/status_inactive"),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(changes: dict[str, Any], place: str, message: str) -> None:
    assert (place, message) in said(**changes)


def test_a_requirement_where_no_rule_looks_at_one_is_to_be_removed() -> None:
    described = copy.deepcopy(WHOLE)
    described["rules"].pop()
    with pytest.raises(ValidationError, match="there is no requirement in the rules 'professions' — remove it"):
        RegistrySource.model_validate(described)


def test_a_test_expects_a_verdict() -> None:
    accepted = Trial.model_validate({"name": "a", "input": {}, "expect": "accepted"})
    assert (accepted.outcome, accepted.reason) == (Outcome.ACCEPTED, Reason.RECORD_MATCHES)
    refused = Trial.model_validate({"name": "a", "input": {}, "expect": "refused/too_young"})
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.TOO_YOUNG)


def test_an_empty_list_is_an_answer_and_nothing_is_none() -> None:
    assert TrialResponse.model_validate({"json": []}).content == []
    assert TrialResponse.model_validate({}).content is None
