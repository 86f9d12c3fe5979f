"""Every sentence that the checks of a registry's description can say was provoked once by the files of mistakes.

The sentences are read off the code, so that a new one without its mistake is found here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIG = Path(__file__).resolve().parents[4] / "config"
MISTAKES = Path(__file__).resolve().parents[2]
TOLD_BY_THE_GATE = {"trial_files", "implied"}
"""Sentences about files of tests, which are read when the tests run (see test_trial_files.py), and titles of inputs."""

MODULES = sorted(file for file in (CONFIG / "registry").rglob("*.py") if file.stem not in TOLD_BY_THE_GATE)
FEWEST_WORDS = 3
WORDS = re.compile("[a-z]{2,} [a-z]{2,}")


def sentences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The texts of a module that read like a part of a sentence, each with its line, as patterns."""
    left_out = {id(node) for node in documentation(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for value in node.values for part in ast.walk(value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in left_out:
            literal, pattern = parts(node)
            if WORDS.search(literal) and len(re.findall("[A-Za-z]{2,}", literal)) >= FEWEST_WORDS:
                yield node.lineno, pattern


def documentation(tree: ast.AST) -> Iterator[ast.expr]:
    """The texts that stand by themselves."""
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))


def parts(node: ast.JoinedStr | ast.Constant) -> tuple[str, str]:
    """A text without what is filled in, and the pattern of the whole."""
    if isinstance(node, ast.Constant):
        # Texts for pydantic have their places in braces.
        pieces = re.split(r"\{[a-z_]+\}", node.value) if isinstance(node.value, str) else []
        return " ".join(pieces), ".*".join(map(re.escape, pieces))
    found = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
    return " ".join(filter(None, found)), "".join(".*" if part is None else re.escape(part) for part in found)


def told() -> str:
    """All that lint is seen to say in the files of mistakes."""
    files = [*MISTAKES.glob("*mistakes*.txt"), MISTAKES / "beginners.txt", *MISTAKES.glob("registry/*.txt")]
    lines = (line for file in files for line in file.read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line.startswith("! "))


TOLD = told()
SENTENCES = [
    (f"{file.stem}:{line}", pattern)
    for file in MODULES
    for line, pattern in sentences(ast.parse(file.read_text("utf-8")))
]


def test_sentences_are_found_in_the_code() -> None:
    code = """
def check(name):
    '''This is no sentence at all.'''
    yield f"there is no {name} here — {'declare it' if name else 'remove it'}"
    said = "this would be a key"
    raise Error("kind", "a {thing} is no such thing", "application/json; charset=utf-8")
"""
    assert sorted(pattern for _, pattern in sentences(ast.parse(code))) == [
        f"{re.escape('a ')}.*{re.escape(' is no such thing')}",
        f"{re.escape('there is no ')}.*{re.escape(' here — ')}.*",
        re.escape("this would be a key"),
    ]
    assert len(SENTENCES) > 150


@pytest.mark.parametrize("pattern", [pattern for _, pattern in SENTENCES], ids=[place for place, _ in SENTENCES])
def test_every_sentence_was_provoked_once(pattern: str) -> None:
    assert re.search(pattern, TOLD), "add a mistake for which it is told"
