from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import (
    Finding,
    Query,
    Unreadable,
)
from adapters.person_names.comparison import Name
from adapters.registry.record import Record
from adapters.registry.rules import Case, Rules
from config.registry import RegistrySource
from examples.sources import Mood, Sources
from jurat.vocabulary import Outcome, Reason
from tests.adapters.conftest import Listen
from tests.adapters.registry.described import IRIS, Registry, adapter, asked, at, description, judged, person, records

TODAY = date(2026, 11, 5)
RULES = description()["rules"]


def look_up(sources: Sources, query: Query, **changes: Any) -> Finding:
    source = adapter(at(sources.url(Mood.OK, "registry"), **changes))
    found = source.look_up(query)
    source.close()
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize(
    ("query", "outcome", "reason"),
    [
        (IRIS, Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (asked("9000 010 000", "VALOMBRE", "anne"), Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (asked("9000010372", "Sardel", "Maelle"), Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (asked("9000010745", "Corvec", "Tugdual"), Outcome.REFUSED, Reason.STATUS_INACTIVE),
        (asked("9000011115", "Paulhac", "Odilon"), Outcome.REFUSED, Reason.STATUS_INACTIVE),
        (asked("9000010745", "Valombre", "Iris"), Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
        (asked("9000010000", "Corvec", "Tugdual"), Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
        (asked("9000010000", "Valombres", "Iris"), Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
        (asked("9000010000", "Iris", "Valombre"), Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
        (asked("9000011859", "[NON-DIFFUSIBLE]", "x"), Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC),
        (asked("9000012220", "Sternhag", "Aud"), Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN),
        (asked("9000012592", "Vigie", "Lazare"), Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        (asked("9000012964", "Valombre", "Iris"), Outcome.REFUSED, Reason.RECORD_NOT_FOUND),
        (asked("9000010000", "Valombre", "Iris", professions=["10"]), Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (asked("9000010000", "Valombre", "Iris", professions="10"), Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (asked("9000010000", "Valombre", "Iris", professions=10), Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        (asked("9000011487", "Brévan", "Solène", professions=("10",)), Outcome.REFUSED, Reason.PROFESSION_NOT_ELIGIBLE),
        (asked("9000011487", "Corvec", "Solène", professions=("10",)), Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
    ],
)
def test_a_record_decides(query: Query, outcome: Outcome, reason: Reason, sources: Sources) -> None:
    found = look_up(sources, query)
    assert (found.outcome, found.reason) == (outcome, reason)


def test_a_malformed_number_is_found_out_without_a_call(sources: Sources) -> None:
    before = sources.requests.total()
    found = look_up(sources, asked("9000010001", "Valombre", "Iris"))
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.NUMBER_MALFORMED)
    assert sources.requests.total() == before


def test_evidence_says_how_it_was_decided_and_nothing_about_whom(sources: Sources) -> None:
    found = look_up(sources, asked("9000010745", "Corvec", "Tugdual"))
    assert found.evidence == {
        "version": 1, "step": "lookup", "http_status": 200, "records": 1, "name": "exact", "status": "inactive",
        "rule": "status",
    }  # fmt: skip
    assert look_up(sources, asked("9000012964", "A", "B")).evidence["outcome"] == 2


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"number": 9000010000}, Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ({"number": 9000010000.0}, Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ({"number": " 9000-010-000 "}, Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ({"number": "9000010372"}, Outcome.UNDETERMINED, Reason.RECORD_DIFFERS),
        ({"number": "9000010372", "status": "suspended"}, Outcome.UNDETERMINED, Reason.RECORD_DIFFERS),
        ({"number": ["9000010000", "9000010372"]}, Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD),
        ({"status": "S"}, Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN),
        ({"status": "ACTIVE"}, Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN),
        ({"status": None}, Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN),
        ({"status": ["active", "suspended"]}, Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN),
        ({"status": ["suspended", "struck_off"]}, Outcome.REFUSED, Reason.STATUS_INACTIVE),
        ({"names": {"family": "Valombre", "given": ["Iris", "Anne"]}}, Outcome.ACCEPTED, Reason.RECORD_MATCHES),
        ({"names": [{"family": "---", "given": "---"}]}, Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC),
        ({"names": [{"family": "---"}], "status": "suspended"}, Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC),
        ({"names": [], "status": "suspended"}, Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC),
        ({"names": None, "status": "suspended"}, Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC),
        ({"names": []}, Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC),
    ],
)
def test_a_record_is_read_as_it_comes(changes: Any, outcome: Outcome, reason: Reason, listen: Listen) -> None:
    if "names" in changes and not isinstance(changes["names"], list):
        record = {"fields": {**description()["record"]["fields"], "names": "names"}}
    else:
        record = {}
    found = Registry(listen, records(person(**changes))).ask(record=record)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(("status", "outcome"), [("suspended", Outcome.REFUSED), ("active", Outcome.UNDETERMINED)])
def test_a_registry_may_leave_no_name_of_who_is_gone(status: str, outcome: Outcome, listen: Listen) -> None:
    rules = [RULES[0], {**RULES[1], "absent": "pass"}, *RULES[2:]]
    assert Registry(listen, records(person(names=[], status=status))).ask(rules=rules).outcome is outcome


@pytest.mark.parametrize("profession", [None, {}, {"code": None}, {"code": []}])
def test_a_profession_that_is_not_shown_refuses_nobody(profession: Any, listen: Listen) -> None:
    found = Registry(listen, records(person(profession=profession))).ask(
        asked("9000010000", "Valombre", "Iris", professions=["10"])
    )
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)


def test_a_demand_that_the_criterion_forgot_is_undetermined(listen: Listen) -> None:
    rules = [*RULES[:3], {**RULES[3], "optional": False}]
    found = Registry(listen, records(person())).ask(rules=rules)
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING)


@pytest.mark.parametrize(("code", "accepted"), [("10", True), ("10.5", True), ("1", False), ("210", False)])
def test_codes_may_be_compared_by_their_beginning(code: str, accepted: bool, listen: Listen) -> None:
    rules = [*RULES[:3], {**RULES[3], "check": "codes", "match": "prefix"}]
    found = Registry(listen, records(person(profession={"code": code}))).ask(
        asked("9000010000", "Valombre", "Iris", professions=["10"]), rules=rules
    )
    assert found.outcome is (Outcome.ACCEPTED if accepted else Outcome.REFUSED)


@pytest.mark.parametrize(
    "body",
    [
        {"count": 1},
        {"count": 1, "professionals": None},
        {"count": 1, "professionals": "none"},
        {"count": 1, "professionals": [None]},
        {"count": 1, "professionals": ["Valombre"]},
        {"count": 1, "professionals": [[]]},
        records(person(number=None)),
        records(person(number={"value": "9000010000"})),
        records(person(status={"code": "active"})),
        records(person(status=[["active"]])),
        records(person(names=[{"family": {"x": 1}}])),
        records(person(names=[{"family": "x" * 201}])),
        records(person(number="9" * 1001)),
        records(person(profession={"code": ["x"] * 1001})),
        records(person(names=[{"family": "x"}] * 51)),
        [],
        None,
        7,
        "9000010000",
        {},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_an_answer_of_another_shape_is_unreadable(body: Any, listen: Listen) -> None:
    with pytest.raises(Unreadable):
        Registry(listen, body).ask()


def test_an_empty_list_refuses_only_where_absence_is_proof(listen: Listen) -> None:
    empty = Registry(listen, {"professionals": []})
    found = empty.ask()
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND)
    found = empty.ask(record={"absent": "refused"})
    assert (found.outcome, found.reason) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)


statuses = st.sampled_from(["active", "suspended", "unheard of"])
people = st.sampled_from([Name("Valombre", "Iris"), Name("Corvec", "Tugdual"), Name("---", "---")])


@given(st.permutations(RULES), st.sampled_from(["9000010000", "9000010372"]), st.lists(people, max_size=2), statuses)
def test_in_whatever_order_rules_come_nobody_is_refused_for_a_stranger(
    rules: list[dict[str, Any]], number: str, names: list[Name], status: str
) -> None:
    valid = RegistrySource.model_validate(description())
    by_check = {rule.check: rule for rule in valid.rules}
    shuffled = valid.model_copy(update={"rules": tuple(by_check[rule["check"]] for rule in rules)})
    record = Record({"number": (number,), "status": (status,), "professions": ("21",)}, tuple(names))
    inputs = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
    found = Rules(shuffled).judge(Case(record, inputs, {"professions": ["10"]}, {}, TODAY))
    theirs = number == "9000010000" and Name("Valombre", "Iris") in names
    if found.outcome is Outcome.REFUSED:
        assert theirs
    assert found.outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("dropped", ["equals", "name"])
def test_without_number_or_name_nobody_is_accepted_or_refused(dropped: str) -> None:
    valid = RegistrySource.model_validate(description())
    fewer = valid.model_copy(update={"rules": tuple(rule for rule in valid.rules if rule.check != dropped)})
    inputs = {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}
    for status in ("active", "suspended"):
        record = Record({"number": ("9000010000",), "status": (status,)}, (Name("Valombre", "Iris"),))
        found = Rules(fewer).judge(Case(record, inputs, {}, {}, TODAY))
        assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)


@pytest.mark.parametrize("codes", [[""], ["", " "], [], ""])
def test_a_demand_without_a_code_accepts_nobody(codes: Any, listen: Listen) -> None:
    rules = [*RULES[:3], {**RULES[3], "match": "prefix"}]
    found = Registry(listen, records(person())).ask(
        asked("9000010000", "Valombre", "Iris", professions=codes), rules=rules
    )
    assert (found.outcome, found.reason) == (Outcome.UNDETERMINED, Reason.REQUIREMENT_MISSING)


@pytest.mark.parametrize(
    ("held", "absent", "reason"),
    [
        ("02", "undetermined", Reason.RECORD_MATCHES),
        ("01", "undetermined", Reason.AREA_NOT_ELIGIBLE),
        ("1", "undetermined", Reason.STATUS_UNKNOWN),  # no word of the choice
        (None, "undetermined", Reason.RECORD_NOT_PUBLIC),
        (None, "pass", Reason.RECORD_MATCHES),
        ("01", "pass", Reason.AREA_NOT_ELIGIBLE),
    ],
)
def test_a_choice_is_compared_where_the_record_has_a_word_for_it(
    held: Any, absent: str, reason: Reason, listen: Listen
) -> None:
    described = description()
    record = {**described["record"], "fields": {**described["record"]["fields"], "area": "area"}}
    inputs = {**described["inputs"], "area": {"values": {"north": "01", "south": "02"}}}
    rule = {"check": "equals", "field": "area", "input": "area", "absent": absent}
    query = asked("9000010000", "Valombre", "Iris")
    query = type(query)({**query.answer, "area": "south"}, timeout=5.0)
    found = Registry(listen, records(person(area=held))).ask(
        query, inputs=inputs, record=record, rules=[*RULES, {**rule, "else": "refused", "reason": "area_not_eligible"}]
    )
    assert found.reason is reason


def test_an_empty_value_to_keep_ends_the_last_step_too() -> None:
    (step,) = description()["steps"]
    kept = {"status": "body.professionals[0].status"}
    described = description(steps=[{**step, "set": kept}])
    assert judged(described, IRIS, records(person())).reason is Reason.RECORD_MATCHES
    with pytest.raises(Unreadable):
        judged(described, IRIS, records(person(status=None)))
