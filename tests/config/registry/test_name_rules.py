"""What lint demands of a description that compares names."""

from __future__ import annotations

from typing import Any

import pytest

from config.registry import RegistrySource
from config.registry.lint.rules import doubts_of
from config.registry.model.expressions import gives_given, lists_families
from tests.config.registry.model.test_source import EQUALS, ONE_OF, STATUS, VALID, complaints

FAMILY = {"check": "name", "family": "family_name", "compatible": "undetermined"}
WHOLE = "{family: holder}"


def described(rule: dict[str, Any], names: str = WHOLE, *inputs: str, **changes: Any) -> dict[str, Any]:
    """The valid description with another rule for names; asks for the number, the family name and `inputs`."""
    asked = {name: VALID["inputs"].get(name, {}) for name in ("number", "family_name", *inputs)}
    record = {**VALID["record"], "fields": {**VALID["record"]["fields"], "names": names}}
    return {**VALID, "inputs": asked, "record": record, "rules": [EQUALS, rule, STATUS, ONE_OF], **changes}


def test_a_whole_name_is_compared_whole() -> None:
    assert complaints(described(FAMILY)) == []
    for rule in ({**FAMILY, "compatible": "pass"}, {k: v for k, v in FAMILY.items() if k != "compatible"}):
        ((place, said),) = complaints(described(rule))
        assert place == "rules.1"
        assert "write compatible: undetermined" in said


def test_an_organisation_has_one_name() -> None:
    rule = {"check": "name", "kind": "organisation", "family": "family_name"}
    assert complaints(described(rule)) == []
    for option, value, *inputs in (("given", "given_name", "given_name"), ("two_surnames", True)):
        ((place, said),) = complaints(described({**rule, str(option): value}, WHOLE, *map(str, inputs)))
        assert place == f"rules.1.{option}"
        assert said == "an organisation has one name — remove it, or kind: organisation"


def test_a_given_name_that_the_form_asks_for_is_compared() -> None:
    ((place, said),) = complaints(described(FAMILY, WHOLE, "given_name"))
    assert place == "rules.1"
    wrong, hint = "participants are asked for 'given_name', and nothing compares it", "add given: given_name"
    assert said == f"{wrong} — {hint}, or do not ask for it"
    # What is sent, or compared by another rule, is asked for with reason.
    step = VALID["steps"][0]
    request = {**step["request"], "query": {"number": "{number}", "postcode": "{postcode}"}}
    assert complaints(described(FAMILY, WHOLE, "postcode", steps=[{**step, "request": request}])) == []
    other = {"check": "equals", "field": "professions", "input": "trade"}
    assert complaints({**described(FAMILY, WHOLE, "trade"), "rules": [EQUALS, FAMILY, other]}) == []


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (WHOLE, False),
        ("names[].{family: family, given: given}", True),
        ("name[].[{family: family, given: given}, {family: family, given: given[0]}][]", True),
        ("[basic, others][] | [?last].{family: last}", False),
        ("names", False),
    ],
)
def test_a_given_name_that_the_record_gives_is_compared(names: str, given: bool) -> None:
    assert gives_given(names) is given
    assert [said.partition(",")[0] for _, said in complaints(described(FAMILY, names))] == (
        ["the record has given names"] if given else []
    )
    assert complaints(described({**FAMILY, "given": "given_name"}, names, "given_name")) == []


@pytest.mark.parametrize(
    ("names", "lists"),
    [
        ("{family: [first, second], given: given}", True),
        ("people[].{family: [first, second]}", True),
        ("{family: family, given: [first, middle]}", False),
        ("{family: people[].family}", False),
        ("names", False),
    ],
)
def test_a_family_name_of_several_fields_is_one_that_the_description_puts_together(names: str, lists: bool) -> None:
    assert lists_families(names) is lists


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ({"clean": ["digits"], "format": "luhn"}, True),
        ({"format": "fr.rpps"}, True),
        ({"clean": ["digits"]}, False),
        ({"format": "luhn", "format_when": "family_name != 'x'"}, False),
    ],
)
def test_a_record_without_a_name_needs_a_number_with_check_digits(number: Any, fits: bool) -> None:
    rule = {"check": "name", "family": "family_name", "given": "given_name", "absent": "pass"}
    found = complaints({**VALID, "inputs": {**VALID["inputs"], "number": number}, "rules": [EQUALS, rule, STATUS]})
    assert [place for place, _ in found] == ([] if fits else ["rules.1.absent"])


def test_a_description_without_names_is_doubted() -> None:
    fields = {name: value for name, value in VALID["record"]["fields"].items() if name != "names"}
    source = {**VALID, "record": {**VALID["record"], "fields": fields}, "rules": [EQUALS, STATUS, ONE_OF]}
    [(place, said)] = doubts_of(RegistrySource.model_validate(source))
    assert place == ("record", "fields")
    assert "add names: EXPRESSION and check: name" in said
    assert not [*doubts_of(RegistrySource.model_validate(VALID))]
