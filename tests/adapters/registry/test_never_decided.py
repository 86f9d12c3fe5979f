"""The page docs/contributors/never-decided.md, line by line: what no registry's answer decides by itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.base import Credentials, InMaintenance, SourceError, Throttled, Unavailable, Unreadable
from adapters.http_client.reply import Reply
from config.registry import RegistrySource
from config.registry.lint.rules import doubts_of
from jurat.vocabulary import Outcome, Reason
from tests.adapters.registry.described import IRIS, asked, description, judged, person, records, reply

PAGE = Path(__file__).parents[3] / "docs" / "contributors" / "never-decided.md"
RULES = description()["rules"]
EQUALS, NAME, *OTHERS = RULES


def verdict(answer: Any, query: Any = IRIS, **changes: Any) -> tuple[Outcome, Reason]:
    found = judged(description(**changes), query, answer)
    return found.outcome, found.reason


def lint(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        RegistrySource.model_validate(description(**changes))
    return str(caught.value)


def test_every_line_of_the_page_has_its_test_here() -> None:
    lines = PAGE.read_text(encoding="utf-8").split("\n- **")[1:]
    named = [name for line in lines for name in re.findall(r"`(test_\w+)`", line)]
    assert len(named) == len(lines)
    tests = {
        name
        for name in globals()
        if name.startswith("test_") and name != "test_every_line_of_the_page_has_its_test_here"
    }
    assert set(named) == tests


def test_nobody_is_accepted_on_a_name_alone() -> None:
    assert "no rule compares the number" in lint(rules=[NAME, *OTHERS])
    assert "a name is no number" in lint(rules=[{**EQUALS, "input": "family_name"}, NAME, *OTHERS])
    another = person(number="9000010372")
    assert verdict(records(another)) == (Outcome.UNDETERMINED, Reason.RECORD_DIFFERS)
    assert verdict(records(another, another)) == (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)


def test_nobody_is_accepted_on_a_number_alone_where_the_registry_gives_a_name() -> None:
    assert "no rule compares the name" in lint(rules=[EQUALS, *OTHERS])
    rules = [EQUALS, {**NAME, "absent": "pass"}, *OTHERS]
    for names in ([], [{"family": "", "given": ""}], [{"family": "---"}]):
        assert verdict(records(person(names=names)), rules=rules) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)
    fields = {name: value for name, value in description()["record"]["fields"].items() if name != "names"}
    inputs = {"number": description()["inputs"]["number"]}
    record = {**description()["record"], "fields": fields}
    nameless = RegistrySource.model_validate(description(record=record, inputs=inputs, rules=[EQUALS, *OTHERS]))
    assert "a mistyped number gives a stranger's verdict" in str([*doubts_of(nameless)])
    assert not [*doubts_of(RegistrySource.model_validate(description()))]


def test_nobody_is_refused_for_an_answer_that_shows_nobody() -> None:
    number = {**description()["inputs"]["number"], "format": "luhn"}
    record = {**description()["record"], "from": "body", "fields": {"status": "status"}}
    changes = {"inputs": {"number": number}, "record": record, "control": None}
    sent, status = {"check": "sent", "input": "number"}, {"check": "status", "is": "active"}
    assert "shows neither a number nor a name" in lint(**changes, rules=[sent, status])
    mild = [sent, {**status, "else": "undetermined", "reason": "status_unknown"}]
    gone = {"status": "suspended"}
    assert verdict(gone, **changes, rules=mild) == (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)
    assert "ignores or mixes up" in str([*doubts_of(RegistrySource.model_validate(description(**changes, rules=mild)))])


GONE = [EQUALS, {**NAME, "absent": "pass"}, *OTHERS]
NOT_PUBLIC = (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)


def test_a_record_without_a_name_refuses_for_its_status_alone() -> None:
    physicians = asked("9000010000", "Valombre", "Iris", professions=["99"])
    inactive = (Outcome.REFUSED, Reason.STATUS_INACTIVE)
    renamed = {"nom" if name == "names" else name: value for name, value in person().items()}
    for held in (person(names=[]), person(names=None), renamed):
        assert verdict(records(held), physicians, rules=GONE) == NOT_PUBLIC
        assert verdict(records({**held, "status": "suspended"}), physicians, rules=GONE) == inactive
    # Where a rule before the status speaks against it, the record is perhaps a stranger's.
    late = [EQUALS, GONE[1], RULES[3], RULES[2]]
    assert verdict(records(person(names=[], status="suspended")), physicians, rules=late) == NOT_PUBLIC
    # An RPPS may have no check digit: then a slip cannot be recognised. With its name the record is theirs anyway.
    inputs = {**description()["inputs"], "number": {"clean": ["digits"], "format": "fr.rpps"}}
    for number, found in (("10000000009", inactive), ("10000000005", NOT_PUBLIC)):
        query = asked(number, "Valombre", "Iris")
        for names, expected in (([], found), (person()["names"], inactive)):
            held = person(number=number, names=names, status="suspended")
            assert verdict(records(held), query, inputs=inputs, rules=GONE) == expected
    for plain in ({"clean": ["digits"]}, {"format": "gb.company"}):
        inputs = {**description()["inputs"], "number": plain}
        assert "a format with check digits" in lint(inputs=inputs, rules=GONE)


def test_nobody_is_accepted_on_one_word_of_a_name() -> None:
    whole = {**description()["record"], "fields": {**description()["record"]["fields"], "names": "{family: holder}"}}
    inputs = {name: field for name, field in description()["inputs"].items() if name != "given_name"}
    rule = {"check": "name", "family": "family_name"}
    assert "many people may share it" in lint(record=whole, inputs=inputs, rules=[EQUALS, rule, *OTHERS])
    changes = {"record": whole, "inputs": inputs, "rules": [EQUALS, {**rule, "compatible": "undetermined"}, *OTHERS]}
    held = records(person(holder="SMITH PLUMBING LLC", status="suspended"))
    for typed in ("LLC", "Smith", "Garcia Heating LLC"):
        assert verdict(held, asked("9000010000", typed, ""), **changes) == (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
    assert verdict(held, asked("9000010000", "Plumbing Smith, LLC", ""), **changes)[0] is Outcome.REFUSED


def test_nobody_is_accepted_on_half_of_a_name() -> None:
    inputs = {**description()["inputs"], "given_name": {"required": False}}
    assert "'given_name' may be missing — write required: true" in lint(inputs=inputs)
    # An expression does not always show that the registry gives given names.
    record = {**description()["record"], "fields": {**description()["record"]["fields"], "names": "names"}}
    family = {"check": "name", "family": "family_name", "compatible": "undetermined"}
    inputs = {name: field for name, field in description()["inputs"].items() if name != "given_name"}
    changes = {"record": record, "inputs": inputs, "rules": [EQUALS, family, *OTHERS]}
    for status in ("active", "suspended"):
        held = records(person(status=status))
        assert verdict(held, IRIS, **changes) == (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
    assert verdict(records(person(names=[{"family": "Valombre"}])), IRIS, **changes)[0] is Outcome.ACCEPTED


def test_nobody_is_accepted_on_the_names_of_two_people() -> None:
    two = [{"family": ["Valombre", "Corvec"], "given": ["Tugdual", "Iris"]}]
    with pytest.raises(Unreadable, match="several people"):
        verdict(records(person(names=two)))
    holders = [{"family": "Valombre", "given": "Tugdual"}, {"family": "Corvec", "given": "Iris"}]
    fields = description()["record"]["fields"]
    joined = {**fields, "names": "{family: holders[].family, given: holders[].given}"}
    with pytest.raises(Unreadable, match="several people"):
        verdict(records(person(holders=holders)), record={**description()["record"], "fields": joined})
    # Two family names of one person, as the description says itself.
    parts = {**fields, "names": "{family: [first_surname, second_surname], given: given}"}
    held = records(person(first_surname="Valombre", second_surname="Corvec", given=["Iris"]))
    assert verdict(held, record={**description()["record"], "fields": parts})[0] is Outcome.ACCEPTED


def test_nobody_is_refused_for_a_word_that_nobody_listed() -> None:
    rule = {"check": "one_of", "field": "kind", "values": ["NPI-1"], "else": "refused", "reason": "not_a_person"}
    record = {**description()["record"], "fields": {**description()["record"]["fields"], "kind": "kind"}}
    assert "new in the registry" in lint(record=record, rules=[*RULES, rule])
    on_status = {**rule, "field": "status", "values": ["active"], "reason": "status_inactive"}
    assert "check: status" in lint(rules=[EQUALS, NAME, on_status])
    changes = {"record": record, "rules": [*RULES, {**rule, "refuses": ["NPI-2"]}]}
    for kind in ("Individual", "npi-1", "1", "NPI-3", ["NPI-2", "NPI-3"]):
        assert verdict(records(person(kind=kind)), **changes) == (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)
    assert verdict(records(person(kind="NPI-2")), **changes) == (Outcome.REFUSED, Reason.NOT_A_PERSON)
    assert verdict(records(person(kind=["NPI-2", "NPI-1"])), **changes)[0] is Outcome.ACCEPTED
    demanded = [*RULES[:3], {**RULES[3], "refuses": ["11", "12"]}]
    query = asked("9000010000", "Valombre", "Iris", professions=["11"])
    for code, reason in (("10", "status_unknown"), ("12", "profession_not_eligible"), ("11", "record_matches")):
        assert verdict(records(person(profession={"code": code})), query, rules=demanded)[1] == reason


@pytest.mark.parametrize("value", ["F-75001", "withheld", "[NON-DIFFUSIBLE]", "---", ["F-75001", "75002"], None])
def test_nobody_is_refused_for_a_value_that_cannot_be_read(value: Any) -> None:
    inputs = {**description()["inputs"], "town": {"clean": ["digits"]}}
    record = {**description()["record"], "fields": {**description()["record"]["fields"], "town": "town"}}
    rule = {"check": "equals", "field": "town", "input": "town", "else": "refused", "reason": "area_not_eligible"}
    query = replace(IRIS, answer={**IRIS.answer, "town": "75001"})
    changes = {"inputs": inputs, "record": record, "rules": [*RULES, rule]}
    assert verdict(records(person(town=value)), query, **changes) == NOT_PUBLIC
    assert verdict(records(person(town="75 002")), query, **changes)[0] is Outcome.REFUSED
    masked = asked("9000010000", "Valombre", "Iris", professions=["10"])
    assert verdict(records(person(profession={"code": "[NON-DIFFUSIBLE]"})), masked) == NOT_PUBLIC


def test_nobody_is_refused_for_a_date_that_may_be_another() -> None:
    def described(form: str, **changes: Any) -> dict[str, Any]:
        record = description()["record"]
        fields = {**record["fields"], "born": {"value": "born", "date": form}}
        rule = {**EQUALS, "field": "born", "input": "born", "else": "refused", "reason": "birth_date_differs"}
        inputs = {**description()["inputs"], "born": {"type": "date"}}
        return {"inputs": inputs, "record": {**record, "fields": fields, **changes}, "rules": [*RULES, rule]}

    query = replace(IRIS, answer={**IRIS.answer, "born": "1975-06-01"})
    assert "1960 from 2060" in lint(**described("%d/%m/%y"))
    for form, born in (("iso", "9999-12-31"), ("iso", "2026-11-06"), ("epoch_s", 170812800000)):
        with pytest.raises(Unreadable):
            verdict(records(person(born=born)), query, **described(form))
    for born in ("1975-06-02", "1975-01-06", "1975-01-01"):
        nearly = (Outcome.UNDETERMINED, Reason.BIRTH_DATE_DIFFERS)
        assert verdict(records(person(born=born)), query, **described("iso")) == nearly
    for form, born in (("epoch_s", 170812800), ("epoch_ms", 170812800000), ("iso", "1975-06-01T00:00:00Z")):
        for zone in ("America/Chicago", "UTC", "Pacific/Auckland"):
            assert verdict(records(person(born=born)), query, **described(form, timezone=zone))[0] is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Reply(500, {}, b""), Unavailable),
        (Reply(503, {}, b'{"count": 0, "professionals": []}'), Unavailable),
        (Reply(429, {}, b'{"count": 0, "professionals": []}'), Throttled),
        (Reply(401, {}, b'{"message": "key expired"}'), Credentials),
        (Reply(302, {"location": "https://elsewhere.example/"}, b""), Unreadable),
        (Reply(200, {}, b"<html>Back at 08:00</html>"), Unreadable),
        (Reply(200, {}, b""), Unreadable),
        (reply({"results": [], "total": 0}), Unreadable),
        (reply({"professionals": {"hits": []}}), Unreadable),
        (reply({"error": "MS_MAX_CONCURRENT_REQ", "isValid": False}), Unreadable),
    ],
)
def test_nobody_is_refused_for_an_outage_or_another_shape(answer: Reply, error: type[SourceError]) -> None:
    with pytest.raises(error):
        verdict(answer)
    with pytest.raises(error):
        verdict(answer, record={**description()["record"], "absent": "refused"})


def test_nobody_is_refused_because_a_registry_is_closed() -> None:
    outcomes = [{"when": "body.meta.retry_in", "then": "maintenance", "retry_after": "body.meta.retry_in"}]
    steps = [{**description()["steps"][0], "outcomes": outcomes}]
    with pytest.raises(InMaintenance) as caught:
        verdict({"meta": {"retry_in": 60}}, steps=steps)
    assert caught.value.retry_after == 60
    closed = [{"when": "status == `200`", "then": "refused", "reason": "record_not_found"}]
    assert "refuse on an outage" in lint(steps=[{**description()["steps"][0], "outcomes": closed}])


@pytest.mark.parametrize("withheld", ["[NON-DIFFUSIBLE]", "---", "--", "", None])
def test_nobody_is_refused_because_a_record_is_withheld(withheld: Any) -> None:
    names = [{"family": withheld, "given": withheld}]
    for status in ("active", "suspended"):
        found = verdict(records(person(names=names, status=status)))
        assert found == (Outcome.UNDETERMINED, Reason.RECORD_NOT_PUBLIC)


def test_nobody_is_refused_because_of_being_absent_where_not_everybody_is_held() -> None:
    assert verdict({"professionals": []}) == (Outcome.UNDETERMINED, Reason.RECORD_NOT_FOUND)
    held = {**description()["record"], "absent": "refused"}
    assert verdict({"professionals": []}, record=held) == (Outcome.REFUSED, Reason.RECORD_NOT_FOUND)


@pytest.mark.parametrize("family", ["Corvec", "Valombré-Corvec Sardel", "Iris", "Walombre", "Валомбр"])
@pytest.mark.parametrize("status", ["active", "suspended"])
def test_nobody_is_refused_because_of_another_name(family: str, status: str) -> None:
    answer = records(person(names=[{"family": family, "given": "Maelle"}], status=status))
    assert verdict(answer) == (Outcome.UNDETERMINED, Reason.NAME_DIFFERS)
    with pytest.raises(ValidationError, match="different"):
        RegistrySource.model_validate(description(rules=[EQUALS, {**NAME, "different": "refused"}]))


def test_nothing_is_taken_from_a_list_of_sanctions_that_is_searched_by_name() -> None:
    fields = {"names": "names[].{family: family, given: given}", "status": "'banned'"}
    record = {"from": "body.professionals", "fields": fields, "status": {"clear": ["clear"], "banned": ["banned"]}}
    banned = {"check": "status", "is": "clear", "else": "refused", "reason": "status_inactive"}
    steps = [{"request": {"url": "http://127.0.0.1/sanctions", "query": {"name": "{family_name} {given_name}"}}}]
    assert "number" in lint(record=record, rules=[NAME, banned], steps=steps)
    by_name = {**record, "fields": {**fields, "number": "names[0].family"}}
    rules = [{**EQUALS, "input": "family_name"}, NAME, banned]
    assert "a name is no number" in lint(record=by_name, rules=rules, steps=steps)
    found = [{"when": "body.professionals[0]", "then": "refused", "reason": "status_inactive"}]
    assert "no number or name has been compared" in lint(steps=[{**steps[0], "outcomes": found}])


def test_nothing_is_decided_between_two_records() -> None:
    twice = [person(), person(status="suspended")]
    for answer in (records(*twice), records(*reversed(twice)), records(person(), person())):
        assert verdict(answer) == (Outcome.UNDETERMINED, Reason.AMBIGUOUS_RECORD)


@pytest.mark.parametrize("status", ["trainee", "provisional", "Active", "0", None])
def test_nothing_is_decided_by_a_status_that_nobody_listed(status: Any) -> None:
    assert verdict(records(person(status=status))) == (Outcome.UNDETERMINED, Reason.STATUS_UNKNOWN)
    rules = [EQUALS, NAME, {"check": "status", "is": "inactive", "else": "refused", "reason": "status_inactive"}]
    assert verdict(records(person(status=status)), rules=rules)[1] is Reason.STATUS_UNKNOWN


def test_a_student_is_accepted_only_where_the_criterion_lists_students() -> None:
    student = records(person(profession={"code": "S"}))
    query = asked("9000010000", "Valombre", "Iris", professions=["10"])
    assert verdict(student, query)[0] is not Outcome.ACCEPTED
    mild = [EQUALS, NAME, {**RULES[3], "else": "undetermined", "reason": "record_not_public"}]
    assert verdict(student, query, rules=mild)[0] is Outcome.UNDETERMINED
    listed = asked("9000010000", "Valombre", "Iris", professions=["10", "S"])
    assert verdict(student, listed)[0] is Outcome.ACCEPTED


def test_a_record_shows_that_a_status_exists_and_not_who_holds_it() -> None:
    """A public number can be copied: unless a description says otherwise, each serves one participant alone.

    The second one of a consultation is `undetermined/number_taken` (the claims of the ledger hold it).
    """
    assert RegistrySource.model_validate(description()).one_person
    found = judged(description(), IRIS, records(person()))
    assert found.outcome is Outcome.ACCEPTED
    assert not {"9000010000", "Valombre", "Iris"} & set(map(str, found.evidence.values()))
