"""Tables, lists and paragraphs in Markdown, for docs.generate and what it brings."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

WIDTH = 120
"""Columns of a page, for all lines that can be broken."""

_CODE = re.compile(r"`[^`\n]+`")
_UNBROKEN = "\x00"

Row = Sequence[str]


def wrapped(line: str) -> str:
    """A paragraph or a list entry, broken at the width of a page. Code spans and tables stay whole."""
    if len(line) <= WIDTH or "\n" in line or line.startswith(("|", "#", "<")):
        return line
    whole = _CODE.sub(lambda found: found[0].replace(" ", _UNBROKEN), line)
    indent = "  " if line.startswith("- ") else ""
    filled = textwrap.fill(whole, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return filled.replace(_UNBROKEN, " ")


def table(head: Row, rows: Iterator[Row]) -> Iterator[str]:
    """The lines of a table; those of a list if a row would be wider than a page.

    An entry of the list begins with the first cell and ends with the last; what is between is in brackets.
    """
    cells = [tuple(row) for row in rows]
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in (head, *cells)]
    if max(map(len, lines)) > WIDTH:
        yield from (_entry(head, row) for row in cells)
    else:
        yield lines[0]
        yield "|" + "---|" * len(head)
        yield from lines[1:]


def matrix(head: Row, rows: Iterator[Row]) -> Iterator[str]:
    """The lines of a table; where a row would be too wide, those of a list that names the column of each cell."""
    cells = [tuple(row) for row in rows]
    named = [
        (row[0], "; ".join(f"{name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True) if _says(cell)))
        for row in cells
    ]
    narrow = all(len(f"| {' | '.join(row)} |") <= WIDTH for row in (head, *cells))
    return table(head, iter(cells)) if narrow else iter([f"- {first}: {rest}" for first, rest in named])


def _entry(head: Row, row: Row) -> str:
    first, *between, last = row
    facts = [_fact(name, cell) for name, cell in zip(head[1:-1], between, strict=True) if _says(cell)]
    brackets = f" ({', '.join(facts)})" if facts else ""
    return f"- {first}{brackets}: {last}"


def _fact(name: str, cell: str) -> str:
    return f"{name} {cell}" if name == "default" and not cell.startswith("*") else cell


def _says(cell: str) -> bool:
    return cell not in ("", "–")


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)[|]", r"\\|", text)
