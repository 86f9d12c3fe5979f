"""A failed test shows what was compared: its people are invented."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from adapters.person_names.comparison import Name
from adapters.registry.dates import DaySpan
from adapters.registry.record import Record
from adapters.registry_tests.comparisons import comparison_text
from config.registry import RegistrySource
from config.registry.model.trials import Trial
from tests.adapters.registry.described import description

YEAR = DaySpan(date(2027, 1, 1), date(2027, 12, 31))
DAY = DaySpan(date(2020, 2, 29), date(2020, 2, 29))
RECORD = Record(
    {"number": ("9000010000",), "status": ("lapsed",), "professions": ("10", "21", "26", "70"), "area": ()},
    (Name("Valombre", "Iris Anne", "Jr"), Name("Sardel", "")),
    {"since": (DAY,), "until": (YEAR,), "born": (DAY,)},
)
FIELDS = {
    "number": "number",
    "names": "names",
    "status": "status",
    "professions": "professions",
    "area": "area",
    **{name: {"value": name, "date": "iso"} for name in ("since", "until", "born")},
}
TYPED = {"number": "9000 010 745", "family_name": "Valombre", "given_name": "Iris — Anne"}
HAS_NAMES = 'the record has "Iris Anne Valombre Jr" or "Sardel"'


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"check": "equals", "field": "number", "input": "number"},
            '"9000 010 745" was typed, and the record has "9000010000"',
        ),
        (
            {"check": "name", "family": "family_name", "given": "given_name"},
            f'"Iris - Anne Valombre" was typed, and {HAS_NAMES}: close',
        ),
        (
            {"check": "name", "family": "family_name", "compatible": "undetermined"},
            f'"Valombre" was typed, and {HAS_NAMES}: close',
        ),
        ({"check": "status", "is": "active"}, '"active" or "on" is required, and the record has "lapsed"'),
        (
            {"check": "one_of", "field": "professions", "values": ["31"], "reason": "record_differs"},
            '"31" is required, and the record has "10" or "21" or "26" …',
        ),
        (
            {"check": "one_of", "field": "area", "requirement": "areas", "reason": "record_differs"},
            '"north" or "south" is required, and the record has nothing',
        ),
        (
            {"check": "one_of", "field": "area", "requirement": "area", "reason": "record_differs"},
            '"east" is required, and the record has nothing',
        ),
        (
            {"check": "valid_at", "from": "since", "until": "until"},
            'it must be valid on 2026-11-26, and the record has "2020-02-29" and "2027-01-01 to 2027-12-31"',
        ),
        (
            {"check": "valid_at", "until": "until", "requirement": "day"},
            'it must be valid on 2028-01-01, and the record has "2027-01-01 to 2027-12-31"',
        ),
        (
            {"check": "min_age", "field": "born", "years": 18},
            'an age of 18 is required on 2026-11-26, and the record has "2020-02-29"',
        ),
        (
            {"check": "min_age", "field": "born", "requirement": "age"},
            'an age of 16 is required on 2026-11-26, and the record has "2020-02-29"',
        ),
    ],
)
def test_each_rule_says_what_it_compared(rule: dict[str, Any], said: str) -> None:
    before = [{"check": "equals", "field": "number", "input": "number"}]
    names = [{"check": "name", "family": "family_name", "given": "given_name"}]
    rules = [*before, *names, rule] if rule["check"] != "name" else [*before, rule]
    fields = FIELDS if "given" in rule or rule["check"] != "name" else FIELDS | {"names": "{family: name}"}
    inputs = description()["inputs"]
    if "given" not in rule and rule["check"] == "name":
        del inputs["given_name"]
    record = {"from": "body", "fields": fields, "status": {"active": ["active", "on"], "inactive": ["off"]}}
    source = RegistrySource.model_validate(description(rules=rules, record=record, inputs=inputs))
    require = {"areas": ["north", "south"], "area": "east", "day": "2028-01-01", "age": 16}
    trial = Trial.model_validate(
        {"name": "one", "input": TYPED, "require": require, "today": "2026-11-26", "expect": "accepted"}
    )
    assert comparison_text(source.rules[-1], RECORD, source, trial, "close") == said
