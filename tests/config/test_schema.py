from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from config.lint import lint
from config.schema import choices_at, options_at, schema, schema_text
from config.yaml_reader import read

CONFIG = Path(__file__).resolve().parent.parent.parent / "config"
SAMPLE = CONFIG / "sample"


@pytest.fixture(scope="module")
def validate() -> Any:
    # It would else write the defaults of every type of source into the data that it tries on.
    return fastjsonschema.compile(copy.deepcopy(schema()), use_default=False)


@pytest.fixture(scope="module")
def _sample() -> dict[str, Any]:
    return read([SAMPLE]).data


@pytest.fixture
def sample(_sample: dict[str, Any]) -> dict[str, Any]:
    """Each test's own, to change."""
    return copy.deepcopy(_sample)


def test_the_published_schema_is_up_to_date() -> None:
    assert (CONFIG / "jurat.schema.json").read_text(encoding="utf-8") == schema_text(), (
        "run: bin/jurat config schema > config/jurat.schema.json"
    )


def test_the_sample_lints_clean_and_keeps_to_the_schema(validate: Any, sample: dict[str, Any]) -> None:
    assert str(lint([SAMPLE], zones=["old-town"], environ={}, base_dir=SAMPLE.parent.parent)) == ""
    validate(sample)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("sorces",), {}),
        (("environment",), "prod"),
        (("sources", "Ban"), {"type": "manual"}),
        (("sources", "ban", "timout"), "8s"),
        (("sources", "ban", "timeout"), 8),
        (("sources", "ban", "rate"), "40"),
        (("sources", "ban", "burst"), 0),
        (("sources", "ban", "hours"), {"open": ["mon 08:00-18:00"]}),
        (("sources", "ban", "hours"), {"timezone": "Europe/Paris", "open": ["monday 08:00-18:00"]}),
        (("sources", "ban", "hours"), {"timezone": "Europe/Paris", "closed": ["2026-12-25"]}),
        (("sources", "ban", "breaker"), {"probe": 1}),
        (("sources", "ban", "url"), "geocoder.example"),
        (("sources", "roll", "secrets"), {"api_key": "s3same"}),
        (("sources", "roll", "rules"), [{"check": "equal"}]),
        (("criteria", "lives-in", "margin"), {"housenumber": "20"}),
        (("criteria", "lives-in", "open"), ["zone_"]),
        (("consultations", "budget", "questions", "work", "rounds"), "3"),
        (("consultations", "budget", "access"), {"all_off": ["residence"]}),
        (("consultations", "budget", "access"), {"at_least": 1}),
        (("consultations", "budget", "messages"), {"outside_zon": "Elsewhere."}),
    ],
)
def test_an_editor_sees_a_mistake_that_lint_finds(
    validate: Any, sample: dict[str, Any], path: tuple[str, ...], value: object, tmp_path: Path
) -> None:
    holder: Any = sample
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        validate(sample)
    (tmp_path / "jurat.yaml").write_text(json.dumps(sample), "utf-8")
    report = lint([tmp_path / "jurat.yaml"], zones=["old-town"], environ={}, base_dir=SAMPLE.parent.parent)
    assert report.configuration is None, str(report)


def test_a_preset_needs_nothing_but_its_name(validate: Any, sample: dict[str, Any]) -> None:
    sample["sources"]["other"] = {"type": "registry", "preset": "us-npi", "timeout": "20s"}
    validate(sample)
    sample["sources"]["other"] = {"type": "registry"}
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        validate(sample)


def test_options_are_those_of_the_type_that_stands_there() -> None:
    data = {"sources": {"a": {"type": "codes"}, "b": {"type": "manual"}, "c": {}}}
    assert "list" in options_at(("sources", "a"), data)
    assert "url" not in options_at(("sources", "a"), data)
    limits = {"breaker", "burst", "concurrency", "daily", "hours", "rate", "timeout"}
    assert options_at(("sources", "b"), data) == {"type", *limits}
    assert options_at(("sources", "b", "hours"), data) == {"closed", "open", "timezone"}
    assert {"list", "url", "rules"} <= options_at(("sources", "c"), data)
    assert options_at(("sources", "a", "list", 3), data) == set()


def test_choices_are_those_of_every_type() -> None:
    assert {"addok", "codes", "registry"} <= choices_at(("sources", "c", "type"), {"sources": {"c": {}}})
