"""Lint accepts an answer without its number only where its own request sent the number, in its only form."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from config.registry import RegistrySource
from config.registry.lint.rules import doubts_of
from tests.config.registry.model.test_source import complaints

URL = "https://companies.example"
DESCRIBED: dict[str, Any] = {
    "type": "registry",
    "hosts": ["companies.example"],
    "inputs": {
        "number": {"clean": ["alnum", "upper"], "pattern": "AA999999"},
        "country": {"values": {"fr": "FR"}},
        "branch": {"required": False},
        "family_name": {},
        "given_name": {},
    },
    "steps": [
        {
            "name": "company",
            "request": {"url": f"{URL}/{{number}}"},
            "set": {"company": "body.id", "state": "body.state"},
        },
        {"name": "officers", "request": {"url": f"{URL}/{{number}}/officers"}},
    ],
    "record": {
        "from": "body.items && {number: set.company, status: set.state, officers: body.items}",
        "fields": {"number": "number", "names": "officers[].family_first(name)", "status": "status"},
        "status": {"active": ["active"]},
    },
    "rules": [
        {"check": "sent", "input": "number"},
        {"check": "equals", "field": "number", "input": "number"},
        {"check": "name", "family": "family_name", "given": "given_name"},
        {"check": "status", "is": "active"},
    ],
}
SENT, EQUALS, NAME, STATUS = DESCRIBED["rules"]
LAST = "steps.1.request"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The description with the part at a dotted path replaced."""
    described = copy.deepcopy(DESCRIBED)
    *above, last = path.split(".")
    place: Any = described
    for key in above:
        place = place[int(key) if isinstance(place, list) else key]
    place[int(last) if isinstance(place, list) else last] = value
    return described


def told(described: dict[str, Any]) -> list[str]:
    return [f"{place}: {said}" for place, said in complaints(described)]


def test_what_seals_an_answer_is_accepted_and_doubted() -> None:
    assert told(DESCRIBED) == []
    assert [place for place, _ in doubts_of(RegistrySource.model_validate(DESCRIBED))] == [("rules", 0)]


@pytest.mark.parametrize(
    "request_",
    [
        {"url": f"{URL}/officers", "query": {"company": "{number}"}},
        {"url": f"{URL}/officers", "query": {"company": "urn:{country}:{number|lower}"}},
        {"url": f"{URL}/officers", "method": "POST", "form": {"company": "{number}"}},
        {"url": f"{URL}/officers", "method": "POST", "json": {"ask": [{"company": "{number}"}]}},
        {"url": f"{URL}/officers", "method": "POST", "xml": "<ask>{number}{branch}</ask>"},
        {"url": f"{URL}/officers", "method": "POST", "xml": "<ask>{part}</ask>", "parts": {"part": "<a>{number}</a>"}},
    ],
)
def test_the_number_may_be_in_url_query_or_body(request_: dict[str, Any]) -> None:
    assert told(changed(LAST, request_)) == []


