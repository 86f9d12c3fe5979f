"""`sources new` at a terminal asks what a registry is like, and drafts it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from adapters.registry_tests.configurations import registry_problems
from cli.output import Exit
from config.lint import CHOOSE, lint
from config.starters import starter_text
from config.starters.examples import draft_from
from tests.cli.shell import LAUNCHER, Shell

PERSON = {
    "ref": {"no": "10000001"},
    "people": {"surname": "Ashgrove", "forename": "Linnet", "also": "Fenwick"},
    "state": "A",
    "town": "Lower Quillfeather",
}

LEFT = {"sources.board.record.status.inactive[0]:", "sources.board.tests[1].responses.lookup.json.state:"}
"""What ends a record, where the status is in `state`: a word of the rule, and the same in its test."""


def ask(folder: Path, *answers: str) -> tuple[int, str, str]:
    """How `sources new` ends at a real terminal, its standard output in a file, and what the terminal showed."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read() -> None:
        with suppress(OSError):  # the other side is closed
            while part := os.read(ours, 4096):
                shown.extend(part)

    with (folder / "new.yaml").open("wb") as out:
        process = subprocess.Popen(
            [LAUNCHER, "sources", "new", "board"], cwd=folder, stdin=theirs, stdout=out, stderr=theirs
        )
    os.close(theirs)
    reader = threading.Thread(target=read)
    reader.start()
    os.write(ours, "".join(f"{answer}\n" for answer in (*answers, "\x04")).encode())
    try:
        code = process.wait(60)
    finally:
        process.kill()
        reader.join(60)
        os.close(ours)
    return code, (folder / "new.yaml").read_text(), shown.decode()


def problems(text: str, folder: Path) -> tuple[set[str], list[str]]:
    """What lint finds in a draft: the choices that are left, and anything else."""
    (folder / "new.yaml").write_text(text)
    report = lint([folder / "new.yaml"])
    found = [str(problem) for problem in [*report.problems, *registry_problems(report)]]
    return {problem.split()[2] for problem in found if CHOOSE in problem}, [
        each for each in found if CHOOSE not in each
    ]


@pytest.mark.slow
def test_a_draft_is_made_of_what_was_chosen_in_an_example_answer(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(PERSON))
    (tmp_path / "empty.json").write_text('{"people": []}')
    file = (
        "missing.json",
        "empty.json",
        "answer.json",
        "http://board.example",
        "https://board.example/people?id={number}",
    )
    fields = ("body", "nr", "ref.no", "people.surname", "town", "people.forename", "state")
    code, text, shown = ask(tmp_path, "", *file, *fields, "B", "A, E")
    assert code == 0, shown
    for said in (
        "missing.json is no example answer: it cannot be read",
        "empty.json is no example answer: it has no field with a value",
        "write it as https://registry.example/people/{number}",
        "no field — there are ref.no, people.surname, people.forename, people.also, state, town",
        "it must be next to the family name",
        "the answer has 'A'",
    ):
        assert said in shown
    assert problems(text, tmp_path) == (LEFT, [])
    source = YAML(typ="safe").load(text)["sources"]["board"]
    assert source["steps"][0]["request"] == {"url": "https://board.example/people", "query": {"id": "{number}"}}
    assert source["record"]["fields"] == {
        "number": "ref.no",
        "names": "people.{family: surname, given: forename}",
        "status": "state",
    }
    assert source["record"]["status"]["active"] == ["A", "E"]


@pytest.mark.slow
def test_a_status_may_be_a_truth_value_that_is_false(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(
        json.dumps({"number": "10000001", "name": "Linnet Ashgrove", "struck_off": False})
    )
    code, text, shown = ask(tmp_path, "", "answer.json", "https://board.example/{number}", "", "", "", "struck_off", "")
    assert code == 0, shown
    assert problems(text, tmp_path) == (set(), [])


@pytest.mark.slow
def test_what_is_likely_needs_no_answer_but_return(tmp_path: Path) -> None:
    answer = {
        "people": [{"licence_number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet", "active": True}]
    }
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    code, text, shown = ask(tmp_path, "json", "answer.json", *[""] * 7)
    assert code == 0, shown
    assert text == draft_from("board", str(tmp_path / "answer.json"), datetime.now(UTC).date()) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (("licence.no", "-", "holder", "state", " ,", "valid"), "{family: holder}"),
        (("no", "no", "who.family", "who.given", "state", "valid"), "who.{family: family, given: given}"),
    ],
)
def test_without_an_answer_someone_is_invented(tmp_path: Path, fields: tuple[str, ...], names: str) -> None:
    code, text, shown = ask(tmp_path, "json", "-", "https://board.example/people/{number}", *fields)
    assert code == 0, shown
    assert problems(text, tmp_path) == (LEFT, [])
    record = YAML(typ="safe").load(text)["sources"]["board"]["record"]
    assert (record["fields"]["number"], record["fields"]["names"]) == (fields[0], names)
    assert record["status"]["active"] == ["valid"]


@pytest.mark.slow
def test_other_forms_begin_with_their_commented_file(tmp_path: Path) -> None:
    code, text, shown = ask(tmp_path, "yaml", "csv-roster")
    assert (code, text) == (0, starter_text("csv-roster", "board") + "\n"), shown


@pytest.mark.slow
def test_a_draft_that_is_interrupted_prints_nothing(tmp_path: Path) -> None:
    assert ask(tmp_path, "json", "-")[:2] == (Exit.INTERRUPTED, "")


def test_without_a_terminal_nothing_is_asked(bare_shell: Shell) -> None:
    assert bare_shell("sources", "new", "board").out == starter_text("json", "board") + "\n"
