"""A default of the description is no word of the registry: who rests on one is not accepted."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.adapters.registry_tests.test_examination import WHOLE, dated, faults


@pytest.mark.parametrize(
    ("field", "value", "gone"),
    [
        ("professions", "profession.code || '10'", "profession"),
        ("professions", "not_null(profession.code, '10')", "profession"),
        ("professions", "[profession.code, '10'][?@] | [0]", "profession"),
        ("professions", "profession.code == '21' && '21' || '10'", "profession.code"),
        ("number", "number || '9000010000'", "number"),
        ("names", "names[].{family: family || 'Valombre', given: given}", "names[].family"),
        ("names", "names[].{family: family, given: given || 'Iris'}", "names[].given"),
    ],
)
def test_a_field_that_still_accepts_where_nothing_is_said_is_found(field: str, value: str, gone: str) -> None:
    ((place, said, hint),) = faults(**{f"record__fields__{field}": value})
    assert place == f"record.fields.{field}"
    assert said.startswith(
        f"this still accepts when in the answer professionals[].{gone} is gone (test 'a physician', step 'lookup')"
    )
    assert hint == "let it be null where the registry does not say so"


def test_a_flag_that_is_good_where_nothing_is_said_is_found() -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    tests[0]["require"]["free"] = ["true"]
    tests[0]["responses"]["lookup"]["json"]["professionals"][0]["banned"] = False
    rule = {"check": "one_of", "field": "free", "requirement": "free", "optional": True, "reason": "record_differs"}
    changes = {"rules": [*WHOLE["rules"], rule], "tests": tests}
    unshown, (place, said, _) = faults(record__fields__free="!(banned)", **changes)
    assert place == unshown[0] == "record.fields.free"
    assert said.startswith("this still accepts when in the answer professionals[].banned is gone ")
    assert unshown[1] == "what lacks 'banned' counts here, and no test shows that what has it does not"
    tests[0]["require"]["free"] = ["false"]
    assert faults(record__fields__free="to_string(banned)", **changes) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("names", "[{family: names[0].family, given: names[0].given}, {family: born, given: names[0].given}]"),
        ("names", "[{family: names[0].family || born, given: names[0].given}]"),
        ("professions", "[profession.code, extra.code][]"),
        ("professions", "not_null(profession.code, extra.code)"),
    ],
)
def test_a_field_may_find_the_same_elsewhere_or_do_without_a_key(field: str, value: str) -> None:
    tests = copy.deepcopy(WHOLE["tests"])
    for test in tests[:2]:
        (person,) = test["responses"]["lookup"]["json"]["professionals"]
        person.update({"born": person["names"][0]["family"], "extra": {"code": "10"}})
    assert [said for _, said, _ in faults(**{f"record__fields__{field}": value, "tests": tests})] == []


@pytest.mark.parametrize("last", ["until || '2999-12-31'", "not_null(until, '2999-12-31')"])
@pytest.mark.parametrize("until", ["2099-01-01", None])
def test_a_last_day_that_the_description_makes_up_is_found(last: str, until: Any) -> None:
    found = dated(last, absent="undetermined", until=until)
    assert [place for place, _, _ in found if place == "record.fields.until"]
    assert all("in the answer professionals[].until is gone (test " in said for _, said, _ in found[:1])
