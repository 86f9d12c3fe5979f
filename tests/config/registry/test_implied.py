"""A description need not say its hosts, the usual inputs, and the rules that compare number and name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.configuration import Configuration
from config.lint import Report, lint
from config.presets import FOLDER, expand
from config.registry import RegistrySource
from config.registry.implied import NAME_RULE, NUMBER_RULE, USUAL_INPUTS, fill_in
from tests.config.linted import REGISTRY

SHORT = """\
sources:
  board:
    type: registry
    title: { en: Register of boatbuilders, fr: Registre des constructeurs de bateaux }
    rate: 2/s
    secrets: { api_key: { env: JURAT_SOURCE_BOARD } }
    steps:
      - request:
          url: https://registry.example:8443/people/{number}
          auth: { type: header, name: X-API-Key, value: "{secrets.api_key}" }
        outcomes:
          - { when: "status == `404`", then: undetermined, reason: record_not_found }
    record:
      from: body.person
      fields:
        number: id
        names: "{family: last, given: first}"
        status: status
        professions: professions[].code
      status: { active: [registered], inactive: [suspended, removed] }
    rules:
      - { check: status, is: active }
      - { check: one_of, field: professions, requirement: professions, else: refused, reason: profession_not_eligible }
criteria:
  boatbuilder: { source: board, require: { professions: ["10"] } }
consultations:
  harbour: { questions: { profession: { criterion: boatbuilder } } }
