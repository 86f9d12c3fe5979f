"""A draft from an OpenAPI document: its address, its parameter, and an answer by example or schema."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from adapters.registry_tests.configurations import registry_problems
from config.lint import CHOOSE, lint
from config.starters.examples import draft_from
from config.starters.openapi import operation_at

PLACE = "/paths/~1people~1{id}/get"
DOCUMENT = """\
openapi: 3.1.0
servers: [{ url: "https://registry.example/v1/" }]
paths:
  /people/{id}:
    parameters: [{ $ref: "#/components/parameters/Id" }]
    get:
      responses:
        404: { description: nobody }
        200: { $ref: "#/components/responses/Person" }
components:
  parameters:
    Id: { in: path, name: id, required: true }
  responses:
    Person: { content: { application/json; charset=utf-8: { schema: { $ref: "#/components/schemas/Person" } } } }
  schemas:
    Name: { type: object, properties: { family_name: { type: string }, given_name: { type: [string, "null"] } } }
    Person:
      allOf:
        - { $ref: "#/components/schemas/Name" }
        - type: object
          properties:
            licence_number: { type: string }
            status: { enum: [registered, suspended] }
            valid_until: { type: string, format: date }
            parent: { $ref: "#/components/schemas/Person" }
            areas: { type: array, items: { oneOf: [{ type: integer }, { type: string }] } }
            score: { type: number }
            since: { type: string, format: date-time, example: 2020-01-31 }
"""
PERSON = {
    "family_name": "Ashgrove",
    "given_name": "Linnet",
    "licence_number": "10000001",
    "status": "registered",
    "valid_until": "2099-12-31",
    "areas": [1],
    "score": 1,
    "since": "2020-01-31",
}


def drafted(folder: Path, text: str, pointer: str = PLACE) -> str:
    (folder / "openapi").write_text(text, "utf-8")
    return draft_from("board", f"{folder / 'openapi'}#{pointer}", date(2026, 12, 1))


def described(text: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(text)["sources"]["board"]
    return found


def changed(**over: Any) -> dict[str, Any]:
    """A small document, its operation changed."""
    answered = {"content": {"application/json": {"example": {"id": 1}}}}
    return {"paths": {"/people/{id}": {"get": {"responses": {"200": answered}} | over}}}


@pytest.mark.parametrize("as_json", [False, True])
def test_the_answer_and_the_address_are_those_of_the_operation(tmp_path: Path, as_json: bool) -> None:
    text = json.dumps(YAML(typ="safe").load(DOCUMENT), default=str) if as_json else DOCUMENT
    source = described(drafted(tmp_path, text))
    assert source["steps"][0]["request"] == {"url": "https://registry.example/v1/people/{number}"}
    assert source["tests"][0]["responses"]["lookup"]["json"] == PERSON


def test_with_its_choices_made_it_can_be_published(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(drafted(tmp_path, DOCUMENT).replace(f'"{CHOOSE}"', "suspended"), "utf-8")
    report = lint([file])
    assert (report.problems, registry_problems(report)) == ((), [])


def test_an_example_comes_before_the_schema() -> None:
    part = {"examples": {"one": {"value": {"id": 7}}}, "schema": {"type": "object"}}
    assert operation_at(changed(responses={"2XX": {"content": {"text/json": part}}}), PLACE).answer == {"id": 7}


def test_a_number_in_the_query_and_what_is_not_known_of_the_address() -> None:
    asked = changed(parameters=[{"in": "query", "name": name, "required": True} for name in ("npi", "year")])
    asked["paths"]["/{town}/people"] = asked["paths"].pop("/people/{id}")
    found = operation_at(asked, "/paths/~1{town}~1people/get")
    assert (found.url, found.query) == (f"https://{CHOOSE}/{{number}}/people", {})
    asked["paths"]["/people"] = asked["paths"].pop("/{town}/people") | {"servers": [{"url": "/relative"}]}
    found = operation_at(asked, "/paths/~1people/get")
    assert (found.url, found.query) == (f"https://{CHOOSE}/people", {"npi": "{number}", "year": CHOOSE})


@pytest.mark.parametrize(
    ("document", "pointer", "said"),
    [
        (changed(), "", "write #/paths/~1PATH/get"),
        (changed(), "/components/schemas/Person", "write #/paths/~1PATH/get"),
        (changed(), "/paths/~1nobody/get", "it has no /paths//nobody/get"),
        (changed(responses={"200": {"content": {"text/html": {}}}}), PLACE, "no answer in JSON"),
        (changed(responses=7), PLACE, "no answer in JSON"),
        ([], PLACE, "it has no "),
        (None, PLACE, "it has no "),
    ],
)
def test_what_is_no_operation_is_told(document: Any, pointer: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        operation_at(document, pointer)


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "it is no YAML"), ("{", "it is no JSON"), ("x" * 600_000, "larger")]
)
def test_what_cannot_be_read_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        drafted(tmp_path, text)


MALFORMED = [
    {"parameters": None},
    {"parameters": [{"in": "query", "required": True}], "responses": {}},
    {"servers": [7]},
    {"responses": {"200": {"content": [7]}}},
    {"responses": {"200": {"content": {"application/json": {"examples": [7]}}}}},
    {"responses": {"200": {"content": {"application/json": {"schema": {"properties": 7}}}}}},
]


@pytest.mark.parametrize("over", MALFORMED)
def test_a_document_that_is_no_openapi_is_told(tmp_path: Path, over: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not written as OpenAPI 3 has it"):
        drafted(tmp_path, json.dumps(changed(**over)))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        draft_from("board", f"{tmp_path / 'openapi.yaml'}#{PLACE}", date(2026, 12, 1))


def test_references_in_a_circle_end() -> None:
    content = {"application/json": {"schema": {"$ref": "#/a"}}}
    document = changed(responses={"200": {"content": content}}) | {"a": {"$ref": "#/a"}}
    assert operation_at(document, PLACE).answer == "text"
