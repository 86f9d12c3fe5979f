"""What differs between the engines is in the two `dialects.py`; hardly any other file compares an engine's name."""

from __future__ import annotations

import ast

import pytest

from tests.test_house import FLOORS, ROOT, our_files

MOST_COMPARISONS, MOST_FILES = 15, 4
ENGINES = {"postgresql", "sqlite"}


def comparisons_with_an_engine(code: str) -> list[int]:
    """The lines that compare something with an engine's name: by `==`, `in`, a case, or as the begin of a URL."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare):
            sides: list[ast.AST] = [node.left, *node.comparators]
        elif isinstance(node, ast.match_case):
            sides = [node.pattern]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
            sides = list(node.args)
        else:
            continue
        parts = (part for side in sides for part in ast.walk(side))
        if any(isinstance(part, ast.Constant) and part.value in ENGINES for part in parts):
            found.append(sides[0].lineno)  # type: ignore[attr-defined]
    return sorted(found)


def test_comparisons_with_an_engine_are_found() -> None:
    code = """
if a == "postgresql": pass
if "sqlite" != a or b: pass
if a in ("sqlite", "x"): pass
match a:
    case "postgresql" | "postgres": pass
    case "other": pass
if a.startswith("sqlite"): pass
names = {"sqlite": 1, "postgresql": 2}; names["sqlite"]; f("sqlite")
"""
    assert comparisons_with_an_engine(code) == [2, 3, 4, 6, 8]


@pytest.mark.slow
def test_what_differs_between_the_engines_is_behind_their_dialects() -> None:
    """A piece of SQL that only one engine takes, or a thing that only one can do, is in `dialects.py` of its floor."""
    ours = [path for path in our_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in FLOORS]
    found = {str(path.relative_to(ROOT)): comparisons_with_an_engine(path.read_text("utf-8")) for path in ours}
    places = {name: lines for name, lines in found.items() if lines}
    assert len(places) <= MOST_FILES, places
    assert sum(map(len, places.values())) <= MOST_COMPARISONS, places
