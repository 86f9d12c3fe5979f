"""Advice never destroys: every text that a person reads, in the code, the help and the pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES
from worker.keyring import UNKNOWN, how_to_set

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("jurat", "config", "adapters", "tasks", "store", "worker", "cli", "examples", "docs")
OTHERS = ("Makefile", "docker-compose.yml", "compose/secrets.sh", "examples/platform/compose.yml", "Dockerfile")

MAKES_KEYS = "keys generate"

DESCRIBES = re.compile(
    r"(the |a )?public key of `bin/jurat keys generate`"
    r"|has an entry that is no key of 32 bytes in base64; see bin/jurat keys generate"
    r"|32 bytes in base64 are expected \(`bin/jurat keys generate`\)"
    r"|is not one that `bin/jurat keys generate` makes"
    r"|seal them for the public key of `bin/jurat keys generate`"
    r"|made by `bin/jurat keys generate`"
    r"|The keys come from `bin/jurat keys generate`"
    r"|\| +\[`keys generate`\]|### jurat keys generate|^jurat keys generate \[OPTIONS\]"
)
"""Texts that say what a key looks like or where one came from, and advise nothing."""

CAREFUL = re.compile(r"bring back .*only where there |only where there (was|were|are) no", re.DOTALL)
"""Advice that is given where nobody can look whether a row needs older keys."""

SAFE_COMMAND = re.compile(r"set -C; (bin/)?jurat keys generate >|keys generate --out-dir|keys generate --json")
"""Commands that write over nothing and add to nothing: `--out-dir` refuses files that are there."""

DESTROYS = re.compile(
    r">>\s*\.?/?\.env|FLUSH(ALL|DB)|DROP (DATABASE|TABLE|SCHEMA)|TRUNCATE (TABLE|jurat)|down -v\b|down --volumes"
    r"|db downgrade"
    r"|(?<![-\w])rm (-\w+ )*(\S*/)?(jurat\.db|secrets|\.env)|unset JURAT_(UNSEAL|HASH)_KEYS"
)

FORCED = {
    "cli/commands/datasets.py": "says that checks wait then, or what it lets through",
    "cli/commands/config.py": "says that checks end undetermined",
    "store/configurations/orphans.py": "says that checks end undetermined",
    "store/datasets/roster_files.py": "a file that the person chose is imported, and the version before stays",
    "docs/reference/commands.md": "made from the help",
    "docs/contributors/state-machine.md": "says what comes of it",
    "docs/administrators/keep-a-roster.md": "the version before stays",
    "docs/administrators/keep-an-address-base.md": "says that checks wait then",
}
"""Where `--force` is spoken of, and why nothing is lost unsaid."""


@cache
def texts() -> list[tuple[str, str]]:
    """Each text with its file: every string of the code but docstrings, every line of pages and other files."""
    return list(_texts())


def _texts() -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in _strings(ast.parse(path.read_text("utf-8"))):
                yield str(path.relative_to(ROOT)), text
    for path in (*PAGES, *(ROOT / name for name in OTHERS), *(ROOT / "docs").rglob("*.yaml")):
        if path.name != "CHANGELOG.md":
            yield from ((str(path.relative_to(ROOT)), line) for line in path.read_text("utf-8").splitlines())


def _strings(tree: ast.AST) -> Iterator[str]:
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    whole = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for each in whole for part in each.values}
    for each in whole:
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in each.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said | inside:
            yield node.value


@pytest.mark.slow
def test_the_texts_are_found() -> None:
    assert sum(MAKES_KEYS in text for _, text in texts()) > 20
    assert any("--force" in text for _, text in texts())


@pytest.mark.slow
def test_new_keys_are_advised_only_where_no_row_needs_older_ones() -> None:
    wrong = [
        (file, text)
        for file, text in texts()
        if MAKES_KEYS in text
        and not (DESCRIBES.search(text) or CAREFUL.search(text) or SAFE_COMMAND.search(text))
        and (file, text) != ("worker/keyring.py", "run `bin/jurat keys generate`")
    ]
    assert wrong == []


@pytest.mark.parametrize("setting", ["JURAT_UNSEAL_KEYS", "JURAT_HASH_KEYS"])
def test_where_rows_need_keys_these_are_named_and_no_new_ones_advised(setting: str) -> None:
    assert how_to_set(setting, ()) == "run `bin/jurat keys generate`"
    for needed in (["0123456789abcdef"], {"0123456789abcdef": 7, "fedcba9876543210": 1}):
        advice = how_to_set(setting, needed)
        assert MAKES_KEYS not in advice
        assert "bring back the key" in advice
        assert setting in advice
        assert all(key in advice for key in needed)
    assert how_to_set(setting) == UNKNOWN
    assert CAREFUL.search(UNKNOWN)


@pytest.mark.slow
def test_no_text_has_somebody_write_over_keys_or_drop_what_is_there() -> None:
    assert [(file, text) for file, text in texts() if DESTROYS.search(text)] == []
    assert [
        (file, text) for file, text in texts() if re.search(r"generate > \S*env", text) and "set -C" not in text
    ] == []


def test_where_force_is_advised_what_it_costs_is_said() -> None:
    assert {file for file, text in texts() if re.search(r"--force(?!-)\b", text)} == set(FORCED)
