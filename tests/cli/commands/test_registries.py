"""`sources test | try | new` for registries, and the gate before `config lint` and `config apply`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from examples.sources import Mood, Sources
from tests.cli.shell import ROOT, Shell, is_one_sentence

TYPED = ("--input", "number=9000 010 000", "--input", "family_name=Valombre", "--input", "given_name=Iris")
ON_FILE = """\
    tests:
      - name: a physician
        input: { number: "9000010000", family_name: Valombre, given_name: Iris }
        require: { professions: ["10"] }
        responses: { lookup: { file: answers/physician.json } }
        expect: accepted
      - name: down
        input: { number: "9000010000", family_name: Valombre, given_name: Iris }
        responses: { lookup: { status: 503 } }
        expect: undetermined/source_unavailable
      - name: nobody
        input: { number: "9000010000", family_name: Valombre, given_name: Iris }
        responses: { lookup: { json: { count: 0, professionals: [] } } }
        expect: refused/record_not_found
"""


@pytest.fixture(scope="module")
def registry() -> Iterator[Sources]:
    with Sources() as running:
        yield running


OK = "http://127.0.0.1:8000/moods/ok/registry/professionals"


def configuration(url: str = OK, *changes: tuple[str, str]) -> str:
    """A configuration of the example's registry that asks `url`; each of `changes` replaces a part of its text."""
    described = (ROOT / "examples" / "sources" / "registry.yaml").read_text("utf-8")
    for old, new in ((OK, url), *changes):
        assert old in described
        described = described.replace(old, new)
    indented = "".join(f"    {line}\n" for line in described.splitlines() if not line.startswith("#"))
    return (
        f"environment: test\nsources:\n  registry:\n{indented}"
        'criteria:\n  is-physician: { source: registry, require: { professions: ["10"] } }\n'
        "consultations:\n  board:\n    questions:\n      profession: { criterion: is-physician }\n"
    )


def without_tests(text: str) -> str:
    return text[: text.index("    tests:")] + text[text.index("criteria:") :]


def without_control(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("control:"))


