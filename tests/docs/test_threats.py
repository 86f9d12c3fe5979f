"""The threat model: a cell for each attacker and asset, and a test that is there for each cell."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from docs.threats import threats
from tests.docs.pages import ROOT

CELLS = [(attacker, asset) for attacker in threats()["attackers"] for asset in threats()["assets"]]


def test_each_attacker_has_a_cell_for_each_asset() -> None:
    assert len(CELLS) == 7 * 7
    assert {tuple(attacker["cells"]) for attacker in threats()["attackers"].values()} == {tuple(threats()["assets"])}


@pytest.mark.parametrize(("attacker", "asset"), CELLS)
def test_a_cell_has_a_level_a_sentence_and_a_test_that_exists(attacker: str, asset: str) -> None:
    level, text, shown_by = threats()["attackers"][attacker]["cells"][asset]
    assert level in threats()["levels"]
    assert re.fullmatch(r"[A-Z].{10,220}\.", text)
    assert is_test(shown_by)


@pytest.mark.parametrize(
    "name",
    [
        "tests/docs/test_threats.py",
        "tests/docs/test_threats.py::is_test",
        "tests/docs/test_threats.py::test_that_is_not_there",
        "tests/docs/pages.py::test_that_is_not_there",
        "docs/threats.py::threats",
    ],
)
def test_a_test_that_does_not_exist_is_found(name: str) -> None:
    assert not is_test(name)


def is_test(name: str) -> bool:
    """Whether pytest would run `FILE::FUNCTION`."""
    file, _, function = name.partition("::")
    is_module = re.fullmatch(r"tests/(?:\w+/)*test_\w+\.py", file) is not None and (ROOT / file).is_file()
    return is_module and function.startswith("test_") and function in functions(file)


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
