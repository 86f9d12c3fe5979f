"""What is written beside `preset` changes parts of the preset's lists by their names, and takes away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.registry_tests.examination import examine
from config.lint import lint
from config.presets import expand
from config.registry import RegistrySource
from config.registry.trial_files import TrialFiles

ABOVE = """\
sources:
  board:
    type: registry
    preset: fhir-practitioner
    hosts: [fhir.board.example]
    steps: {STEPS}
criteria: { listed: { source: board } }
consultations: { budget: { questions: { listed: { criterion: listed } } } }
"""


def laid(**over: Any) -> dict[str, Any]:
    expanded, complaints = expand({"source": {"type": "registry", **over}})
    assert complaints == []
    found: dict[str, Any] = expanded["source"]
    return found


def test_a_step_is_changed_by_its_name_and_keeps_the_rest() -> None:
    before = laid(preset="fhir-practitioner")["steps"][0]
    request = {"url": "https://fhir.board.example/r4/Practitioner", "query": {"_count": "2"}}
    (after,) = laid(preset="fhir-practitioner", steps={"lookup": {"request": request}})["steps"]
    assert after["request"]["url"] == request["url"]
    assert after["request"]["query"] == {**before["request"]["query"], "_count": "2"}
    assert after["outcomes"] == before["outcomes"]


def test_of_two_steps_one_is_changed() -> None:
    before = laid(preset="es-census-soap")["steps"]
    after = laid(preset="es-census-soap", steps={"login": {"request": {"url": "https://x.example/"}}})["steps"]
    assert [step["name"] for step in after] == ["login", "lookup"]
    assert after[0]["request"] == {**before[0]["request"], "url": "https://x.example/"}
    assert after[1] == before[1]


def test_null_takes_away() -> None:
    query = {"licence": "{number}", "license_number": None}
    (step,) = laid(preset="socrata-table", rate=None, steps={"lookup": {"request": {"query": query}}})["steps"]
    assert step["request"]["query"] == {"licence": "{number}", "$limit": "2"}
    assert "rate" not in laid(preset="socrata-table", rate=None)


TOWN = """\
sources:
  census:
    type: registry
    preset: census-rest
    secrets: { token: { env: JURAT_SOURCE_CENSUS } }
    control: { input: { number: 12345678Z, birth_date: "1966-05-28" } }
    steps:
      lookup:
        request:
          url: https://ws.valmont.example/padron/check
          json: { document: null, birth_date: null, nif: "{number}", born: "{birth_date|date:%d/%m/%Y}" }
        outcomes:
          - { when: body.codiRetorn == '02', then: refused, reason: record_not_found }
          - { when: "body.codiRetorn && body.codiRetorn != '01'", then: undetermined, reason: source_rejected_request }
    record: { fields: { status: codiRetorn }, status: { active: ["01"] } }
    tests:
      - name: a resident
        input: { number: 12345678Z, birth_date: 1966-05-28 }
        responses: { lookup: { json: { codiRetorn: "01" } } }
        expect: accepted
      - name: nobody
        input: { number: 12345678Z, birth_date: 1966-05-28 }
        responses: { lookup: { json: { codiRetorn: "02" } } }
        expect: refused/record_not_found
      - name: closed
        input: { number: 12345678Z, birth_date: 1966-05-28 }
        responses: { lookup: { json: { codiRetorn: "99" } } }
        expect: undetermined/source_rejected_request
criteria: { resides: { source: census } }
consultations: { budget: { questions: { residence: { criterion: resides } } } }
"""


@pytest.mark.slow
def test_a_town_writes_its_address_its_names_and_what_its_answers_mean(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(TOWN, "utf-8")
    found = lint([file])
    assert found.errors == ()
    assert found.configuration is not None
    source = found.configuration.sources["census"]
    assert isinstance(source, RegistrySource)
    (step,) = source.steps
    assert source.hosts == ("ws.valmont.example",)
    assert step.request.body == {"nif": "{number}", "born": "{birth_date|date:%d/%m/%Y}"}
    assert step.request.auth is not None
    examination = examine(source, TrialFiles("census", [], {}, tmp_path).read)
    assert [test.problem for test in examination.results if not test.passed] == []
    assert examination.faults == ()


def test_a_list_takes_the_place_of_a_list() -> None:
    assert laid(preset="us-npi", rules=[])["rules"] == []
    assert laid(preset="us-npi", tests=[])["tests"] == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            "{ look-up: { request: { url: https://fhir.board.example/ } } }",
            "6:14: error: sources.board.steps.look-up: the preset has no 'look-up' — did you mean 'lookup'?",
        ),
        (
            "{ lookup: { request: { url: https://fhir.bord.example/ } } }",
            (
                "6:5: error: sources.board.steps[0].request.url: 'fhir.bord.example' is not among hosts — did you mean "
                "'fhir.board.example'?"
            ),
        ),
        (
            "{ lookup: { request: { url: https://fhir.board.example/, methode: POST } } }",
            "6:5: error: sources.board.steps[0].request.methode: unknown option — did you mean 'method'?",
        ),
        ("{ lookup: 3 }", "6:5: error: sources.board.steps[0]: must be a map (key: value)"),
    ],
)
def test_what_does_not_fit_is_told(steps: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(ABOVE.replace("{STEPS}", steps), "utf-8")
    assert said in [str(problem).partition("jurat.yaml:")[2] for problem in lint([file]).errors]
