"""What no test shows cannot be played in another shape, so that a key that moves would pass: it is demanded."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.adapters.registry_tests.test_examination import DATED, WHOLE, faults


def never_shown(field: str, value: Any, rule: dict[str, Any], **person: Any) -> list[tuple[str, str, str]]:
    """What is found where `rule` looks at `field`, and the accepted test's record has only `person` more."""
    tests = copy.deepcopy(WHOLE["tests"])
    tests[0]["responses"]["lookup"]["json"]["professionals"][0].update(person)
    fields = {**WHOLE["record"]["fields"], "since": {"value": "since", "date": "iso"}, field: value}
    return faults(record__fields=fields, rules=[*WHOLE["rules"], rule], tests=tests)


PASSES = {**DATED, "absent": "pass"}
SHOW_IT = "add a test whose answer has {}it, to show what happens where its key has another name"


@pytest.mark.parametrize("person", [{}, {"until": None}, {"until": ""}])
def test_an_end_that_no_test_shows_may_have_another_key_and_nobody_would_see_it(person: dict[str, Any]) -> None:
    """The registry gives it another name, and an ended licence passes."""
    ((place, problem, hint),) = [
        each
        for each in never_shown("until", {"value": "until", "date": "iso"}, PASSES, since="2001-01-01", **person)
        if each[0].endswith("absent")
    ]
    assert place == "rules.4.absent"
    assert problem == "no accepted test shows a date in 'until', and this passes whatever becomes of it"
    assert hint == f"{SHOW_IT.format('a date in ')}; or write absent: undetermined"


def test_a_refused_test_shows_it_where_the_rule_itself_decides_alone() -> None:
    end = {"value": "until", "date": "iso"}
    tests = copy.deepcopy(WHOLE["tests"])
    for test, last in zip(tests[:2], (None, "2099-01-01"), strict=True):
        person = test["responses"]["lookup"]["json"]["professionals"][0]
        person.update({"since": "2001-01-01"} | ({"until": last} if last else {}))
    fields = {**WHOLE["record"]["fields"], "since": {"value": "since", "date": "iso"}, "until": end}
    changes: dict[str, Any] = {"record__fields": fields, "rules": [*WHOLE["rules"], PASSES]}
    # Who is suspended has one, but is refused for that, whatever becomes of it.
    assert "rules.4.absent" in [place for place, *_ in faults(**changes, tests=tests)]
    tests.append(copy.deepcopy(tests[0]))
    tests[-1].update({"name": "one that has expired", "expect": "refused/not_valid_at_date"})
    tests[-1]["responses"]["lookup"]["json"]["professionals"][0]["until"] = "2020-01-01"
    assert "rules.4.absent" not in [place for place, *_ in faults(**changes, tests=tests)]


MADE_UP = [
    ("status", "suspended && 'suspended' || 'active'", {"check": "status", "is": "active"}),
    ("status", "state || 'active'", {"check": "status", "is": "active"}),
    ("until", {"value": "until || '9999-12-31'", "date": "iso"}, {"check": "valid_at", "until": "until"}),
    (
        "kind",
        "kind || 'person'",
        {
            "check": "one_of",
            "field": "kind",
            "values": ["person"],
            "refuses": ["firm"],
            "else": "refused",
            "reason": "not_a_person",
        },
    ),
]


@pytest.mark.parametrize(("field", "value", "rule"), MADE_UP)
def test_what_the_description_fills_in_where_no_test_shows_it_is_found(
    field: str, value: Any, rule: dict[str, Any]
) -> None:
    found = {place: (problem, hint) for place, problem, hint in never_shown(field, value, rule)}
    problem, hint = found[f"record.fields.{field}"]
    assert problem == f"no accepted test shows '{field}' as the registry says it, only what is filled in here"
    assert hint == SHOW_IT.format("")


def test_what_only_some_answers_repeat_is_shown_by_one_test() -> None:
    rule = {"check": "equals", "field": "town", "input": "family_name", "absent": "pass"}
    ((place, problem, _),) = never_shown("town", "town", rule)
    assert (place, problem) == (
        "rules.4.absent",
        "no accepted test shows 'town', and this passes whatever becomes of it",
    )
    assert never_shown("town", "town", rule, town="Valombre") == []


@pytest.mark.slow
def test_a_default_is_seen_through_a_function_on_texts() -> None:
    (found,) = faults(record__fields__professions="lower(profession.code || '10')")
    assert found[:1] == ("record.fields.professions",)
    assert "this still accepts when in the answer professionals[].profession is gone" in found[1]


def test_a_status_that_no_rule_looks_at_is_told() -> None:
    """It looks as if it ended something, and accepted people who were struck off."""
    (fault,) = faults(
        steps__0__outcomes=[],
        rules=WHOLE["rules"][:2],
        tests=[{**test, "require": {}} for test in (WHOLE["tests"][0], WHOLE["tests"][3])],
    )
    assert fault[:2] == ("record.status", "no rule looks at it, so someone whose record has ended would be accepted")
