"""What an editor knows of registries from the published schema: it validates, and it completes."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from config.presets import FOLDER, expand
from config.schema import choices_at, options_at, schema
from config.starters import starter_text
from config.yaml_reader import read, read_text

STEP = ("sources", "roll", "steps", 0)
REQUEST = (*STEP, "request")
RECORD = ("sources", "roll", "record")
TEST = ("sources", "roll", "tests", 0)
PRESETS = sorted(FOLDER.glob("*.yaml"), key=lambda file: file.stem)


@pytest.fixture(scope="module")
def validate() -> Any:
    # It would else write the defaults of every type of source into the data that it tries on.
    return fastjsonschema.compile(copy.deepcopy(schema()), use_default=False)


@pytest.fixture(scope="module")
def _census() -> dict[str, Any]:
    return read_text(starter_text("xml", "roll"), "xml.yaml").data


@pytest.fixture
def census(_census: dict[str, Any]) -> dict[str, Any]:
    """A registry that answers XML, with all kinds of parts. Each test's own, to change."""
    return copy.deepcopy(_census)


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_a_new_source_begins_with_validates(validate: Any, form: str) -> None:
    validate(read_text(starter_text(form, "roll"), f"{form}.yaml").data)


@pytest.mark.parametrize("preset", PRESETS, ids=[file.stem for file in PRESETS])
def test_a_preset_validates_whole_and_by_its_name(validate: Any, preset: Path) -> None:
    named = {"type": read([preset]).data["type"], "preset": preset.stem, "rate": "1/s"}
    validate({"sources": {"roll": named}})
    sources, complaints = expand({"roll": named})
    assert complaints == []
    if secrets := {name for name in ("api_key", "user", "password", "base") if f"{{secrets.{name}}}" in str(sources)}:
        sources["roll"]["secrets"] = {name: {"env": "KEY"} for name in secrets}
    validate({"sources": sources})
    assert read([preset]).data["tests"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*REQUEST, "method"), "PUT"),
        ((*REQUEST, "xlm"), "<a/>"),
        ((*REQUEST, "form"), ["number"]),
        ((*REQUEST, "parts"), "<a/>"),
        ((*REQUEST, "auth"), {"type": "bearer"}),
        ((*STEP, "decode"), "yaml"),
        ((*STEP, "decode"), [{"xml_inn": "a.b"}]),
        ((*STEP, "decode"), {"csv": {"delimiter": "tab"}}),
        ((*STEP, "as_list"), "Envelope.Body"),
        ((*STEP, "outcomes"), [{"when": "body", "then": "accepted"}]),
        ((*STEP, "set"), {"token": {"value": "body.token", "hidden": True}}),
        ((*RECORD, "fields", "birth_date"), {"value": "born"}),
        ((*RECORD, "fields", "birth_date"), {"value": "born", "format": "%Y"}),
        ((*RECORD, "absent"), "no"),
        (("sources", "roll", "inputs", "number", "type"), "number"),
        (("sources", "roll", "inputs", "number", "values"), ["dni", "nie"]),
        (("sources", "roll", "inputs", "number", "format"), "es.dnie"),
        (("sources", "roll", "rules"), [{"check": "min_age", "field": "birth_date", "years": 0}]),
        (("sources", "roll", "rules"), [{"check": "valid_at", "until": "end", "absent": "accept"}]),
        (("sources", "roll", "one_person"), "yes"),
        ((*TEST, "expect"), ["accepted"]),
        ((*TEST, "expect"), "accept"),
        ((*TEST, "expect"), "refused"),
        ((*TEST, "expect"), "refused/name_differs"),
        ((*TEST, "expect"), "undetermined/inactive"),
        ((*TEST, "expect"), "undetermined/deadline_passed"),
        ((*TEST, "input", "number"), 12345678),
        ((*TEST, "today"), 2026),
        ((*TEST, "responses", "lookup"), {"status": 99}),
        ((*TEST, "responses", "lookup"), {"body": "<a/>"}),
        ((*TEST, "name"), ""),
    ],
)
def test_an_editor_sees_a_mistake(validate: Any, census: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    validate(census)
    holder: Any = census
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        validate(census)


@pytest.mark.parametrize(
    ("source", "good"),
    [
        ({"type": "registry", "preset": "us-npi"}, True),
        ({"type": "registry", "preset": "us-npii"}, False),
        ({"type": "registry", "preset": "csv-roster"}, False),
        ({"type": "roster", "preset": "csv-roster", "dataset": "members"}, True),
        ({"type": "roster", "preset": "us-npi"}, False),
        ({"preset": "us-npi"}, False),
    ],
)
def test_a_preset_is_one_that_comes_with_jurat(validate: Any, source: dict[str, Any], good: bool) -> None:
    if good:
        validate({"sources": {"roll": source}})
    else:
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            validate({"sources": {"roll": source}})


def test_an_editor_completes_the_names_of_presets() -> None:
    # An editor offers what stands beside `properties`, and a validator tells what is wrong there by itself.
    brought = schema()["$defs"]["PresetSource"]["properties"]
    assert brought["type"]["enum"] == ["registry", "roster"]
    assert brought["preset"]["enum"] == [file.stem for file in PRESETS]


def test_every_verdict_that_the_presets_expect_is_one_that_an_editor_takes() -> None:
    pattern = schema()["$defs"]["Trial"]["properties"]["expect"]["pattern"]
    expected = {trial["expect"] for file in PRESETS for trial in read([file]).data["tests"]}
    assert len(expected) > 20
    assert [each for each in expected if not re.search(pattern, each)] == []


def test_an_editor_completes_what_may_stand_at_a_place(census: dict[str, Any]) -> None:
    assert {"tests", "one_person", "secrets", "max_bytes"} <= options_at(("sources", "roll"), census)
    assert {"decode", "as_list", "set", "outcomes"} <= options_at(STEP, census)
    assert {"form", "json", "xml", "parts", "query"} <= options_at(REQUEST, census)
    assert {"timezone", "absent", "fields", "from"} <= options_at(RECORD, census)
    assert options_at((*RECORD, "fields", "birth_date"), census) == {"date", "value"}
    assert options_at(TEST, census) == {"expect", "input", "name", "require", "responses", "today"}
    assert options_at((*TEST, "responses", "lookup"), census) == {"file", "headers", "json", "status", "text"}
    assert {"years", "field"} <= options_at(("sources", "roll", "rules", 0), census)
    census["sources"]["roll"]["rules"] += [{"check": "status"}, {}]
    assert "years" not in options_at(("sources", "roll", "rules", 1), census)
    assert {"min_age", "valid_at", "name"} <= choices_at(("sources", "roll", "rules", 2, "check"), census)
