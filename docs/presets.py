"""The table of the registries that come with jurat, from their files."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from config.presets import FOLDER
from config.yaml_reader import read
from docs.markdown import Row, table

_SECRET = re.compile(r"\{secrets\.(\w+)\}")
_SMALL = ("no", "one", "two", "three", "four", "five")


def presets() -> Iterator[str]:
    """Every preset, with the secrets that it needs and its limits."""
    files = sorted(FOLDER.glob("*.yaml"), key=lambda file: file.stem)
    return table(("preset", "about", "secrets", "limits"), map(_row, files))


def _row(file: Path) -> Row:
    source = read([file]).data
    secrets = dict.fromkeys(_SECRET.findall(file.read_text("utf-8")))
    limits = "no limit: it is in your database"
    if "rate" in source:
        limits = f"{source['rate']}, {_SMALL[source['concurrency']]} at a time, {source['timeout'].replace('s', ' s')}"
    return f"`{file.stem}`", source["title"]["en"], ", ".join(f"`{name}`" for name in secrets) or "–", limits
