"""What a criterion demands is held against the codes that its registry is known to have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.lint import lint
from config.registry import RegistrySource
from config.registry.lint.demanded_codes import code_doubts
from tests.adapters.registry.described import description

CONFIGURATION = """\
sources:
  s: { type: registry, preset: PRESET, control: { input: { number: "1234567893", family_name: A, given_name: B } } }
criteria:
  c: { source: s, require: { REQUIRE } }
consultations:
  b: { questions: { q: { criterion: c } } }
"""
PHYSICIANS = 'professions: ["202", "204", "207", "208", "209"]'


def told(folder: Path, preset: str, require: str) -> list[str]:
    """What lint says of a criterion that demands this of a preset, without its place."""
    secrets = "fr-annuaire-sante, secrets: { api_key: { env: JURAT_SOURCE_ESANTE } }"
    written = CONFIGURATION.replace("PRESET", secrets if preset == "fr-annuaire-sante" else preset)
    (folder / "jurat.yaml").write_text(written.replace("REQUIRE", require), "utf-8")
    return [line.partition(": ")[2].partition(" — ")[0] for line in str(lint([folder / "jurat.yaml"])).splitlines()]


@pytest.mark.parametrize(
    ("preset", "require"),
    [
        ("us-npi", PHYSICIANS),
        ("us-npi", 'professions: ["2086S0120X", "163W"], states: [WA, PR]'),
        ("us-npi", 'professions: ["170", "342"]'),
        ("fr-annuaire-sante", 'professions: ["10", "31", "39", "41", "71", "93", "99"]'),
        ("fr-recherche-entreprises", 'activities: ["86", "86.2", "86.21Z"]'),
    ],
)
def test_what_a_preset_knows_is_demanded_without_a_word(preset: str, require: str, tmp_path: Path) -> None:
    assert told(tmp_path, preset, require) == []


@pytest.mark.parametrize(
    ("preset", "require", "code"),
    [
        ("us-npi", 'professions: ["MD"]', "professions[0]: 'MD'"),
        ("us-npi", 'professions: ["999"]', "professions[0]: '999'"),
        ("us-npi", f"{PHYSICIANS}, states: [wa]", "states[0]: 'wa'"),
        ("fr-recherche-entreprises", 'activities: ["8621Z"]', "activities[0]: '8621Z'"),
        ("fr-annuaire-sante", 'professions: ["2"]', "professions[0]: '2'"),
    ],
)
def test_what_no_record_could_have_is_an_error(preset: str, require: str, code: str, tmp_path: Path) -> None:
    (line,) = told(tmp_path, preset, require)
    said = "is no code that the registry is known to have, so everyone is refused (source 's')"
    assert line == f"error: criteria.c.require.{code} {said}"


@pytest.mark.parametrize(
    ("preset", "require", "said"),
    [
        ("us-npi", 'professions: ["207", "MD"]', "'MD' is no code that the registry is known to have"),
        ("us-npi", 'professions: ["163W", "207r"]', "'207r' has small letters, and no known code has any"),
        ("fr-recherche-entreprises", 'activities: ["86", "2"]', "'2' is the beginning of 10 known codes"),
    ],
)
def test_what_is_doubtful_beside_others_is_a_warning(preset: str, require: str, said: str, tmp_path: Path) -> None:
    (line,) = told(tmp_path, preset, require)
    assert line.startswith("warning: criteria.c.require.")
    assert said in line


def test_a_code_is_known_as_well_where_a_test_is_accepted_for_it() -> None:
    described: dict[str, Any] = description()
    rule = {"check": "one_of", "field": "professions", "requirement": "professions", "refuses": ["21"]}
    rules = [*described["rules"][:3], {**rule, "else": "refused", "reason": "profession_not_eligible"}]
    test = {"name": "listed", "input": {"number": "9000010000", "family_name": "Valombre", "given_name": "Iris"}}
    for expect, doubtful in (("accepted", []), ("refused/status_inactive", ["10"])):
        tests = [{**test, "require": {"professions": ["10"]}, "expect": expect}]
        source = RegistrySource.model_validate(description(rules=rules, tests=tests))
        codes = ["21", "10"]
        assert [codes[int(doubt.path[0])] for doubt in code_doubts(source, "professions", codes)] == doubtful
    # Nothing is known of a registry whose codes nobody has listed.
    del rule["refuses"]
    source = RegistrySource.model_validate(description(rules=[*rules[:3], {**rules[3], "refuses": None}]))
    assert list(code_doubts(source, "professions", ["MD"])) == []
