"""Words and codes that a record is compared with: none that any record has, and none that no record can have."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from config.registry import RegistrySource
from config.registry.model.demands import misfit
from config.registry.model.rules import Demanded, OneOfRule
from tests.config.registry.model.test_source import EQUALS, NAME, ONE_OF, STATUS, VALID, changed, complaints

DECOMPOSED = unicodedata.normalize("NFD", "Médecin")
COMPOSED = unicodedata.normalize("NFC", DECOMPOSED)
LISTED = {"check": "one_of", "field": "professions", "values": ["10"], "refuses": ["21"], "else": "refused"}
LISTED = {**LISTED, "reason": "profession_not_eligible"}


@pytest.mark.parametrize("words", [[], [""], ["10", ""], [" 10"], ["10\u00a0"], [" "]])
@pytest.mark.parametrize("option", ["values", "refuses"])
def test_a_list_holds_words_that_a_record_can_have(option: str, words: list[str]) -> None:
    described = changed("rules.3", {**LISTED, option: words})
    assert any(where.startswith(f"rules.3.one_of.{option}") for where, _ in complaints(described))
    assert any(
        where.startswith("record.status.active") for where, _ in complaints(changed("record.status.active", words))
    )


@pytest.mark.parametrize("codes", [[""], ["10", ""], ["10 "], ("\t",)])
def test_a_criterion_demands_codes_that_a_record_can_have(codes: Any) -> None:
    said, hint = misfit(Demanded.CODES, "professions", codes) or ("", "")
    assert "empty or has spaces around it" in said
    assert hint == "correct it, or remove it"


def test_words_are_composed_as_those_of_a_record_are() -> None:
    described = changed("rules.3", {**LISTED, "values": [DECOMPOSED], "refuses": [DECOMPOSED + "s"]})
    described["record"]["status"]["active"] = [DECOMPOSED]
    described["inputs"]["kind"] = {"values": {DECOMPOSED: DECOMPOSED}}
    source = RegistrySource.model_validate(described)
    rule = source.rules[3]
    assert isinstance(rule, OneOfRule)
    assert (rule.values, rule.refusing) == ((COMPOSED,), (COMPOSED + "s",))
    assert source.record.status["active"] == (COMPOSED,)
    assert source.inputs["kind"].values == {COMPOSED: COMPOSED}
    written = source.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert RegistrySource.model_validate(written) == source


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (" dni", "has no spaces around it"),
        ("dni ", "has no spaces around it"),
        ("", "at least 1"),
        ("d\u200bni", "no one sees or types"),
        ("d\u00a0ni", "no one sees or types"),
        ("d\x07ni", "no one sees or types"),
    ],
)
def test_a_choice_is_one_that_can_be_typed(key: str, said: str) -> None:
    found = complaints(changed("inputs.kind", {"values": {key: "01"}}))
    assert any(where.startswith("inputs.kind.values") and said in what for where, what in found), found


@pytest.mark.parametrize(
    ("rule", "place", "said"),
    [
        ({**LISTED, "refuses": None}, "rules.4.values", "add refuses: [WORD, …]"),
        ({**LISTED, "else": "undetermined", "reason": "record_differs"}, "rules.4.refuses", "write else: refused"),
        ({**LISTED, "refuses": ["21", "10"]}, "rules.4.refuses", "'10' is also among the values"),
        ({**LISTED, "reason": "status_inactive"}, "rules.4.reason", "write check: status"),
        ({**LISTED, "field": "status"}, "rules.4.field", "write check: status, is: MEANING"),
        ({**EQUALS, "absent": "pass"}, "rules.4.absent", "a record without a number could be anyone's"),
    ],
)
def test_a_rule_refuses_for_words_that_are_listed(rule: dict[str, Any], place: str, said: str) -> None:
    found = complaints({**VALID, "rules": [EQUALS, NAME, STATUS, ONE_OF, rule]})
    assert [where for where, _ in found] == [place], found
    assert said in found[0][1]


@pytest.mark.parametrize(
    "rule",
    [
        LISTED,
        {**LISTED, "match": "prefix"},
        {**ONE_OF, "refuses": ["21"]},
        ONE_OF,
        {**LISTED, "refuses": None, "else": "undetermined", "reason": "record_differs"},
    ],
)
def test_codes_that_a_criterion_demands_go_without_a_list_of_the_others(rule: dict[str, Any]) -> None:
    assert complaints({**VALID, "rules": [EQUALS, NAME, STATUS, rule]}) == []
