"""What is said about how answers are read, what a record's fields are, and what rules look at."""

from __future__ import annotations

from typing import Any

import pytest

from config.registry import RegistrySource, demands_of
from config.registry.model.demands import misfit, requirements_of
from config.registry.model.rules import Demanded
from tests.config.registry.model.test_source import EQUALS, NAME, ONE_OF, STATUS, VALID, changed, complaints

S = "steps.0"
FIELDS = VALID["record"]["fields"]
DATES = {"born": {"value": "born", "date": "%Y%m%d"}, "end": {"value": "end", "date": "iso"}}
VALID_AT = {"check": "valid_at", "until": "end"}
MIN_AGE = {"check": "min_age", "field": "born", "years": 18}


def with_dates(*rules: Any, **changes: Any) -> dict[str, Any]:
    """The valid description with two dates in its record and more rules."""
    record = {**VALID["record"], "fields": {**FIELDS, **DATES, **changes.pop("fields", {})}}
    return {**VALID, "record": record, "rules": [EQUALS, NAME, STATUS, ONE_OF, *rules], **changes}


@pytest.mark.parametrize(
    ("decode", "place", "said"),
    [
        ("jsn", f"{S}.decode.one.named", "'json', 'xml' or 'csv'"),
        (["xml", "jsn"], f"{S}.decode.several.1.named", "'json', 'xml' or 'csv'"),
        ([], f"{S}.decode.several", "at least 1"),
        ({"xml_in": "a.b"}, f"{S}.decode", "begin with xml"),
        ([{"xml_in": "a.b"}, "xml"], f"{S}.decode", "begin with xml"),
        (["json", {"xml_in": "a.b"}], f"{S}.decode", "only xml can hold XML in a text"),
        ([{"csv": {}}, {"xml_in": "a.b"}], f"{S}.decode", "only xml can hold XML in a text"),
        (["json", "xml"], f"{S}.decode", "only xml can hold XML in a text"),
        (["xml", "xml"], f"{S}.decode", "an answer is read in one way"),
        (["xml", {"csv": {}}], f"{S}.decode", "an answer is read in one way"),
        (["xml", {"xml_in": "a..b"}], f"{S}.decode.several.1.embedded.xml_in", "no JMESPath"),
        (["xml", {"xml_in": "body.a.b"}], f"{S}.decode.1.xml_in", "from the root of the document — write a.b"),
        (["xml", {"xml_on": "a.b"}], f"{S}.decode.several.1.table.csv", "Field required"),
        ({"csv": {"delimiter": "::"}}, f"{S}.decode.one.table.csv.delimiter", "is no delimiter of a table"),
        ({"csv": {"encoding": "utf-16"}}, f"{S}.decode.one.table.csv.encoding", "'utf-8'"),
    ],
)
def test_a_way_to_read_that_is_none_is_told(decode: Any, place: str, said: str) -> None:
    found = complaints(changed(f"{S}.decode", decode))
    assert any(where == place and said in what for where, what in found), found


@pytest.mark.parametrize(
    "decode",
    ["json", "xml", "csv", ["xml"], ["xml", {"xml_in": "a.b"}, {"xml_in": '"body".c'}], {"csv": {"delimiter": ";"}}],
)
def test_the_ways_to_read_survive_json(decode: Any) -> None:
    source = RegistrySource.model_validate(changed(f"{S}.decode", decode))
    written = source.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert RegistrySource.model_validate(written) == source


@pytest.mark.parametrize(
    ("decode", "as_list", "place", "said"),
    [
        ("json", ["a.b"], f"{S}.as_list", "only in XML"),
        ({"csv": {}}, ["a.b"], f"{S}.as_list", "only in XML"),
        ("xml", ["body.a.b"], f"{S}.as_list.0", "from the root of the document — write a.b"),
        ("xml", ["a..b"], f"{S}.as_list.0", "join names by dots"),
        ("xml", ["a.@b"], f"{S}.as_list.0", "join names by dots"),
        ("xml", "a.b", f"{S}.as_list", "tuple"),
    ],
)
def test_a_list_is_made_of_elements_alone(decode: Any, as_list: Any, place: str, said: str) -> None:
    described = changed(f"{S}.decode", decode)
    described["steps"][0]["as_list"] = as_list
    found = complaints(described)
    assert any(where == place and said in what for where, what in found), found


REFUSE = {"then": "refused", "reason": "record_not_found"}