def line_of(text: str, part: str) -> str:
    """Where `part` begins, as `line:column`."""
    before = text[: text.index(part)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


# ------------------------------------------------------------------------------------------------------------ the gate


def test_a_description_with_green_tests_is_linted_and_applied(shell: Shell) -> None:
    shell.write("jurat.yaml", configuration())
    ran = shell("config", "lint", "jurat.yaml")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("0 errors, 0 warnings\n")
    assert shell("config", "apply", "jurat.yaml", "--dry-run").code == 0
    assert shell("config", "apply", "jurat.yaml").code == 0
    shown = shell("config", "show", "--json").json["document"]["sources"]["registry"]["tests"]
    assert next(test["name"] for test in shown) == "a physician"


@pytest.mark.parametrize("words", [("apply",), ("apply", "--dry-run"), ("lint",)])
def test_without_tests_nothing_is_published(shell: Shell, words: tuple[str, ...]) -> None:
    text = without_tests(configuration())
    shell.write("jurat.yaml", text)
    ran = shell("config", *words, "jurat.yaml")
    assert ran.code == 2
    assert f"jurat.yaml:{line_of(text, 'registry:')}: error: sources.registry.tests: no test expects accepted" in (
        ran.out + ran.err
    )
    assert "1 error, 0 warnings" in ran.err
    assert shell("config", "show").code == 2


def test_a_red_test_is_told_at_its_expectation(shell: Shell) -> None:
    text = configuration(OK, ("given_name: Iris }", "given_name: Ottilie }"))
    shell.write("jurat.yaml", text)
    ran = shell("config", "lint", "jurat.yaml")
    assert ran.code == 2
    assert ran.out == (
        f"jurat.yaml:{line_of(text, 'accepted')}: error: sources.registry.tests[0].expect: the test 'a physician' "
        "expects accepted and gives undetermined/name_differs: rules[1] decided "
        '("Ottilie Valombre" was typed, and the record has "Iris Anne Valombre": different) — fix the description, or '
        "the test where it is mistaken\n"
    )


def test_a_bad_mood_is_told_at_the_line_to_mend(shell: Shell) -> None:
    careless = "\"status == 'suspended' && 'suspended' || 'active'\""
    text = configuration(OK, ("    status: status\n", f"    status: {careless}\n"))
    shell.write("jurat.yaml", text)
    ran = shell("config", "apply", "jurat.yaml", "--json")
    assert ran.code == 2
    (problem,) = ran.json["problems"]
    assert f"{problem['line']}:{problem['column']}" == line_of(text, careless)
    assert problem["path"] == "sources.registry.record.fields.status"
    assert problem["message"].startswith("this still gives a status that accepts when in the answer professionals[]")


def test_other_mistakes_are_told_with_those_of_the_gate(shell: Shell) -> None:
    shell.write("jurat.yaml", without_tests(configuration()).replace("criterion: is-physician", "criterion: is-phys"))
    ran = shell("config", "lint", "jurat.yaml")
    assert [line.partition("error: ")[2].partition(":")[0] for line in ran.out.splitlines()] == [
        "sources.registry.tests",
        "consultations.board.questions.profession.criterion",
    ]


def test_files_of_tests_are_looked_for_beside_the_description(shell: Shell) -> None:
    folder = shell.folder / "config.d"
    (folder / "answers").mkdir(parents=True)
    text = configuration()
    text = text[: text.index("    tests:")] + ON_FILE + text[text.index("criteria:") :]
    (folder / "jurat.yaml").write_text(text)
    ran = shell("config", "lint", "config.d")
    assert ran.code == 2
    assert ran.out == (
        f"config.d/jurat.yaml:{line_of(text, 'answers/')}: error: sources.registry.tests[0].responses.lookup.file: the "
        "file answers/physician.json cannot be read: No such file or directory — a path is relative to the "
        "file with the test\n"
    )
    person = {"number": "9000010000", "names": [{"family": "Valombre", "given": "Iris"}], "status": "active"}
    answer = {"count": 1, "professionals": [{**person, "profession": {"code": "10"}}]}
    (folder / "answers" / "physician.json").write_text(json.dumps(answer))
    assert shell("config", "apply", "config.d").code == 0
    # Applied, nobody knows where the description stood.
    applied = shell("sources", "test", "registry")
    assert applied.code == 1
    assert "run it with --config and the file with the test" in applied.out
    assert shell("sources", "test", "registry", "--config", "config.d").code == 0


@pytest.mark.slow
def test_what_a_preset_brings_is_told_where_the_preset_is_named(shell: Shell) -> None:
    text = (
        "sources:\n  npi:\n    type: registry\n    preset: us-npi\n"
        '    control: { input: { number: "1234567893", family_name: Valombre, given_name: Iris } }\n'
        "    record:\n      fields: { status: \"'A'\" }\n"
        'criteria:\n  is-physician: { source: npi, require: { professions: ["202", "204", "207", "208", "209"] } }\n'
        "consultations:\n  board:\n    questions:\n      profession: { criterion: is-physician }\n"
    )
    shell.write("jurat.yaml", text)
    ran = shell("config", "lint", "jurat.yaml")
    assert ran.code == 2
    places = {line.partition(": error:")[0] for line in ran.out.splitlines()}
    assert f"jurat.yaml:{line_of(text, 'preset:')}" in places
    shell.write("jurat.yaml", text.replace("    record:\n      fields: { status: \"'A'\" }\n", ""))
    assert shell("config", "lint", "jurat.yaml").out == ""


# ----------------------------------------------------------------------------------------------------------------- test


def test_tests_and_moods_are_run_from_a_file_without_a_database(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", configuration())
    ran = bare_shell("sources", "test", "registry", "--config", "jurat.yaml")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].split("  ")[:2] == ["ok", "registry: a physician"]
    assert lines[2].endswith("refused/record_not_found")
    assert lines[-1].startswith("ok  registry: moods")
    assert "at step lookup: " in lines[-1]
    assert len(lines) == 5
    assert not (bare_shell.folder / "jurat.db").exists()
    every = bare_shell("sources", "test", "--all", "--config", "jurat.yaml", "--moods").out.splitlines()
    assert any("the registry answers HTTP 429 without a body: undetermined/source_throttled" in line for line in every)
    document = bare_shell("sources", "test", "registry", "--config", "jurat.yaml", "--json").json
    (registry,) = document["registries"]
    assert [test["passed"] for test in registry["tests"]] == [True] * 4
    assert {"mood", "found", "step", "test", "place", "wrong"} == registry["moods"][0].keys()
    assert registry["faults"] == []


def test_a_red_test_ends_with_1_and_says_what_decided(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", configuration(OK, ("given_name: Iris }", "given_name: Ottilie }")))
    ran = bare_shell("sources", "test", "registry", "--config", "jurat.yaml")
    assert ran.code == 1
    first = ran.out.splitlines()[0]
    assert first.startswith("problem  registry: a physician")
    assert "tests[0].expect: the test 'a physician' expects accepted and gives undetermined/name_differs" in first
    assert bare_shell("sources", "test", "registry", "--config", "jurat.yaml", "--json").json["ok"] is False


