"""What the options of `check: name` change."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.base import Query
from config.presets import FOLDER
from config.yaml_reader import read
from jurat.vocabulary import Outcome, Reason
from tests.adapters.registry.described import asked, description, judged, person, records

EQUALS, NAME, *OTHERS = description()["rules"]
ACCEPTED = (Outcome.ACCEPTED, Reason.RECORD_MATCHES)
DIFFERS = (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)


def verdict(held: Any, query: Query, **changes: Any) -> tuple[Outcome, Reason]:
    found = judged(description(**changes), query, records(held))
    return found.outcome, found.reason


@pytest.mark.parametrize(("options", "expected"), [({}, DIFFERS), ({"two_surnames": True}, ACCEPTED)])
def test_one_of_two_common_surnames_is_enough_where_people_have_two(options: Any, expected: Any) -> None:
    held = person(names=[{"family": "GARCIA LOPEZ", "given": "TUGDUAL"}])
    rules = [EQUALS, {**NAME, **options}, *OTHERS]
    assert verdict(held, asked("9000010000", "García", "Tugdual"), rules=rules) == expected


def test_the_preset_of_spain_says_so() -> None:
    (rule,) = (rule for rule in read([FOLDER / "es-census-soap.yaml"]).data["rules"] if rule["check"] == "name")
    assert rule["two_surnames"] is True


@pytest.mark.parametrize(
    ("typed", "options", "expected"),
    [
        ("Wren & Fenn Limited", {}, ACCEPTED),
        ("Wren and Fenn", {}, ACCEPTED),
        ("Wren and Fenn", {"compatible": "undetermined"}, DIFFERS),
        ("Wren & Fenn PLC", {}, DIFFERS),
        ("Fenn Ltd", {}, DIFFERS),
    ],
)
def test_an_organisation_bears_its_whole_name(typed: str, options: Any, expected: Any) -> None:
    held = person(names=[{"family": "WREN AND FENN LTD"}])
    assert verdict(held, asked("9000010000", typed, ""), **organisations(**options)) == expected


def test_a_person_is_no_organisation() -> None:
    held = person(names=[{"family": "WREN AND FENN LTD", "given": "Iris"}])
    found = verdict(held, asked("9000010000", "Wren & Fenn Ltd", ""), **organisations())
    assert found == (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)


def organisations(**options: Any) -> dict[str, Any]:
    record = {**description()["record"], "fields": {**description()["record"]["fields"], "names": "names"}}
    inputs = {name: field for name, field in description()["inputs"].items() if name != "given_name"}
    rule = {"check": "name", "kind": "organisation", "family": "family_name", **options}
    return {"record": record, "inputs": inputs, "rules": [EQUALS, rule, *OTHERS]}
