from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from config.limits import SourceKind
from config.sources import SourceModel, answer_schema, secrets_of, urls_of
from jurat.answers import validate
from jurat.errors import InvalidAnswer
from tests.jurat.closed_schemas import check_schema

MODELS: TypeAdapter[SourceModel] = TypeAdapter(SourceModel)
EVERY: dict[str, dict[str, Any]] = {
    "addok": {"url": "https://geocoder.example"},
    "nominatim": {},
    "photon": {},
    "pelias": {"url": "https://geocoder.example"},
    "us-census": {},
    "address-file": {"path": "towns.csv"},
}
ANSWER = {"street": "Rue des Tanneurs", "postcode": "99001"}


def model(kind: str, **given: Any) -> Any:
    return MODELS.validate_python({"type": kind, **EVERY[kind], **given})


@pytest.mark.parametrize("kind", EVERY)
def test_all_sources_of_addresses_take_the_same_answer(kind: str) -> None:
    source = model(kind)
    assert source.kind is SourceKind.ADDRESS
    schema = answer_schema(source)
    check_schema(schema)
    assert schema == answer_schema(model("addok"))
    assert list(schema["properties"]) == ["number", "street", "postcode", "city", "city_code", "country"]


@pytest.mark.parametrize("field", ["number", "street", "postcode", "city", "country"])
@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "8>", "8\x00", "8\x1b[2J", "\x7f"])
def test_markup_and_control_characters_are_refused_before_an_answer_is_confirmed(field: str, text: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        validate({**ANSWER, field: text[:12]}, json.dumps(answer_schema(model("addok"))))
    assert caught.value.field == field


@pytest.mark.parametrize("number", ["8", "8 bis", "n° 8-10", "s/n", "８", "①", "-1", "8\n2e étage", "Appt 3\t8"])
def test_whether_a_number_is_one_a_source_says(number: str) -> None:
    validate({**ANSWER, "number": number}, json.dumps(answer_schema(model("addok"))))


@pytest.mark.parametrize("code", ["99901", "2A004", "05315000"])
def test_a_town_may_be_given_by_its_code(code: str) -> None:
    validate({**ANSWER, "city_code": code}, json.dumps(answer_schema(model("addok"))))


@pytest.mark.parametrize("code", ["", "Valmont sur Brême", "99901\n", "1234567890123", "é"])
def test_what_is_no_code_of_a_town_is_malformed(code: str) -> None:
    with pytest.raises(InvalidAnswer):
        validate({**ANSWER, "city_code": code}, json.dumps(answer_schema(model("addok"))))


@pytest.mark.parametrize(
    ("kind", "language"), [(kind, "en" if kind == "us-census" else "fr") for kind in EVERY], ids=list(EVERY)
)
def test_the_language_of_the_names_is_french_unless_told_otherwise(kind: str, language: str) -> None:
    assert model(kind).language == language
    assert model(kind, language="de").language == "de"
    with pytest.raises(ValidationError):
        model(kind, language="xx")


@pytest.mark.parametrize("kind", ["nominatim", "photon", "us-census"])
def test_services_that_are_one_have_their_address(kind: str) -> None:
    ((_, url),) = urls_of(model(kind))
    assert url.startswith("https://")


@pytest.mark.parametrize("country", ["fr", "FRA", "F1", "", "ÉÉ"])
def test_a_country_is_two_capital_letters(country: str) -> None:
    with pytest.raises(ValidationError):
        model("photon", country=country)


@pytest.mark.parametrize("email", ["valmont", "a b@c.example", "a@b\r\nX-Other: 1", "é@valmont.example", "@"])
def test_an_email_can_stand_in_a_header(email: str) -> None:
    with pytest.raises(ValidationError):
        model("nominatim", email=email)


def test_a_key_is_only_referred_to() -> None:
    source = model("pelias", api_key={"env": "PELIAS_KEY"})
    assert [path for path, _ in secrets_of(source)] == [("api_key",)]
    with pytest.raises(ValidationError):
        model("pelias", api_key="ge-0123456789abcdef")


def test_a_dataset_is_written_as_it_is_read() -> None:
    source = MODELS.validate_python({"type": "address-file", "dataset": "valmont"})
    written = source.model_dump(mode="json", by_alias=True)
    assert (written["dataset"], written["path"]) == ("valmont", None)
    assert MODELS.validate_python(written) == source