"""


def linted(folder: Path, text: str) -> Report:
    file = folder / "jurat.yaml"
    file.write_text(text, "utf-8")
    return lint([file])


def source_of(report: Report) -> RegistrySource:
    assert report.configuration is not None, str(report)
    found = report.configuration.sources["board"]
    assert isinstance(found, RegistrySource)
    return found


def written(**over: Any) -> dict[str, Any]:
    """A description as a file has it, changed by options; None removes one."""
    source = YAML(typ="safe").load(SHORT)["sources"]["board"] | over
    return {name: part for name, part in source.items() if part is not None}


def test_a_new_registry_takes_25_lines_without_its_tests(tmp_path: Path) -> None:
    report = linted(tmp_path, SHORT)
    assert report.problems == ()
    source = SHORT.partition("criteria:")[0].splitlines()[1:]
    assert len(source) <= 25
    assert str(report.implied["board"]) == (
        "hosts registry.example:8443; inputs number, family_name, given_name; rules[0] equals; rules[1] name"
    )


def test_what_is_implied_is_what_would_be_written(tmp_path: Path) -> None:
    short = source_of(linted(tmp_path, SHORT))
    whole = SHORT.replace(
        "    rules:\n",
        "    hosts: ['registry.example:8443']\n"
        "    inputs:\n"
        "      number: { clean: [trim, alnum, upper], max_length: 40,\n"
        "                title: { en: Registration number, fr: Numéro d'inscription } }\n"
        "      family_name: { clean: [trim], title: { en: Family name, fr: Nom de famille } }\n"
        "      given_name: { clean: [trim], title: { en: Given name, fr: Prénom } }\n"
        "    rules:\n"
        "      - { check: equals, field: number, input: number }\n"
        "      - { check: name, family: family_name, given: given_name }\n",
    )
    report = linted(tmp_path, whole)
    assert source_of(report) == short
    assert list(source_of(report).inputs) == list(short.inputs)
    assert report.implied == {}


def test_what_is_stored_has_all_of_it(tmp_path: Path) -> None:
    """Workers of an earlier release imply nothing."""
    configuration = linted(tmp_path, SHORT).configuration
    assert configuration is not None
    stored = Configuration.from_json(configuration.to_json()).sources["board"]
    assert isinstance(stored, RegistrySource)
    assert stored.hosts == ("registry.example:8443",)
    assert [rule.check for rule in stored.rules] == ["equals", "name", "status", "one_of"]


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.yaml")))
def test_a_preset_is_whole(name: str) -> None:
    source = {"type": YAML(typ="safe").load(FOLDER / f"{name}.yaml")["type"], "preset": name}
    expanded, complaints = expand({"source": source})
    assert complaints == []
    filled = fill_in(expanded["source"])
    assert filled.inputs == ()
    assert filled.rules == {}
    checks = [rule["check"] for rule in filled.source["rules"]]
    if checks[0] != "sent":  # an answer that repeats no number has no name either
        assert filled.source["rules"][0] == NUMBER_RULE
        assert "name" in checks


def test_the_hosts_of_a_preset_follow_its_address() -> None:
    request = {"url": "https://fhir.board.example/r4/Practitioner"}
    source = {"type": "registry", "preset": "fhir-practitioner", "steps": {"lookup": {"request": request}}}
    (expanded,) = expand({"board": source})[0].values()
    assert fill_in(expanded).hosts == ("fhir.board.example",)


def test_an_input_of_a_preset_is_changed_and_keeps_the_rest() -> None:
    source = {"type": "registry", "preset": "us-npi", "inputs": {"family_name": {"max_length": 60}}}
    (expanded,) = expand({"npi": source})[0].values()
    assert expanded["inputs"]["family_name"] == {**USUAL_INPUTS["family_name"], "max_length": 60}
    assert list(expanded["inputs"]) == ["number", "family_name", "given_name"]


def test_hosts_are_those_of_all_requests() -> None:
    steps = [
        {"request": {"url": f"https://{host}/x"}} for host in ("login.example", "REGISTRY.example", "login.example")
    ]
    assert fill_in(written(steps=steps)).source["hosts"] == ["login.example", "registry.example"]
    assert fill_in(written(hosts=["other.example"])).source["hosts"] == ["other.example"]


def test_a_declared_input_stays_as_it_is_and_others_are_added_in_the_usual_order() -> None:
    number = {"format": "luhn"}
    filled = fill_in(
        written(
            inputs={"birth_date": {"type": "date"}, "number": number},
            rules=[{"check": "equals", "field": "born", "input": "birth_date"}],
        )
    )
    assert filled.inputs == ("family_name", "given_name")
    assert list(filled.source["inputs"]) == ["number", "family_name", "given_name", "birth_date"]
    assert filled.source["inputs"]["number"] == number


def test_a_written_rule_stays_in_its_place() -> None:
    number, name, status = (
        {**NUMBER_RULE, "reason": "record_differs"},
        {**NAME_RULE, "absent": "pass"},
        {"check": "status", "is": "active"},
    )
    assert fill_in(written(rules=[name, status])).source["rules"] == [NUMBER_RULE, name, status]
    assert fill_in(written(rules=[status, number])).source["rules"] == [status, number, NAME_RULE]
    assert fill_in(written(rules=[number, name, status])).source["rules"] == [number, name, status]
    assert fill_in(written(rules=None)).source["rules"] == [NUMBER_RULE, NAME_RULE]


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({"number": "id"}, [NUMBER_RULE]),
        ({"number": "id", "names": "names"}, [NUMBER_RULE, NAME_RULE]),
        ({"number": "id", "names": "{family: full_name}"}, [NUMBER_RULE]),
        ({"names": "names"}, [NAME_RULE]),
        ({"number": "id", "names": "names["}, [NUMBER_RULE]),
        ({"number": "id", "names": 7}, [NUMBER_RULE]),
    ],
)
def test_rules_are_implied_for_what_the_record_has(fields: dict[str, Any], rules: list[dict[str, str]]) -> None:
    filled = fill_in(written(rules=None, record={"from": "body", "fields": fields}))
    assert filled.source["rules"] == rules
    assert set(filled.inputs) == {"number", *(("family_name", "given_name") if NAME_RULE in rules else ())}


@pytest.mark.parametrize("inputs", [{"numbr": {}}, {"number": {}, "surname": {}, "forename": {}}, {"licence": {}}])
def test_nothing_is_implied_beside_an_input_that_nothing_uses(inputs: dict[str, Any]) -> None:
    filled = fill_in(written(inputs=inputs))
    assert filled.source == written(inputs=inputs) | {"hosts": ["registry.example:8443"]}


def test_a_number_of_another_name_is_not_asked_for_twice() -> None:
    steps = [{"request": {"url": "https://registry.example/people/{licence}"}}]
    assert NUMBER_RULE not in fill_in(written(steps=steps, inputs={"licence": {}})).source["rules"]


def test_a_roster_implies_the_same_but_hosts() -> None:
    roster = {"type": "roster", "record": {"fields": {"names": "{family: Surname, given: Given}"}}}
    filled = fill_in(roster)
    assert filled.source["rules"] == [NUMBER_RULE, NAME_RULE]
    assert list(filled.source["inputs"]) == ["number", "family_name", "given_name"]
    assert "hosts" not in filled.source


@pytest.mark.parametrize("part", ["inputs", "rules", "record", "steps", "hosts"])
@pytest.mark.parametrize("value", [None, 7, "x", [7], [None], {"x": None}, [{"request": 7}], [{"request": {"url": 7}}]])
def test_a_malformed_part_is_left_to_the_model(tmp_path: Path, part: str, value: Any) -> None:
    source = written() | {part: value}
    assert isinstance(fill_in(source).source, dict)
    file = tmp_path / "jurat.yaml"
    with file.open("w") as stream:
        YAML().dump({"sources": {"board": source}}, stream)
    assert lint([file]).errors


def test_a_problem_in_a_written_rule_is_told_at_its_line(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, SHORT.replace("is: active", "is: activ")).problems
    line = SHORT.splitlines().index("      - { check: status, is: active }") + 1
    assert (found.line, found.column) == (line, 30)
    assert found.path == "sources.board.rules[2].is"
    assert found.hint == "did you mean 'active'?"


def test_a_mistyped_input_is_told_as_before(tmp_path: Path) -> None:
    text = SHORT.replace("    steps:", "    inputs: { numbr: {}, family_name: {}, given_name: {} }\n    steps:")
    said = "\n".join(map(str, linted(tmp_path, text).problems))
    assert "there is no input 'number' — did you mean 'numbr'?" in said


def test_a_malformed_address_is_one_problem(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, SHORT.replace("https://registry.example:8443", "registry.example")).problems
    assert found.path == "sources.board.steps[0].request.url"


def test_a_whole_description_means_what_it_meant() -> None:
    source = YAML(typ="safe").load(REGISTRY)["sources"]["roll"]
    assert fill_in(source).source == source
