"""Tables in Markdown, for docs.generate and what it brings."""
# ruff: noqa: INP001 - beside docs.generate, which is no package either

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Row = Sequence[str]


def table(head: Row, rows: Iterator[Row]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)[|]", r"\\|", text)