@pytest.mark.parametrize(
    ("decode", "when", "refuses_strangers"),
    [
        ("json", "body.error.code == 'UNKNOWN'", False),
        ("json", "body.count == `0` && body.results == `[]`", False),
        ("json", "body.Errors[?number == '15']", False),
        ("json", "body.response && !(body.response.person)", True),
        ("json", "body.response && !(body.response.person.number)", True),
        ("json", "body.response.person == null", True),
        ("json", "!(body.a.b) && body.a", True),
        ("json", "body.results[0] && !(body.results[0].person)", True),
        ("json", "body.results[0] && !(body.results[0].person[0].number)", True),
        ("json", "body[0].number == null", True),
        ("json", "body.results[0].code == '37'", False),
        ("json", "headers.\"x-result\" == 'none'", True),
        ("json", "status == `404` && headers.\"content-type\" == 'application/json'", True),
        ("json", "body && headers.\"x-found\" == '0'", True),
        ("json", "headers.\"x-a\" == '1' && headers.\"x-b\" == '2' && body != null", True),
        ("json", "headers.\"x-total\" == '0' && body.results == `[]`", False),
        ("json", "status == `422` && body.error", True),
        ("json", "status == `422` && body.error == 'UNKNOWN'", False),
        ("xml", "body.answer.code == '37'", False),
        ("xml", "body.people == ''", False),
        ("xml", "body.Envelope.Body.askResponse.person == ''", False),
        ("xml", "body.Envelope.Body.Fault.faultcode == 'Client.Unknown'", False),
        ("xml", "body.Envelope.Body.Fault", True),
        ("xml", "body.Envelope.Body == ''", True),
        ("xml", "!(body.Envelope.Body.askResponse.person)", True),
        ("xml", "body.Envelope && !(body.Envelope.Body.askResponse.person)", True),
        ("xml", "body.answer && !(body.answer.person)", True),
        ("xml", "body.html", True),
        (["xml", {"xml_in": "a"}], "!(body.b)", True),
        ("csv", "body == `[]`", True),
        ("csv", "!(body[0].number)", True),
        ("csv", "body[0].message == 'unknown number'", False),
    ],
)
def test_an_outcome_refuses_for_the_registrys_own_word_alone(decode: Any, when: str, refuses_strangers: bool) -> None:
    described = changed(f"{S}.decode", decode)
    described["steps"][0]["outcomes"] = [{"when": when, **REFUSE}]
    found = [what for where, what in complaints(described) if where == f"{S}.outcomes.0.when"]
    assert any("of another shape" in what for what in found) is refuses_strangers, found


@pytest.mark.parametrize(
    ("decode", "origin", "proof"),
    [
        ("json", "body.professionals", True),
        ("json", "body.data.people", True),
        ("json", "body.professionals || `[]`", False),
        ("json", "body.professionals[?kind]", False),
        ("json", "body.entry[?type == 'person'].resource", False),
        ("json", "body.people.*", False),
        ("json", "body[]", False),
        ("xml", "body.people.person", True),
        ("xml", "body.people.person[]", True),
        ("xml", "body.people.person[?number]", False),
        ("csv", "body", False),
        ("csv", "body[?number]", False),
    ],
)
def test_an_empty_list_is_proof_only_where_nothing_else_gives_one(decode: Any, origin: str, proof: bool) -> None:
    described = changed(f"{S}.decode", decode)
    described["record"] = {**VALID["record"], "from": origin, "absent": "refused"}
    found = [what for where, what in complaints(described) if where == "record.from"]
    assert (not found) is proof, found
    described["record"]["absent"] = "undetermined"
    assert not [where for where, _ in complaints(described) if where == "record.from"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("%d.%m", "needs its year"),
        ("YYYY-MM-DD", "needs its year — write it like %d/%m/%Y"),
        ("%Y-%d", "add %m"),
        ("%Y %B", "'%B' is no part of a date"),
        ("%Y%", "'%' is no part of a date"),
        ("%Y/%Y", "appears twice"),
        ("%Y/%y", "appears twice"),
        ("%Y" + "-" * 60, "at most 60"),
        ("epoch", "needs its year"),
        (8, "string"),
    ],
)
def test_a_date_that_could_not_be_read_is_told(form: Any, said: str) -> None:
    found = complaints(with_dates(fields={"born": {"value": "born", "date": form}}))
    assert any(where == "record.fields.born.dated.date" and said in what for where, what in found), found


