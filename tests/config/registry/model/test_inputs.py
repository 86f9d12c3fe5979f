from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from config.configuration import Configuration
from config.document import Document
from config.registry import RegistrySource
from config.registry.model.inputs import Input
from config.registry.model.source import answer_properties
from config.sources import answer_schema
from jurat import InvalidAnswer
from jurat.answers import validate
from tests.config.registry.model.test_source import VALID, complaints
from tests.jurat.closed_schemas import check_schema

CENSUS: dict[str, Any] = {
    **VALID["inputs"],
    "document_type": {"values": {"passport": "02", "dni": "01"}, "title": {"en": "Kind of document"}},
    "birth_date": {"type": "date", "required": False},
}
SOURCE = RegistrySource.model_validate({**VALID, "inputs": CENSUS})
TYPED = {"number": "1", "family_name": "V", "given_name": "I", "document_type": "dni", "birth_date": "1973-02-28"}


def test_the_form_offers_the_choices_in_order_and_a_date() -> None:
    properties, required = answer_properties(SOURCE)
    assert properties["document_type"] == {
        "type": "string",
        "enum": ["passport", "dni"],
        "titles": {"en": "Kind of document"},
    }
    assert properties["birth_date"] == {"type": "string", "format": "date", "titles": {"en": "Birth date"}}
    assert required == ["number", "family_name", "given_name", "document_type"]


def test_choices_and_parts_outlive_a_store_that_keeps_no_order_of_maps() -> None:
    request = {
        "method": "POST",
        "url": "http://127.0.0.1/",
        "xml": "<a>{outer}</a>",
        "parts": {"zero": "<c>{number}</c>", "outer": "<b>{zero}</b>"},
    }
    source = {**VALID, "inputs": CENSUS, "steps": [{"request": request}]}
    document = {"environment": "test", "sources": {"census": source}, "criteria": {"known": {"source": "census"}}}
    stored = Configuration.from_json(Configuration.of(Document.model_validate(document)).to_json())
    kept = stored.document.sources["census"]
    assert isinstance(kept, RegistrySource)
    assert list(kept.inputs["document_type"].values or {}) == ["passport", "dni"]
    assert answer_schema(kept) == answer_schema(RegistrySource.model_validate(source))


def test_a_platform_refuses_what_is_no_choice_and_no_date() -> None:
    schema = answer_schema(SOURCE)
    check_schema(schema)
    validate(TYPED, json.dumps(schema))
    for field, typed in [
        ("document_type", "01"),
        ("document_type", "DNI"),
        ("birth_date", "28/02/1973"),
        ("birth_date", "1973-02-29"),
    ]:
        with pytest.raises(InvalidAnswer) as caught:
            validate({**TYPED, field: typed}, json.dumps(schema))
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"type": "date", "clean": ["trim"]}, "clean", "a date has no clean — remove it"),
        ({"type": "date", "format": "luhn"}, "format", "a date has no format — remove it"),
        ({"type": "date", "values": {"a": "b"}}, "values", "a date has no values — remove it"),
        ({"values": {"a": "b"}, "clean": ["upper"]}, "clean", "a choice has no clean — remove it"),
        ({"values": {"a": "b"}, "format": "luhn"}, "format", "a choice has no format — remove it"),
        ({"format_when": "a == 'b'"}, "format_when", "does nothing without a format — add format:"),
        ({"values": {}}, "values", "at least 1"),
        ({"values": {"dni": 1}}, "values.dni", "string"),
        ({"type": "day"}, "type", "'date'"),
    ],
)
def test_an_input_is_of_one_kind(changes: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Input.model_validate(changes)
    [problem] = caught.value.errors()
    assert ".".join(map(str, problem["loc"])) == place
    assert said in problem["msg"]


def test_a_format_depends_on_inputs_that_there_are() -> None:
    number = {"format": "es.nif", "format_when": "document_type != 'passport' && (other || kind.of)"}
    found = complaints({**VALID, "inputs": {**CENSUS, "number": number}})
    assert sorted(found) == [
        ("inputs.number.format_when", "there is no input 'kind' — declare it"),
        ("inputs.number.format_when", "there is no input 'of' — declare it"),
        ("inputs.number.format_when", "there is no input 'other' — declare it"),
    ]
    good = {"format": "es.nif", "format_when": "document_type != 'passport'"}
    assert complaints({**VALID, "inputs": {**CENSUS, "number": good}}) == []


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("document_type == '01'", ["'01' is no choice of 'document_type' — write 'dni', which is typed"]),
        ("'passprt' != document_type", ["'passprt' is no choice of 'document_type' — did you mean 'passport'?"]),
        ("document_type == 'x'", ["'x' is no choice of 'document_type' — there is dni, passport"]),
        ("document_type > `1`", ["'document_type' is typed as text, and this is no text — write it in quotes, like"]),
        ("!(family_name == `1`)", ["'family_name' is typed as text, and this is no text"]),
        ('contains(`["dni", "02"]`, document_type)', ["'02' is no choice of 'document_type' — write 'passport'"]),
        ("document_type == '02' || document_type == '01'", ["write 'dni'", "write 'passport'"]),
        ("document_type == 'dni' && given_name != 'x' && contains(not_null(given_name, ''), '01')", []),
        ("contains(not_null(document_type, ''), 'pass') || birth_date == `null` || document_type == family_name", []),
        ("document_type != 'dni' && document_type && contains(`[\"dni\"]`, document_type)", []),
    ],
)
def test_a_condition_compares_a_choice_with_what_is_typed(condition: str, said: list[str]) -> None:
    number = {"format": "es.nif", "format_when": condition}
    found = sorted(complaints({**VALID, "inputs": {**CENSUS, "number": number}}))
    assert [place for place, _ in found] == ["inputs.number.format_when"] * len(said)
    assert all(part in whole for part, (_, whole) in zip(said, found, strict=True)), found


@pytest.mark.parametrize(("name", "kind"), [("document_type", "a choice"), ("birth_date", "a date")])
def test_what_many_people_share_is_no_number(name: str, kind: str) -> None:
    inputs = {**CENSUS, "birth_date": {"type": "date"}}
    rules = [{**VALID["rules"][0], "input": name}, *VALID["rules"][1:]]
    said = f"'{name}' is {kind}, which many people share — compare the number with an input that holds a number"
    assert ("rules.0.input", said) in complaints({**VALID, "inputs": inputs, "rules": rules})
