from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.problems import InvalidConfiguration, Position, Problem
from config.yaml_reader import read, read_text


def refusal(text: str) -> str:
    with pytest.raises(InvalidConfiguration) as caught:
        read_text(text, "f.yaml")
    return str(caught.value)


def test_values_are_those_of_yaml_1_2_and_dates_stay_text() -> None:
    text = "a: NO\nb: 12:30\nc: 2026-01-02\nd: 017\ne: 0x1F\nf: 1e3\ng: true\nh: ~\ni: '01'\nj: yes\n10: [x, 2]\n"
    assert read_text(text, "f.yaml").data == {
        "a": "NO", "b": "12:30", "c": "2026-01-02", "d": 17, "e": 31, "f": 1000.0, "g": True, "h": None, "i": "01",
        "j": "yes", "10": ["x", 2],
    }  # fmt: skip


def test_every_key_and_value_has_its_place() -> None:
    written = read_text("sources:\n  ban: { type: addok,\n         rate: 40/s }\nlist:\n  - a\n  - 01\n", "f.yaml")
    places = written.positions
    assert places.keys["sources", "ban", "rate"] == Position("f.yaml", 3, 10)
    assert places.values["sources", "ban", "rate"] == Position("f.yaml", 3, 16)
    assert places.of_value(("list", 1)) == Position("f.yaml", 6, 5)
    assert places.texts["list", 1] == "01"
    # What stands nowhere is shown where it would have to stand.
    assert places.of_key(("sources", "ban", "url", "x")) == Position("f.yaml", 2, 3)
    assert places.of_value(("nowhere",)) == Position("f.yaml", 1, 1)