@pytest.mark.parametrize(
    "request_",
    [
        {"url": f"{URL}/officers"},
        {"url": f"{URL}/officers/{{company}}"},
        {"url": f"{URL}/officers", "headers": {"X-Company": "{number}"}},
        {"url": f"{URL}/officers", "query": {"company": "{number|digits}"}},
        {"url": f"{URL}/officers", "query": {"company": "{number}/{branch}"}},
        {"url": f"{URL}/officers", "method": "POST", "form": {"company": "{number}/{branch}"}},
        {"url": f"{URL}/officers", "method": "POST", "json": {"company": "{number}/{branch}"}},
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_each_request_whose_answer_is_used_must_send_the_number_as_it_is(step: int, request_: dict[str, Any]) -> None:
    if step == 0 and "{company}" in request_["url"]:
        return
    found = told(changed(f"steps.{step}.request", request_))
    assert any(f"steps.{step}.request: its answer does not repeat 'number'" in line for line in found), found


def test_what_could_be_about_others_is_refused() -> None:
    (said,) = told(changed("record.several", "any"))
    assert said.startswith("record.several: no record says whose it is")
    following = {"last": "body.page >= body.pages", "most": 3}
    (said,) = told(changed("steps.1.next", {**following, "url": "body.next"}))
    assert said.startswith("steps.1.next.url: an answer that does not repeat the number could lead to a page about")
    paged = changed("steps.1.next", {**following, "parameter": "page"})
    paged["steps"][1]["request"]["query"] = {"page": "1"}
    assert told(paged) == []


def test_a_login_need_not_send_it() -> None:
    login = {"name": "login", "request": {"url": f"{URL}/login"}, "set": {"token": {"value": "body.t", "secret": True}}}
    assert told({**DESCRIBED, "steps": [login, *DESCRIBED["steps"]]}) == []


@pytest.mark.parametrize(
    ("number", "is_fixed"),
    [
        ({"format": "luhn"}, True),
        ({"clean": ["digits"], "pattern": "999"}, True),
        ({"clean": ["alnum", "upper"]}, False),
        ({"format": "luhn", "format_when": "country == 'fr'"}, False),
        ({"format": "luhn", "format_when": "country == 'fr'", "pattern": "999"}, True),
    ],
)
def test_a_number_has_one_form(number: dict[str, Any], is_fixed: bool) -> None:
    found = told(changed("inputs.number", number))
    assert (found == []) is is_fixed
    assert is_fixed or "can be written in two ways" in found[0]


def test_what_precedes_a_number_in_its_format_is_sent_with_it() -> None:
    described = changed("inputs.number", {"format": "eu.vat", "format_after": "country"})
    assert [line.partition(" — ")[0] for line in told(described)] == [
        f"steps.{step}.request: its answer does not repeat 'country', and this request does not send it as it is"
        for step in (0, 1)
    ]
    for step in described["steps"]:
        step["request"]["query"] = {"country": "{country}"}
    assert told(described) == []


@pytest.mark.parametrize(
    ("rules", "is_enough"),
    [
        ([SENT, EQUALS, NAME], True),
        ([SENT, EQUALS, {**STATUS, "else": "undetermined", "reason": "status_unknown"}], True),
        ([SENT, EQUALS], False),
        ([SENT, EQUALS, {"check": "equals", "field": "status", "input": "branch", "absent": "pass"}], False),
        (
            [
                SENT,
                EQUALS,
                {
                    "check": "one_of",
                    "field": "status",
                    "requirement": "states",
                    "reason": "record_differs",
                    "optional": True,
                },
            ],
            False,
        ),
        (
            [SENT, EQUALS, {"check": "one_of", "field": "status", "requirement": "states", "reason": "record_differs"}],
            True,
        ),
    ],
)
def test_some_rule_asks_what_the_answer_says(rules: list[Any], is_enough: bool) -> None:
    found = told({**DESCRIBED, "rules": rules})
    assert any("any answer at all would be a yes" in line for line in found) is not is_enough, found


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("{number: set.company, officers: body.items, status: set.state}", ""),
        ("body.items && merge(set, {officers: body.items})", "'set' holds what earlier steps have set"),
        ("{number: set.*, officers: body.items}", "'set' holds what earlier steps have set"),
        ("{number: set.firm, officers: body.items}", "no earlier step sets 'firm'"),
        ("@", ""),
    ],
)
def test_the_record_takes_what_an_earlier_step_sets_by_its_name(origin: str, said: str) -> None:
    found = told(changed("record.from", origin))
    assert (said in str(found)) if said else found == []


@pytest.mark.parametrize(
    ("expression", "is_taken_as_it_is"),
    [
        ("body.company.id", True),
        ("pad_left(body.id, `8`, '0')", True),
        ("split(body.path, '/')[-1]", True),
        ("lower(strip_prefix(body.id, 'x'))", True),
        ("body.id || 'AA000000'", False),
        ("not_null(body.id, body.nr)", False),
        ("body.companies[0].id", False),
        ("body.companies[?main].id | [0]", False),
        ("body.ended && 'dissolved' || 'active'", False),
        ("'active'", False),
        ("lower('active')", False),
    ],
)
@pytest.mark.parametrize("is_map", [False, True])
def test_what_it_takes_has_no_default_and_no_choice(expression: str, is_taken_as_it_is: bool, is_map: bool) -> None:
    found = told(changed("steps.0.set.company", {"value": expression} if is_map else expression))
    assert any("without defaults, conditions or choices" in line for line in found) is not is_taken_as_it_is, found


def test_a_value_that_only_later_requests_use_may_be_chosen() -> None:
    described = changed("steps.0.set.page", "body.page || '1'")
    described["steps"][1]["request"]["query"] = {"page": "{page}"}
    assert told(described) == []
