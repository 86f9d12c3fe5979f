"""`sources new --from` prints a draft, or says in one sentence why it cannot."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell


def test_the_command_prints_the_draft_and_changes_no_file(bare_shell: Shell) -> None:
    bare_shell.write("answer.json", '{"count": 1, "people": [{"licence_number": "10000001", "status": "registered"}]}')
    files = sorted(bare_shell.folder.iterdir())
    ran = bare_shell("sources", "new", "board", "--from", "answer.json")
    assert (ran.code, ran.err) == (0, "")
    assert 'from: "body.people"' in ran.out
    assert sorted(bare_shell.folder.iterdir()) == files
    assert bare_shell("sources", "new", "board", "--from", "answer.json", "--json").json["text"] == ran.out.rstrip("\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{'number': 'Zzashgrove'}", "it is no JSON (line 1, column 2)"),
        (b'{"number": NaN}', "JSON has no NaN"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"[" * 60_000, "it is nested too deeply"),
        (b" " * 70_000, "it is larger than 64 KiB; keep one record of it"),
        (b"[]", "it holds no map, such as a person with a number and a name"),
    ],
)
def test_what_is_no_answer_is_told_in_one_sentence(bare_shell: Shell, content: bytes, said: str) -> None:
    (bare_shell.folder / "answer.json").write_bytes(content)
    ran = bare_shell("sources", "new", "board", "--from", "answer.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.strip().endswith(f"answer.json is no example answer: {said}")


def test_a_format_does_not_go_with_an_answer(bare_shell: Shell) -> None:
    bare_shell.write("answer.json", "{}")
    ran = bare_shell("sources", "new", "board", "--from", "answer.json", "--format", "xml")
    assert ran.code == 2
    assert "remove --format" in ran.err
