"""The presets that come with jurat: what each must tell its reader, and that it is used in three lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.lint import lint
from config.presets import FOLDER
from config.registry import RecordSource, RosterSource
from config.registry.model.rules import OneOfRule
from config.registry.model.trials import PRESET_FILE
from jurat.vocabulary import Outcome

ANSWERS = FOLDER / "answers"
NAMES = sorted(file.stem for file in FOLDER.glob("*.yaml"))
OF_COMPANIES = {
    "ch-zefix",
    "eu-vies",
    "fr-recherche-entreprises",
    "fr-sirene",
    "gb-companies-house",
    "gb-companies-house-officers",
    "gleif",
    "no-brreg",
}
CHANGED = {"es-census-soap", "fhir-practitioner", "fr-annuaire-sante", "fr-recherche-entreprises", "us-npi"}
"""Since release 0.3.0."""

LISTS = {"csv-roster", "fr-rpps-file"}
OF_EVERYONE = {"census-rest", "census-soap", "es-census-soap", "eu-vies", "us-npi"}
"""A missing record refuses, where there is a control record."""

YES_OR_NO = {"census-rest", "census-soap"}
"""An answer repeats neither number nor name, of which lint warns."""

REFUSES_NOBODY = {"orcid"}
OF_CODES = {
    "ch-zefix",
    "es-census-soap",
    "fr-annuaire-sante",
    "fr-recherche-entreprises",
    "fr-rpps-file",
    "fr-sirene",
    "gb-companies-house",
    "gleif",
    "no-brreg",
    "us-npi",
}
"""A code that is not required refuses."""

NUMBER = (
    r'"(?:number|siren|organisasjonsnummer)": "?([0-9]{8,})'
    r'|"(?:uid": "(?=CHE)|lei": "|path": "(?=[0-9]))([0-9A-Z-]+)'
    r'|"(?:company_number|registration_number|self)": "(?:/company/)?(?:[A-Z]{2}|R0)?([0-9]+)'
)
"""Numbers of people and companies, by the keys under which registries have them."""

CONFIGURATION = """\
sources:
  registry: { type: TYPE, preset: NAME, SECRETS }
criteria:
  listed: { source: registry, REQUIRE }
consultations:
  budget: { questions: { listed: { criterion: listed } } }
