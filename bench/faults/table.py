"""Rows of finished scenarios: kept in a file of JSON lines, shown as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS: Mapping[str, str] = {
    "title": "fault",
    "seed": "seed",
    "checks": "checks",
    "lost": "lost",
    "doubled": "doubled",
    "stale": "stale accepted",
    "other": "other",
    "undetermined": "undetermined",
    "repeated": "repeated look-ups",
    "recovery_s": "recovery (s)",
    "drained_s": "all settled (s)",
    "rate": "checks/s",
    "submit_p99_s": "submit p99 (s)",
}
"""Each figure of a row and the head of its column, in order."""

Row = Mapping[str, Any]


def read(file: Path) -> list[Row]:
    """The rows in `file`; none when there is no file. A last line that an interruption cut short is left out."""
    rows: list[Row] = []
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def append(file: Path, row: Row) -> None:
    """Add a row, on a line of its own also where the last one was cut short."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as out:
        if out.tell():
            out.seek(-1, 2)
            if out.read(1) != b"\n":
                out.write(b"\n")
        out.write(json.dumps(row).encode() + b"\n")


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown."""
    cells = [list(COLUMNS.values()), *[[_cell(row.get(name)) for name in COLUMNS] for row in rows]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + (":" if n else "-") for n, width in enumerate(widths)) + "|")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[0] = cells[0].ljust(widths[0])
    return "| " + " | ".join(padded) + " |"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
