from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config import presets as shipped
from config.lint import lint
from config.presets import expand
from config.registry import RegistrySource
from config.schema import schema

PRESET = """\
type: registry
hosts: [registry.example]
timeout: 12s
inputs:
  number: { clean: [digits] }
steps:
  - request: { url: "https://registry.example/people/{number}", headers: { Accept: application/json } }
record: { from: body, fields: { number: number } }
rules:
  - { check: equals, field: number, input: number }
"""

CONFIGURATION = """\
sources:
  roll: { type: registry, preset: valmont-roll, rate: 2/s, inputs: { number: { title: { en: Number } } } }
criteria:
  enrolled: { source: roll }
consultations:
  budget: { questions: { enrolment: { criterion: enrolled } } }
"""


@pytest.fixture
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "presets"
    folder.mkdir()
    monkeypatch.setattr(shipped, "FOLDER", folder)
    (folder / "valmont-roll.yaml").write_text(PRESET, encoding="utf-8")
    schema.cache_clear()  # it names the presets that there are
    yield folder
    schema.cache_clear()


def lines(folder: Path, text: str) -> list[str]:
    (folder / "jurat.yaml").write_text(text, encoding="utf-8")
    found = lint([folder / "jurat.yaml"])
    return [str(problem).removeprefix(f"{folder}/") for problem in found.problems]


def test_a_preset_is_filled_in_and_what_is_written_beside_it_is_laid_over(tmp_path: Path, presets: Path) -> None:
    (tmp_path / "jurat.yaml").write_text(CONFIGURATION, encoding="utf-8")
    found = lint([tmp_path / "jurat.yaml"])
    assert not found.errors
    assert found.configuration is not None
    roll = found.configuration.sources["roll"]
    assert isinstance(roll, RegistrySource)
    assert str(roll.rate) == "2/s"
    assert roll.timeout == 12
    assert roll.inputs["number"].clean == ("digits",)
    assert roll.inputs["number"].title == {"en": "Number"}
    # What is stored is whole: it means the same when the preset changes.
    assert "preset" not in found.configuration.to_json()


def test_lists_are_replaced_and_maps_are_merged(presets: Path) -> None:
    over = {"type": "registry", "preset": "valmont-roll", "hosts": ["other.example"], "record": {"absent": "refused"}}
    expanded, complaints = expand({"roll": over, "other": {"type": "manual"}, "odd": 3})
    assert complaints == []
    assert expanded["roll"]["hosts"] == ["other.example"]
    assert expanded["roll"]["record"] == {"from": "body", "fields": {"number": "number"}, "absent": "refused"}
    assert expanded["other"] == {"type": "manual"}
    assert expanded["odd"] == 3


def test_an_unknown_preset_is_told(tmp_path: Path, presets: Path) -> None:
    assert lines(tmp_path, CONFIGURATION.replace("valmont-roll", "valmont-rol")) == [
        "jurat.yaml:2:35: error: sources.roll.preset: there is no preset 'valmont-rol' — did you mean 'valmont-roll'?"
    ]
    assert lines(tmp_path, CONFIGURATION.replace("valmont-roll", "../../etc/passwd")) == [
        "jurat.yaml:2:35: error: sources.roll.preset: there is no preset '../../etc/passwd' — there is valmont-roll"
    ]
    assert lines(tmp_path, CONFIGURATION.replace("valmont-roll", "[1]")) == [
        "jurat.yaml:2:35: error: sources.roll.preset: must be the name of a preset — there is valmont-roll"
    ]


def test_a_preset_of_another_type_is_told(tmp_path: Path, presets: Path) -> None:
    assert lines(tmp_path, CONFIGURATION.replace("type: registry", "type: roster")) == [
        ("jurat.yaml:2:17: error: sources.roll.type: the preset 'valmont-roll' has another type — write type: registry")
    ]


def test_what_makes_a_preset_wrong_is_told_where_it_is_used(tmp_path: Path, presets: Path) -> None:
    assert lines(tmp_path, CONFIGURATION.replace("rate: 2/s", "steps: []")) == [
        "jurat.yaml:2:56: error: sources.roll.steps: is empty — fill it in, or remove the line"
    ]
    (presets / "valmont-roll.yaml").write_text(PRESET.replace("hosts", "hostes"), encoding="utf-8")
    shipped._read_shipped.cache_clear()
    assert lines(tmp_path, CONFIGURATION) == [
        "jurat.yaml:2:27: error: sources.roll.hostes: unknown option — did you mean 'hosts'?"
    ]


def test_a_preset_belongs_to_registries_alone(tmp_path: Path, presets: Path) -> None:
    text = CONFIGURATION.replace("type: registry", "type: manual").replace(
        ", inputs: { number: { title: { en: Number } } }", ""
    )
    assert lines(tmp_path, text) == [
        (
            "jurat.yaml:2:25: error: sources.roll.preset: unknown option — there is breaker, burst, concurrency, "
            "daily, hours, rate, timeout, type"
        )
    ]