def test_an_alias_stands_for_its_value() -> None:
    assert read_text("a: &x { b: 1 }\nc: *x\n", "f.yaml").data == {"a": {"b": 1}, "c": {"b": 1}}


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: error: the file is empty — remove it, or write a map such as sources: {…}"),
        ("# only words\n", "1:1: error: the file is empty — remove it, or write a map such as sources: {…}"),
        ("- a\n", "1:1: error: a configuration is a map — begin with sources:, criteria: or consultations:"),
        ("a: 1\nb: 2\na: 3\n", "3:1: error: a: appears twice in this map, first in line 1 — keep one"),
        ("a:\n  b: {d: 1, d: 2}\n", "2:13: error: a.b.d: appears twice in this map, first in line 2 — keep one"),
        ("a:\n\tb: 1\n", "2:1: error: there is a tab in the indentation — use spaces"),
        ("a:\n  \tb: 1\n", "2:3: error: there is a tab in the indentation — use spaces"),
        ("a: \x00\n", "1:4: error: a NUL character does not belong in YAML — remove it"),
        ("a: 1\nb: \x1b[31m\n", "2:4: error: the control character U+001B does not belong in YAML — remove it"),
        ('a: "\\0"\n', "1:4: error: a: this text contains a NUL or half a character — remove the escape"),
        ('a: "\\ud800"\n', "1:4: error: a: this text contains a NUL or half a character — remove the escape"),
        ("a: [1, 2\n", "1:9: error: a ',' or the closing ']' is missing at the end of this line — check the brackets"),
        ("a: {b: 1]\n", "1:9: error: a ',' or the closing '}' is missing — check the brackets"),
        ("a: [1,, 2]\n", "1:7: error: a value is missing here — check the commas and brackets"),
        ('a: 1\nb: "x\n', "2:4: error: a quote is not closed — close it in the same line"),
        ("a: 'x' y\n", "1:8: error: this does not belong after the value — put the whole value in one pair of quotes"),
        ("a: b: c\n", "1:5: error: a colon does not belong here — put the whole text after the first colon in quotes"),
        (
            "a:\n  b: 1\n c: 2\n",
            "3:2: error: this line does not fit the indentation of the lines above — line it up with them",
        ),
        ("a: @x\n", "1:4: error: this character cannot begin a value — put the value in quotes"),
        ("a: - b\n", "1:4: error: a '-' does not belong here — put each list entry on a line of its own"),
        ('a: "\\q"\n', "1:6: error: a backslash precedes a character that it cannot escape — use single quotes"),
        ("a: *x\n", "1:4: error: this alias has no anchor (&name) before it — put the text in quotes, if it is one"),
        ("a: &x 1\nb: &x 2\n", "2:4: error: this anchor (&name) appears twice — give it another name"),
        (
            "a: !!python/object/apply:os.system [x]\n",
            "1:4: error: the tag !!python/object/apply:os.system is not allowed — remove it; put texts in quotes",
        ),
        ("a: !secret x\n", "1:4: error: the tag !secret is not allowed — remove it; put texts in quotes"),
        ("a: !!str 1\n", "1:4: error: the tag !!str is not allowed — remove it; put texts in quotes"),
        ("%YAML 1.1\n---\na: no\n", "2:1: error: directives (lines that begin with %) are not allowed — remove them"),
        ("a: 1\n---\nb\n", "2:1: error: a second document begins here — one file holds one document; remove the ---"),
        ("? [a, b]\n: 1\n", "1:3: error: a key is a text before a colon"),
        (": 1\n", "1:1: error: a key is a text before a colon"),
        ("a: .inf\n", "1:4: error: a: .inf is no number — put it in quotes, if it is a text"),
        (f"a: {'9' * 5000}\n", "1:4: error: a: this number is too long — put it in quotes, if it is a text"),
        ("a: " + "[" * 60, "1:43: error: maps and lists are nested more than 40 deep — check the brackets"),
        ("a: &x y\nb: [" + "*x, " * 101 + "]\n", "2:405: error: more than 100 aliases (*name) — write the values out"),
        (BOMB, "5:1: error: the aliases add up to more than a configuration can hold — use fewer of them"),
        ("a: &x [*x]\n", "1:1: error: the aliases add up to more than a configuration can hold — use fewer of them"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence_at_its_place(text: str, said: str) -> None:
    assert refusal(text) == f"f.yaml:{said}"


def test_several_duplicates_are_told_at_once() -> None:
    assert refusal("a: 1\na: 2\nb: 1\nb: 2\n").splitlines() == [
        "f.yaml:2:1: error: a: appears twice in this map, first in line 1 — keep one",
        "f.yaml:4:1: error: b: appears twice in this map, first in line 3 — keep one",
    ]


def written(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        (folder / f"{name}.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def failure(folder: Path, *more: Path) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        read([folder, *more])
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_the_files_of_a_folder_are_one_document(tmp_path: Path) -> None:
    written(tmp_path, b="sources: { y: 2 }\n", a="environment: test\nsources: { x: 1 }\n")
    (tmp_path / "c.yml").write_text("criteria: { z: 3 }\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no: {yaml", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("no: {yaml", encoding="utf-8")
    found = read([tmp_path])
    assert found.data == {"environment": "test", "sources": {"x": 1, "y": 2}, "criteria": {"z": 3}}
    assert found.positions.of_key(("sources", "y")) == Position(str(tmp_path / "b.yaml"), 1, 12)


def test_a_name_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    folder = written(
        tmp_path, a="environment: test\nsources:\n  x: 1\n", b="sources:\n  y: 1\n  x: 2\nenvironment: test\n"
    )
    assert failure(folder) == [
        f"b.yaml:3:3: error: sources.x: is also at {folder}/a.yaml:3:3 — keep one",
        f"b.yaml:4:1: error: environment: is also at {folder}/a.yaml:1:1 — keep one",
    ]


def test_every_bad_file_of_a_folder_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path, a=b"a: 1\nb: \xff\n", b="", c="a: " + "x" * (256 << 10), d="fine: { x: 1 }\n")
    assert failure(folder, tmp_path / "absent.yaml") == [
        "a.yaml:2:4: error: this is not UTF-8 text — save the file as UTF-8",
        "b.yaml:1:1: error: the file is empty — remove it, or write a map such as sources: {…}",
        "c.yaml:1:1: error: the file is larger than 256 KiB — split it; a folder of files is one configuration",
        "absent.yaml:1:1: error: cannot be read: No such file or directory",
    ]


def test_a_folder_without_yaml_is_told(tmp_path: Path) -> None:
    assert failure(tmp_path) == [f"{tmp_path}:1:1: error: the folder holds no *.yaml file"]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert read([written(tmp_path, a=b"\xef\xbb\xbfa: 1\n")]).data == {"a": 1}


def is_plain(value: Any) -> bool:
    match value:
        case dict():
            return all(isinstance(key, str) and is_plain(part) for key, part in value.items())
        case list():
            return all(map(is_plain, value))
        case float():
            return math.isfinite(value)
    return value is None or isinstance(value, str | int | bool)


YAML_PIECES = st.sampled_from(
    [
        *"abc-:{}[],&*!'\"\\|>#%?~=\t\n\r\x00\x85\u2028\ufeff\U0001f600",
        *(": ", "- ", "? ", " #", "\n  ", "&a ", "*a", "!!str ", "\\x", "---", "...", "%YAML 1.1\n"),
        *("0x", "1_0", "1e9", ".nan", "<<", "2026-01-01", "'': "),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(YAML_PIECES, max_size=40).map("".join)))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    data: Any = None
    try:
        data = read_text(text, "f.yaml").data
    except InvalidConfiguration as error:
        problems = error.problems
    assert (data is None) == bool(problems)
    assert is_plain(data)
    assert all(str(problem).isprintable() and problem.line >= 1 and problem.column >= 1 for problem in problems)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "f.yaml"
    file.write_bytes(content)
    with contextlib.suppress(InvalidConfiguration):
        assert is_plain(read([file]).data)
