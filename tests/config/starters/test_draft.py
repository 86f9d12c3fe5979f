"""A draft is made from an example answer: lint finds no fault but the choices that it names."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from adapters.registry_tests.configurations import registry_problems
from config.lint import CHOOSE, Report, lint
from config.starters.draft import draft_text

TODAY = date(2026, 12, 1)
PERSON = {
    "id": 77,
    "licence_number": "10000001",
    "last_name": "Ashgrove",
    "first_name": "Linnet",
    "status": "registered",
    "town": "Lower Quillfeather",
}
ANSWERS: dict[str, Any] = {
    "one map": PERSON,
    "below a key": {"apiVersion": "2", "person": PERSON},
    "a list": {"count": 2, "people": [PERSON, PERSON | {"licence_number": "10000002"}]},
    "the whole is a list": [PERSON],
    "in a list's entry": {"results": [{"person": PERSON, "score": 1}]},
    "one within another": PERSON | {"supervisor": PERSON | {"licence_number": "10000003"}},
    "no status": {name: value for name, value in PERSON.items() if name != "status"},
    "number as an integer": PERSON | {"licence_number": 10000001},
    "number with letters": PERSON | {"licence_number": "AB-1000"},
    "active is a truth value": {
        "licenceNumber": "10000001",
        "familyName": "Ashgrove",
        "givenName": "Linnet",
        "active": True,
    },
    "FHIR names": {
        "number": "7",
        "active": True,
        "name": [{"use": "official", "family": "Ashgrove", "given": ["Linnet", "May"]}],
    },
    "hyphens": {
        "reg-number": "10000001",
        "name": {"last-name": "Ashgrove", "first-name": "Linnet"},
        "reg-status": "on",
    },
    "French": {"resultats": [{"numero": "10000001", "nom": "Ashgrove", "prenom": "Linnet", "statut": "inscrit"}]},
    "a whole name": {"rows": [{"license_number": "990001", "owner_name": "Linnet Ashgrove", "license_status": "ok"}]},
    "an end": PERSON | {"valid_until": "2027-12-31"},
    "an end without a status": {
        "number": "10000001",
        "surname": "Ashgrove",
        "forename": "Linnet",
        "expires": "2020-02-29",
    },
    "codes": PERSON | {"professions": [{"code": "10", "label": "physician"}]},
    "codes as texts": PERSON | {"specialties": ["A", "B"]},
    "a state with a code": {
        "licence": "QF204417",
        "holder": {"surname": "Ashgrove", "forenames": ["Linnet", "May"]},
        "category": "river",
        "state": {"code": "A", "since": "2019-04-01"},
    },
    "odd letters": PERSON | {"note": '\u007f\u0085\ufeff “x” \\ " # : {number} \U0001f600'},
}


def linted(folder: Path, text: str) -> Report:
    file = folder / "jurat.yaml"
    file.write_text(text, "utf-8")
    return lint([file])


def chosen(text: str) -> str:
    """The draft with its choices made: where the example tells of no status, nothing ends a record."""
    if "if nothing does, remove this" in text:
        text = re.sub(r"\n +(status: |- { check: status).*", "", text)
        text = re.sub(r"\n    rules:.*(?=\n    tests:)", "", text)
    filled = text.replace(f"https://{CHOOSE}/", "https://registry.example/").replace(f'"{CHOOSE}"', '"gone"')
    return filled.replace(f"[{CHOOSE}]", '["10", "A"]')


@pytest.mark.parametrize("about", ANSWERS)
def test_lint_names_the_choices_and_nothing_else(tmp_path: Path, about: str) -> None:
    text = draft_text("board", ANSWERS[about], TODAY)
    report = linted(tmp_path, text)
    assert {problem.message for problem in report.problems} == {f"is a draft's {CHOOSE}"}
    tested = {problem.path for problem in report.problems if ".tests[" in problem.path}
    assert all(path.startswith("sources.board.tests[1].responses.lookup.json") for path in tested)
    assert len(tested) == text.split("    tests:")[1].count(f'"{CHOOSE}"')
    paths = {problem.path for problem in report.problems} - tested
    assert "sources.board.steps[0].request.url" in paths
    assert paths <= {
        "sources.board.steps[0].request.url",
        "sources.board.record.fields.status",
        "sources.board.record.status.active[0]",
        "sources.board.record.status.inactive[0]",
        "criteria.in-board.require.professions[0]",
    }
    assert registry_problems(report) == []


@pytest.mark.parametrize("about", ANSWERS)
def test_with_the_choices_made_it_can_be_published(tmp_path: Path, about: str) -> None:
    report = linted(tmp_path, chosen(draft_text("board", ANSWERS[about], TODAY)))
    assert report.problems == ()
    assert registry_problems(report) == []


@pytest.mark.parametrize(
    ("about", "origin", "number", "names"),
    [
        ("one map", "body", "licence_number", "{family: last_name, given: first_name}"),
        ("below a key", "body.person", "licence_number", "{family: last_name, given: first_name}"),
        ("one within another", "body", "licence_number", "{family: last_name, given: first_name}"),
        ("a list", "body.people", "licence_number", "{family: last_name, given: first_name}"),
        ("the whole is a list", "body", "licence_number", "{family: last_name, given: first_name}"),
        ("in a list's entry", "body.results[].person", "licence_number", "{family: last_name, given: first_name}"),
        ("FHIR names", "body", "number", "name[].{family: family, given: given}"),
        ("hyphens", "body", '"reg-number"', 'name.{family: "last-name", given: "first-name"}'),
        ("French", "body.resultats", "numero", "{family: nom, given: prenom}"),
        ("a whole name", "body.rows", "license_number", "{family: owner_name}"),
    ],
)
def test_the_record_and_its_fields_are_found(about: str, origin: str, number: str, names: str) -> None:
    record = YAML(typ="safe").load(draft_text("board", ANSWERS[about], TODAY))["sources"]["board"]["record"]
    assert (record["from"], record["fields"]["number"], record["fields"]["names"]) == (origin, number, names)


def test_what_is_not_found_is_left_to_choose(tmp_path: Path) -> None:
    text = draft_text("board", {"entry": {"colour": "red"}}, TODAY)
    paths = {problem.path for problem in linted(tmp_path, text).problems}
    assert {"sources.board.record.fields.number", "sources.board.record.fields.names"} <= paths


def test_of_several_people_one_is_kept() -> None:
    text = draft_text("board", ANSWERS["a list"], TODAY)
    assert "10000001" in text
    assert "10000002" not in text


WORDS = st.text("abcdefghijklmnop", min_size=5, max_size=12).map(lambda word: f"Zz{word}")


@pytest.mark.parametrize("key", ["marital_status", "civilStatus", "etat_civil", "estado-civil"])
def test_a_civil_status_is_no_status_of_a_record(key: str) -> None:
    before, _, rest = draft_text("board", PERSON | {key: "Zzwidowed"}, TODAY).partition("    tests:")
    assert "Zzwidowed" not in before + rest.partition("criteria:")[2]
    assert re.findall(f'\n(.*?)"?{key}', before) == ["        # Nothing looks at: id, town, "]


def test_the_state_of_an_address_is_no_status_of_a_record() -> None:
    def status(answer: Any) -> Any:
        return YAML(typ="safe").load(draft_text("board", answer, TODAY))["sources"]["board"]["record"]["fields"][
            "status"
        ]

    without = ANSWERS["no status"]
    assert status(ANSWERS["a state with a code"]) == "state.code"
    assert status(without | {"state": "listed"}) == CHOOSE, "a town stands beside it"
    assert status(without | {"address": {"street": "Mill Row", "state": "QF"}}) == CHOOSE


@given(number=st.integers(10**6, 10**9).map(str), family=WORDS, first=WORDS, town=WORDS)
def test_the_people_of_the_example_are_in_its_tests_alone(number: str, family: str, first: str, town: str) -> None:
    person = PERSON | {"licence_number": number, "last_name": family, "first_name": first, "town": town}
    for answer in (person, {"people": [person]}, {"by_number": {number: person}}):
        before, _, rest = draft_text("board", answer, TODAY).partition("    tests:")
        after = rest.partition("criteria:")[2]
        assert not re.search(f"{number}|{family}|{first}|{town}", before + after)


@pytest.mark.parametrize("answer", [{"a": 1, "b": {"c": [[[]]]}}, [[{"id": 1}]], {"x" * 300: {"number": "1"}}])
def test_any_map_gives_a_draft(tmp_path: Path, answer: Any) -> None:
    text = draft_text("board", answer, TODAY)
    assert {problem.message for problem in linted(tmp_path, text).problems} == {f"is a draft's {CHOOSE}"}


@pytest.mark.parametrize("answer", [None, 7, "x", [], [7], {"": 1}])
def test_what_holds_no_record_is_told(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"holds no map|empty key"):
        draft_text("board", answer, TODAY)