@pytest.mark.parametrize(
    ("described", "place", "said"),
    [
        (with_dates({**VALID_AT, "until": "ends"}), "rules.4.until", "did you mean 'end'?"),
        (with_dates({**VALID_AT, "from": "status"}), "rules.4.from", "write status: { value: EXPRESSION, date: FORM"),
        (with_dates({"check": "valid_at"}), "rules.4.valid_at", "add from: FIELD, until: FIELD or both"),
        (with_dates({**VALID_AT, "optional": True}), "rules.4.optional", "this rule takes nothing from the criterion"),
        (with_dates({**VALID_AT, "reason": "record_differs"}), "rules.4.valid_at.reason", "cannot be refused"),
        (with_dates({**VALID_AT, "absent": "refused"}), "rules.4.valid_at.absent", "'pass' or 'undetermined'"),
        (with_dates({**MIN_AGE, "field": "birth"}), "rules.4.field", "there is no field of the record 'birth'"),
        (with_dates({**MIN_AGE, "field": "professions"}), "rules.4.field", "is read as text"),
        (with_dates({**MIN_AGE, "requirement": "age"}), "rules.4.min_age", "either years: N or requirement: NAME"),
        (with_dates({"check": "min_age", "field": "born"}), "rules.4.min_age", "either years: N or requirement: NAME"),
        (with_dates({**MIN_AGE, "years": 0}), "rules.4.min_age.years", "greater than or equal to 1"),
        (with_dates({**MIN_AGE, "optional": True}), "rules.4.optional", "remove it"),
        (with_dates({**ONE_OF, "field": "born"}), "rules.4.field", "compare it by valid_at, min_age or equals"),
        (
            with_dates(MIN_AGE, fields={"born": {"value": "born", "date": "%d.%m.%y"}}),
            "rules.4.field",
            "a child from a person of a hundred",
        ),
        (
            with_dates({"check": "min_age", "field": "born", "requirement": "professions"}),
            "rules.4.requirement",
            "takes 'professions' in another form",
        ),
        (
            with_dates(
                {"check": "equals", "field": "born", "input": "day"},
                fields={"born": {"value": "born", "date": "%d.%m.%y"}},
                inputs={**VALID["inputs"], "day": {"type": "date"}},
            ),
            "rules.4.field",
            "a year of two digits does not tell 1960 from 2060",
        ),
        (
            with_dates({"check": "equals", "field": "born", "input": "family_name"}),
            "rules.4.input",
            "'born' is a date and 'family_name' is not",
        ),
        (
            with_dates(
                {"check": "equals", "field": "professions", "input": "day"},
                inputs={**VALID["inputs"], "day": {"type": "date"}},
            ),
            "rules.4.field",
            "'day' is a date and 'professions' is read as text",
        ),
        (
            with_dates(fields={"number": {"value": "number", "date": "iso"}}),
            "record.fields.number.date",
            "'number' is no date",
        ),
        (
            with_dates(fields={"status": {"value": "status", "date": "iso"}}),
            "record.fields.status.date",
            "'status' is no date",
        ),
        (changed("rules.0.input", "family_name"), "rules.0.input", "a name is no number"),
        (changed("record", {**VALID["record"], "timezone": "Europe/Pari"}), "record.timezone", "Europe/Paris"),
        (changed("steps.0.set", {"u": {"valu": "x"}}), "steps.0.set.u.map.valu", "not permitted"),
        (changed("steps.0.set", {"t": {"value": "!a.b"}}), "steps.0.set.t.map.value", "write '!(a.b)'"),
        (changed("steps.0.set", {"t": "!a.b"}), "steps.0.set.t.text", "write '!(a.b)'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_at_its_place(described: dict[str, Any], place: str, said: str) -> None:
    found = complaints(described)
    assert any(where == place and said in what for where, what in found), found


@pytest.mark.parametrize("rule", [VALID_AT, MIN_AGE], ids=lambda rule: str(rule["check"]))
def test_a_date_refuses_only_behind_number_and_name(rule: dict[str, Any]) -> None:
    fields = {**FIELDS, **DATES}
    for rules, missing in (([rule, EQUALS, NAME], "its number"), ([EQUALS, rule, NAME], "its name")):
        described = {**VALID, "record": {**VALID["record"], "fields": fields}, "rules": rules}
        assert any("stranger" in what and missing in what for _, what in complaints(described))
        mild = {**rule, "else": "undetermined", "reason": "record_not_public"}
        described["rules"] = [mild if each is rule else each for each in rules]
        assert complaints(described) == []


def test_what_a_criterion_must_tell_is_known_with_its_form() -> None:
    described = with_dates(
        {**VALID_AT, "requirement": "on", "optional": True},
        {"check": "min_age", "field": "born", "requirement": "age"},
    )
    source = RegistrySource.model_validate(described)
    assert requirements_of(source) == ({"age"}, {"age", "on", "professions"})
    assert demands_of(source) == {"professions": Demanded.CODES, "on": Demanded.DAY, "age": Demanded.YEARS}


@pytest.mark.parametrize(
    ("demanded", "fitting", "others"),
    [
        (Demanded.CODES, [("10",), ["10", "S"]], [(), [], "10", 10, (10,), None]),
        (Demanded.DAY, ["2026-12-31"], ["2026-02-30", "31.12.2026", "20261231", 2026, ("2026-12-31",)]),
        (Demanded.YEARS, [1, 16, 120], [0, 121, True, "16", 16.0, ("16",)]),
    ],
)
def test_what_a_criterion_tells_must_have_that_form(demanded: Demanded, fitting: Any, others: Any) -> None:
    assert [misfit(demanded, "x", value) for value in fitting] == [None] * len(fitting)
    for value in others:
        said, hint = misfit(demanded, "x", value) or ("", "")
        assert said.startswith("must be ")
        assert hint.startswith("write x: ")


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("body.professionals", None),
        ("body[].people[]", None),
        ("body.professionals[?kind == 'person']", None),
        ("body.professionals[?codes[0] == 'x']", None),
        ("body.professionals[?number]", None),
        ("(body.entry[?resource.type == 'x' && search.mode != 'y'] || body.entry[?z])[].resource", None),
        ("body.professionals[0]", "this takes one of several records"),
        ("body.professionals[-1]", "this takes one of several records"),
        ("body.professionals[:1]", "this takes one of several records"),
        ("body.professionals[?kind == 'person'] | [0]", "this takes one of several records"),
        ("body[0].people", "body.people or body[].people[] in place of body[0].people[0]"),
        ("max_by(not_null(body.professionals, `[]`), &since)", "this takes one of several records"),
        ("body.professionals[?status == 'active']", "this filters records by 'status', which the rule of 'status'"),
        ("body.professionals[?names]", "this filters records by 'names'"),
        ("body.entry[?resource.status == 'active'].resource", "this filters records by 'status'"),
        ("body.professionals[?end > '2026'].{number: number, end: end}", "which the rule of 'end' reads"),
    ],
)
def test_that_there_are_several_records_is_not_hidden(origin: str, said: str | None) -> None:
    described = with_dates(VALID_AT)
    described["record"]["from"] = origin
    found = [what for where, what in complaints(described) if where == "record.from"]
    assert (said is None and not found) or (said is not None and said in found[0]), found


@pytest.mark.parametrize(
    ("then", "reason", "said"),
    [
        ("retry", "source_rejected_request", "is not repeated — write then: undetermined, or another reason"),
        ("undetermined", "source_unavailable", "the registry is asked again — write then: retry"),
        ("undetermined", "source_throttled", "the registry is asked again — write then: retry"),
        ("undetermined", "source_maintenance", "the registry is asked again — write then: maintenance"),
        ("retry", "source_unreadable", None),
        ("retry", "source_credentials", None),
        ("retry", None, None),
        ("undetermined", "source_rejected_request", None),
        ("undetermined", "source_credentials", None),
        ("undetermined", "source_unreadable", None),
    ],
)
def test_then_does_not_say_otherwise_than_the_reason(then: str, reason: str | None, said: str | None) -> None:
    outcome = {"when": "body.error", "then": then, **({} if reason is None else {"reason": reason})}
    found = complaints(changed(f"{S}.outcomes", [outcome]))
    assert [where for where, _ in found] == ([] if said is None else [f"{S}.outcomes.0.reason"])
    assert said is None or said in found[0][1]


def test_of_one_date_alone_nothing_is_an_open_end() -> None:
    rule = {**VALID_AT, "absent": "pass"}
    ((where, what),) = complaints(with_dates(rule))
    assert where == "rules.4.absent"
    assert "if the registry renamed the only date" in what
    assert complaints(with_dates({**rule, "from": "born"})) == []
    for decode in ("csv", {"csv": {"delimiter": ";"}}):  # a table says which columns it has
        steps = [{**VALID["steps"][0], "decode": decode, "outcomes": []}]
        assert complaints(with_dates(rule, steps=steps)) == []