def test_a_bad_mood_ends_with_1_and_names_the_option(bare_shell: Shell) -> None:
    careless = "    status: \"status == 'suspended' && 'suspended' || 'active'\"\n"
    bare_shell.write("jurat.yaml", configuration(OK, ("    status: status\n", careless)))
    ran = bare_shell("sources", "test", "registry", "--config", "jurat.yaml", "--moods")
    assert ran.code == 1
    problems = [line for line in ran.out.splitlines() if line.startswith("problem")]
    assert any("professionals[].status is gone: accepted" in line for line in problems)
    assert problems[-1].split("  ")[1] == "registry: record.fields.status"


def test_the_applied_description_is_tested_with_what_it_needs_here(shell: Shell) -> None:
    shell.write("jurat.yaml", configuration())
    shell("config", "apply", "jurat.yaml")
    lines = shell("sources", "test", "--all").out.splitlines()
    assert lines[0].split() == ["ok", "source", "registry", "is", "ready"]
    assert len(lines) == 6


def test_sources_of_other_types_bring_no_tests_along(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", "sources: { proofs: { type: manual } }")
    ran = bare_shell("sources", "test", "proofs", "--config", "jurat.yaml")
    assert ran.code == 0
    assert ran.out == "note  source proofs  is well formed; sources of type manual have no tests\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("registry", "--config", "jurat.yaml", "--live"), "remove --config"),
        (("registr", "--config", "jurat.yaml"), "there is no source 'registr' — did you mean 'registry'?"),
        (("--config", "jurat.yaml"), "Give the name of a source, or --all"),
    ],
)
def test_what_cannot_be_tested_is_told(bare_shell: Shell, words: tuple[str, ...], said: str) -> None:
    bare_shell.write("jurat.yaml", configuration())
    ran = bare_shell("sources", "test", *words)
    assert ran.code == 2
    assert said in ran.err


def test_a_description_that_is_not_well_formed_is_told_as_lint_does(bare_shell: Shell) -> None:
    bare_shell.write("jurat.yaml", configuration().replace("hosts:", "hostes:"))
    ran = bare_shell("sources", "test", "registry", "--config", "jurat.yaml")
    assert ran.code == 2
    assert "sources.registry.hostes: unknown option — did you mean 'hosts'?" in ran.err
    assert ran.err.endswith("jurat: fix this first: registry is not well formed\n")


# ------------------------------------------------------------------------------------------------------------------ try


def test_a_try_looks_one_person_up_and_shows_all_of_it(bare_shell: Shell, registry: Sources) -> None:
    bare_shell.write("jurat.yaml", configuration(f"{registry.url(Mood.OK, 'registry')}/professionals"))
    before = registry.count(Mood.OK)
    words = ("sources", "try", "registry", "--config", "jurat.yaml", *TYPED, "--require", "professions=10")
    ran = bare_shell(*words)
    assert ran.code == 0
    assert ran.err == "no database here knows registry, so the lookup does not count for its rate\n"
    lines = ran.out.splitlines()
    assert lines[0] == "step lookup"
    assert "    ?number=9000010000" in lines
    assert "  outcomes[2]  body.count == `0`  no" in lines
    assert lines[-2:] == ["rules[3]  one_of  holds", "accepted record_matches"]
    assert registry.count(Mood.OK) == before + 1
    document = bare_shell(*words, "--json").json
    assert document["verdict"]["outcome"] == "accepted"
    assert document["steps"][0]["answer"]["body"]["count"] == 1
    assert list(bare_shell.folder.iterdir()) == [bare_shell.folder / "jurat.yaml"]


