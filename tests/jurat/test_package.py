"""The package gives its names when they are asked for, and loads nothing before that."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import jurat

ROOT = Path(jurat.__file__).parents[1]


def declared() -> dict[str, str]:
    """The module of each name, as type checkers read it."""
    tree = ast.parse(Path(jurat.__file__).read_text("utf-8"))
    (block,) = (part for part in tree.body if isinstance(part, ast.If))
    found = [part for part in block.body if isinstance(part, ast.ImportFrom)]
    return {name.name: part.module or "" for part in found for name in part.names}


def test_each_name_is_what_type_checkers_take_it_for() -> None:
    homes = declared()
    assert sorted(homes) == sorted(jurat.__all__) == sorted(dir(jurat))
    for name, home in homes.items():
        assert getattr(jurat, name) is getattr(import_module(home), name)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="'jurat' has no attribute 'Clientele'"):
        _ = jurat.Clientele


@pytest.mark.parametrize(
    "module",
    [
        "jurat.seal",
        "adapters.registry_tests.typed_text",
        "adapters.address.base.examination",
        "adapters.zone_import.list_examination",
    ],
)
def test_a_process_that_needs_no_database_loads_no_library_for_one(module: str) -> None:
    script = f"import sys, {module}; print('sqlalchemy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
