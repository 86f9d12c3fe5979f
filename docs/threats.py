"""What docs.generate writes about attackers: threats.yaml as a table of levels, and each cell with its test."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from docs.markdown import table
from docs.texts import DOCS


@cache
def threats() -> Mapping[str, Any]:
    """The levels, the assets, and the attackers with a cell for each asset."""
    read: Mapping[str, Any] = YAML(typ="safe").load((DOCS / "threats.yaml").read_text("utf-8"))
    return read


def sections() -> Mapping[str, Callable[[], Iterator[str]]]:
    """The function that writes each section."""
    return {"threat-levels": _levels, "threat-table": _table, "threats": _cells}


def _levels() -> Iterator[str]:
    return table(("level", "meaning"), ((f"**{level}**", means) for level, means in threats()["levels"].items()))


def _table() -> Iterator[str]:
    """One row for each attacker; the head has the short names of the assets."""
    rows = (
        (attacker["title"], *(attacker["cells"][asset][0] for asset in threats()["assets"]))
        for attacker in threats()["attackers"].values()
    )
    return table(("attacker", *threats()["assets"]), rows)


def _cells() -> Iterator[str]:
    for attacker in threats()["attackers"].values():
        yield from (f"## {attacker['title']}", "", attacker["has"], "")
        for asset, name in threats()["assets"].items():
            level, text, shown_by = attacker["cells"][asset]
            file, _, test = shown_by.partition("::")
            sentence = test.removeprefix("test_").replace("_", " ")
            yield f"- {name}: **{level}**. {text} Test: [{sentence}](../../{file})."
        yield ""