@pytest.mark.parametrize(
    ("mood", "typed", "code", "last"),
    [
        (Mood.OK, ("number=9000010745", "family_name=Corvec", "given_name=Tugdual"), 1, "refused status_inactive"),
        (Mood.DOWN, None, 5, "undetermined source_unavailable: its description takes this answer (HTTP 503) for"),
        (Mood.WRONG_TYPE, None, 5, "undetermined source_unreadable: the answer is not JSON, or not strictly"),
    ],
)
def test_the_exit_code_of_a_try_is_its_verdict(
    bare_shell: Shell, registry: Sources, mood: Mood, typed: tuple[str, ...] | None, code: int, last: str
) -> None:
    bare_shell.write("jurat.yaml", configuration(f"{registry.url(mood, 'registry')}/professionals"))
    inputs = TYPED if typed is None else tuple(word for text in typed for word in ("--input", text))
    ran = bare_shell("sources", "try", "registry", "--config", "jurat.yaml", *inputs)
    assert ran.code == code
    assert ran.out.splitlines()[-1].startswith(last)


def test_a_try_tells_what_an_absence_is_without_a_control_record(bare_shell: Shell, registry: Sources) -> None:
    nobody = ("--input", "number=9000 012 964", "--input", "family_name=Valombre", "--input", "given_name=Iris")
    text = configuration(f"{registry.url(Mood.OK, 'registry')}/professionals")
    for written, told in ((text, False), (without_control(text), True)):
        bare_shell.write("jurat.yaml", written)
        ran = bare_shell("sources", "try", "registry", "--config", "jurat.yaml", *nobody)
        assert ran.out.splitlines()[-1] == "refused record_not_found"
        assert ("workers take this for undetermined" in ran.err) is told


def test_a_try_of_an_applied_source_is_paid_and_writes_nothing_else(shell: Shell, registry: Sources) -> None:
    url = f"{registry.url(Mood.OK, 'registry')}/professionals"
    text = configuration(url, ("timeout: 5s", "timeout: 5s\nrate: 1/d\nburst: 1"))
    shell.write("jurat.yaml", text)
    assert shell("config", "apply", "jurat.yaml").code == 0
    before = contents(shell)
    ran = shell("sources", "try", "registry", *TYPED)
    assert (ran.code, ran.err) == (0, "")
    after = contents(shell)
    assert {table for table in before if before[table] != after[table]} == {"jurat_sources"}
    again = shell("sources", "try", "registry", *TYPED)
    assert again.code == 3
    assert is_one_sentence(again)
    assert "not asked: the quota of registry is used up at the moment" in again.err
    from_file = shell("sources", "try", "registry", "--config", "jurat.yaml", *TYPED)
    assert "not asked" in from_file.err, "the same source in a file has the same rate"


def contents(shell: Shell) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(shell.folder / "jurat.db")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def test_a_paused_source_is_not_tried(shell: Shell, registry: Sources) -> None:
    shell.write("jurat.yaml", configuration(f"{registry.url(Mood.OK, 'registry')}/professionals"))
    shell("config", "apply", "jurat.yaml")
    shell("sources", "pause", "registry", "--for", "1h", "--reason", "a move")
    before = registry.count(Mood.OK)
    for words in ((), ("--config", "jurat.yaml")):
        ran = shell("sources", "try", "registry", *words, *TYPED)
        assert ran.code == 3
        assert "not asked: registry is paused until" in ran.err
    assert registry.count(Mood.OK) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("registry", "--input", "number"), "write NAME=VALUE"),
        (("registry", *TYPED, "--input", "numbr=1"), "there is no input 'numbr' — did you mean 'number'?"),
        (("registry",), "the form asks for number, family_name, given_name as well"),
        (("registry", *TYPED, "--require", "profesions=10"), "no rule reads 'profesions'"),
        (("registr", *TYPED), "there is no source 'registr' — did you mean 'registry'?"),
        (("proofs", *TYPED), "proofs is of type manual, and only registries and rosters can be tried"),
    ],
)
def test_what_cannot_be_tried_is_told_and_nobody_is_asked(bare_shell: Shell, words: tuple[str, ...], said: str) -> None:
    text = configuration().replace("sources:\n", "sources:\n  proofs: { type: manual }\n")
    bare_shell.write("jurat.yaml", text)
    ran = bare_shell("sources", "try", *words, "--config", "jurat.yaml")
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_secret_that_is_not_here_is_told_before_anybody_is_asked(bare_shell: Shell) -> None:
    text = configuration(
        OK,
        ("timeout: 5s", "timeout: 5s\nsecrets: { key: { env: JURAT_SOURCE_REGISTRY } }"),
        ("query: { number:", 'headers: { X-Key: "{secrets.key}" }\n      query: { number:'),
    )
    bare_shell.write("jurat.yaml", text)
    ran = bare_shell("sources", "try", "registry", "--config", "jurat.yaml", *TYPED)
    assert ran.code == 2
    assert "the environment variable JURAT_SOURCE_REGISTRY is not set; set it here to try the source" in ran.err


