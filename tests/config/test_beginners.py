"""What people who begin with YAML get wrong: each is one line, at the place of the mistake, that says what to do."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from config.lint import lint
from tests.config.linted import REGISTRY

GOOD = """\
sources:
  ban: { type: addok, url: "https://ban.example", rate: 40/s }
  spring: { type: codes, list: spring }
criteria:
  lives-in:
    source: ban
    zone: old-town
  has-code: { source: spring }
consultations:
  budget:
    title: { en: Budget, fr: Budget }
    questions:
      residence: { criterion: lives-in, rounds: 3, deadline: 1h }
      code: { criterion: has-code }
    access: { all_of: [residence, code] }
"""
UNSEEN = "the key has a special space or an invisible character"
BASES = {"good": GOOD, "registry": REGISTRY}


def mistakes() -> dict[str, tuple[str, list[str]]]:
    """By the name of each mistake the text with it, and what lint says."""
    found = {}
    for block in (Path(__file__).parent / "beginners.txt").read_text(encoding="utf-8").split("\n\n")[1:]:
        name, base, *marked = block.strip("\n").split("\n")
        groups = {mark: [line[2:] for line in lines] for mark, lines in groupby(marked, lambda line: line[0])}
        good, old = BASES[base.removeprefix("@ ")], "\n".join(groups["-"])
        assert old in good, name
        found[name.removeprefix("# ")] = (good.replace(old, "\n".join(groups["+"]), 1), groups["!"])
    return found


MISTAKES = mistakes()


def said_of(folder: Path, content: bytes) -> list[str]:
    file = folder / "jurat.yaml"
    file.write_bytes(content)
    return [str(problem).removeprefix(f"{file}:") for problem in lint([file], zones=["old-town"]).problems]


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_one_line_at_the_place_of_the_mistake(tmp_path: Path, name: str) -> None:
    text, said = MISTAKES[name]
    assert len(said) == 1
    assert said_of(tmp_path, text.encode()) == said
    assert " — " in said[0] or "such as" in said[0], "it says what to do"


@pytest.mark.parametrize("text", BASES.values(), ids=BASES)
def test_without_a_mistake_nothing_is_said(tmp_path: Path, text: str) -> None:
    assert said_of(tmp_path, text.encode()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("40/s }", "40/s, }  # a comment").encode(),
        GOOD.replace("{ en: Budget", "{ no: Budsjett").encode(),
        GOOD.replace("type: addok", "type: photon, country: NO").encode(),
        GOOD.replace("    title:", '    contact: "R\u00a0& D – “us”: 100 %"\n    title:').encode(),
        GOOD.replace("    title:", "    contact: «nous», n’importe – qui\n    title:").encode(),
        GOOD.replace("    title:", '    contact: "a text\n      over two lines"\n    title:').encode(),
        GOOD.replace("title: { en", "title: &t { en")
        .replace("criterion: has-code }", "criterion: has-code, title: *t }")
        .encode(),
    ],
)
def test_what_is_meant_so_is_left_alone(tmp_path: Path, content: bytes) -> None:
    assert said_of(tmp_path, content) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            GOOD.replace("Budget, fr", "Bürger, fr").encode("windows-1252"),
            "11:19: error: this is not UTF-8 text — save the file as UTF-8",
        ),
        (GOOD.encode("utf-16"), "1:1: error: this is not UTF-8 text — save the file as UTF-8"),
        (b"```yaml\n" + GOOD.encode() + b"```\n", "1:1: error: ``` is Markdown and no YAML — remove the line"),
        (
            GOOD.replace("    source: ban", "\u00a0\u00a0\u00a0\u00a0source: ban").encode(),
            "6:1: error: there is a special space here (U+00A0) — write a plain one",
        ),
        (
            GOOD.replace("    source: ban", "    source:\u00a0ban").encode(),
            "6:12: error: there is a special space here (U+00A0) — write a plain one",
        ),
        (
            GOOD.replace("    source: ban", "    \u200bsource: ban").encode(),
            f"6:5: error: criteria.lives-in: {UNSEEN} (U+200B) — type it again",
        ),
    ],
)
def test_characters_that_are_not_what_they_look_like_are_told(tmp_path: Path, content: bytes, said: str) -> None:
    assert said_of(tmp_path, content) == [said]


def test_all_that_there_is_is_named(tmp_path: Path) -> None:
    (said,) = said_of(tmp_path, REGISTRY.replace("  roll:\n", "  roll:\n    zzz: 1\n").encode())
    assert said.startswith("3:5: error: sources.roll.zzz: unknown option — there is batch, breaker, ")
    assert said.endswith(", title, type, version")


def test_a_key_that_stands_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    """A hint quotes what is written, but nothing that may be a secret."""
    for text in (
        REGISTRY.replace("{ env: JURAT_SOURCE_ROLL }", "s3same-key"),
        REGISTRY.replace("secrets: { api_key: { env: JURAT_SOURCE_ROLL } }", "secrets: s3same-key"),
        REGISTRY.replace("secrets: { api_key: { env: JURAT_SOURCE_ROLL } }", "secrets: [s3same-key]"),
        REGISTRY.replace("secrets: { api_key: { env: JURAT_SOURCE_ROLL } }", "secrets: api_key:s3same-key"),
        REGISTRY.replace('token: "{secrets.api_key}"', "token: [s3same-key]"),
    ):
        assert "s3same" not in "".join(said_of(tmp_path, text.encode()))