"""


def type_of(name: str) -> str:
    return "roster" if name in LISTS else "registry"


def used(name: str, folder: Path) -> RecordSource:
    """The preset as a configuration names it, linted."""
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    needed = sorted(set(re.findall(r"\{secrets\.([a-z_]+)\}", text)) - {"app_token"})
    secrets = ", ".join(f"{secret}: {{ env: JURAT_SOURCE_{secret.upper()} }}" for secret in needed)
    written = f"secrets: {{ {secrets} }}" if name not in LISTS else "dataset: members"
    if name in OF_EVERYONE:
        tests = YAML(typ="safe").load(text)["tests"]
        known = next(test for test in tests if test["expect"] == "accepted")
        control = {part: known[part] for part in ("input", "require") if part in known}
        written += f", control: {json.dumps(control, default=str)}"
    configuration = CONFIGURATION.replace("TYPE", type_of(name)).replace("NAME", name).replace("SECRETS", written)
    code = {"us-npi": "207", "fr-annuaire-sante": "10", "fr-rpps-file": "10"}.get(name)
    demanded = f'require: {{ professions: ["{code}"] }}' if code else ""
    (folder / "jurat.yaml").write_text(configuration.replace("REQUIRE", demanded), "utf-8")
    found = lint([folder / "jurat.yaml"])
    said = [str(problem).partition(": warning: ")[2].partition(": ")[0] for problem in found.problems]
    assert said == (["sources.registry.record.fields", "sources.registry.rules[0]"] if name in YES_OR_NO else [])
    assert found.configuration is not None
    source = found.configuration.sources["registry"]
    assert isinstance(source, RecordSource)
    assert isinstance(source, RosterSource) is (name in LISTS)
    return source


def test_these_are_there() -> None:
    assert NAMES == [
        "census-rest",
        "census-soap",
        "ch-zefix",
        "csv-roster",
        "es-census-soap",
        "eu-vies",
        "fhir-practitioner",
        "fr-annuaire-sante",
        "fr-recherche-entreprises",
        "fr-rpps-file",
        "fr-sirene",
        "gb-companies-house",
        "gb-companies-house-officers",
        "gleif",
        "no-brreg",
        "orcid",
        "socrata-table",
        "us-npi",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_used_in_three_lines_and_lint_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    source = used(name, tmp_path)
    assert source.tests
    assert source.one_person is (name not in OF_COMPANIES)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_whoever_uses_it_must_know(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text("utf-8")
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    for word in ("# Documentation ", "# Terms", "# Cannot tell "):
        assert word in comments
    assert re.search(r"^# (Limits|Terms, limits) ", comments, re.MULTILINE)
    assert "https://" in comments
    assert "# Never called live: written from" in comments


@pytest.mark.parametrize("name", NAMES)
def test_its_form_is_in_english_and_french_and_its_limits_are_set(name: str, tmp_path: Path) -> None:
    source = used(name, tmp_path)
    titles = [source.title, *(field.title for field in source.inputs.values())]
    assert all({"en", "fr"} <= (title or {}).keys() for title in titles)
    # A list is asked in the database, as often as is wanted.
    assert (source.rate is None) is (source.concurrency is None) is (name in LISTS)
    assert source.version == (2 if name in CHANGED else 1)
    outcomes = set(Outcome) - ({Outcome.REFUSED} if name in REFUSES_NOBODY else set())
    assert {trial.outcome for trial in source.tests} == outcomes


@pytest.mark.parametrize("name", NAMES)
def test_a_code_that_its_registry_adds_later_refuses_nobody(name: str, tmp_path: Path) -> None:
    rules = [rule for rule in used(name, tmp_path).rules if isinstance(rule, OneOfRule) and rule.refuses]
    assert [rule.field for rule in rules if not rule.refusing] == []
    assert bool(rules) is (name in OF_CODES)


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_used_and_every_number_in_it_is_made_up(name: str, tmp_path: Path) -> None:
    files = {response.file for trial in used(name, tmp_path).tests for response in trial.responses.values()}
    there = {f"{PRESET_FILE}{name}/{file.name}" for file in (ANSWERS / name).glob("*")}
    assert there == files - {None}
    marks = {
        "us-npi": "200000",
        "fr-annuaire-sante": "999000",
        "fr-recherche-entreprises": "999000",
        "csv-roster": "990001",
        "fr-rpps-file": "99900",
        "ch-zefix": "CHE999000",
        "fr-sirene": "999000",
        "gb-companies-house": "999",
        "gb-companies-house-officers": "999",
        "gleif": "999900JURAT0",
        "no-brreg": "1000000",
        "orcid": "0000-0009-9900-",
    }
    for file in (ANSWERS / name).glob("*.json"):
        text = json.dumps(json.loads(file.read_text("utf-8")))
        for number in re.findall(NUMBER, text):
            assert "".join(number).startswith(marks[name])
    for file in (ANSWERS / name).glob("*.txt"):
        numbers = re.findall("[0-9]{8,}", file.read_text("utf-8"))
        assert numbers
        assert all(number.lstrip("08").startswith(marks[name]) for number in numbers)


def test_presets_that_need_a_key_say_so_where_it_is_missing(tmp_path: Path) -> None:
    text = CONFIGURATION.replace("TYPE", "registry").replace("NAME, SECRETS", "fr-annuaire-sante")
    text = text.replace("REQUIRE", "")
    (tmp_path / "jurat.yaml").write_text(text, "utf-8")
    said = [str(problem).partition("error: ")[2] for problem in lint([tmp_path / "jurat.yaml"]).errors]
    assert any("there is no secret 'api_key'" in line for line in said)