def test_this_machine_is_asked_where_the_operator_lists_it_alone(bare_shell: Shell, registry: Sources) -> None:
    text = configuration(f"{registry.url(Mood.OK, 'registry')}/professionals")
    bare_shell.write("jurat.yaml", text)
    command = ("sources", "try", "registry", "--config", "jurat.yaml", "--require", "professions=10", *TYPED)
    assert bare_shell(*command).code == 0
    ran = bare_shell(*command, JURAT_PRIVATE_NETWORKS="10.0.0.0/8")
    assert ran.code == 5
    assert "source_blocked: 127.0.0.1 is this machine; list it in JURAT_PRIVATE_NETWORKS if that is meant" in ran.out


def test_a_key_of_jurat_is_not_sent_by_who_tries_a_source(shell: Shell, registry: Sources) -> None:
    text = configuration(
        f"{registry.url(Mood.OK, 'registry')}/professionals",
        ("timeout: 5s", "timeout: 5s\nsecrets: { key: { file: roll } }"),
        ("query: { number:", 'headers: { X-Key: "{secrets.key}" }\n      query: { number:'),
    )
    shell.write("jurat.yaml", text)
    secrets = shell.folder / "secrets"
    secrets.mkdir()
    command = ("sources", "try", "registry", "--config", "jurat.yaml", "--require", "professions=10", *TYPED)
    (secrets / "roll").write_text("confidential", encoding="utf-8")
    ran = shell(*command, JURAT_SOURCE_SECRETS="secrets")
    assert ran.code == 0, ran.err
    assert "confidential" not in ran.out
    (secrets / "roll").write_text(shell.environment["JURAT_UNSEAL_KEYS"], encoding="utf-8")
    said = "the file roll contains JURAT_UNSEAL_KEYS of jurat itself, which no source may get"
    for words in (command, ("config", "lint", "jurat.yaml"), ("config", "apply", "jurat.yaml")):
        ran = shell(*words, JURAT_SOURCE_SECRETS="secrets")
        assert ran.code == 2
        assert said in ran.out + ran.err
    assert shell("config", "show").code == 2


def test_the_help_says_that_it_is_a_real_person(bare_shell: Shell) -> None:
    said = " ".join(bare_shell("sources", "try", "--help").out.split())
    assert "personal data" in said
    assert "Nothing is stored." in said


# ------------------------------------------------------------------------------------------------------------------ new


@pytest.mark.parametrize("form", ["json", "xml", "csv-roster"])
def test_a_new_source_passes_lint_with_its_tests_and_every_mood(bare_shell: Shell, form: str) -> None:
    if form == "csv-roster":
        pytest.importorskip("config.registry.roster", reason="rosters come with registries of people")
    made = bare_shell("sources", "new", "professionals", "--format", form)
    assert made.code == 0
    bare_shell.write("new.yaml", made.out)
    ran = bare_shell("config", "lint", "new.yaml")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("0 errors, 0 warnings\n")
    tested = bare_shell("sources", "test", "professionals", "--config", "new.yaml")
    assert tested.code == 0
    assert "NAME" not in made.out
    assert bare_shell("sources", "new", "professionals", "--format", form, "--json").json["text"] in made.out


def test_a_new_source_needs_a_name_that_a_configuration_may_have(bare_shell: Shell) -> None:
    ran = bare_shell("sources", "new", "My Source")
    assert ran.code == 2
    assert "lower-case letters" in ran.err


def test_a_new_source_of_json_is_short_enough_to_be_read() -> None:
    described = YAML(typ="safe").load((Path(ROOT) / "config" / "starters" / "json.yaml").read_text("utf-8"))
    assert len(described["sources"]["NAME"]["tests"]) == 4
