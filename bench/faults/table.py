"""Rows of finished scenarios: kept in a file of JSON lines, shown as a table, summed up over seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.faults.scenario import Scenario

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

SUMMARY = ("fault", "checks", "broken promises", "repeated look-ups", "recovery (s)")
"""Heads of the columns of a summary."""

PROMISES = ("lost", "doubled", "stale", "other")
"""The figures of a row that count broken promises."""

WORDS: Mapping[str, str] = {
    "cut": "connections cut",
    "claimed_by_wrong": "claimed by the wrong worker",
    "clocks_off_h": "clocks off by h",
    "given_up": "given up",
    "held_again": "held by others at its return",
    "held_at_outages": "held when it went away",
    "held_at_sigterms": "held when asked",
    "innocent_given_up": "others given up",
    "leased_again_s": "leased again after s",
    "leases_lost": "leases lost",
    "leases_cut": "leases of killed workers",
    "longest_exit_s": "longest exit s",
    "looked_up_meanwhile": "of them looked up meanwhile",
    "most_lost_leases": "most leases lost by a check",
    "p99_times": "p99 of others times that without",
    "poison_given_up": "of them given up",
    "rate_share": "share of the normal rate",
    "repeated_a_slot": "repeated look-ups a killed slot",
    "rows_held": "rows held",
    "said_away": "times that workers said so",
    "server_gave_up": "times that the server gave up",
    "stampede": "leases lost beyond those held",
    "submit_errors": "errors from submit",
    "submit_p99_s": "submit p99 s",
    "tracebacks": "tracebacks",
    "troubled": "requests troubled",
    "unclean_exits": "unclean exits",
    "versions_used": "versions used",
    "said_key_missing": "times that it said why",
    "unreadable": "answers ended unreadable",
}
"""What the figures are called that only some scenarios have a limit for."""

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
    return _table(tuple(COLUMNS.values()), [[_cell(row.get(name)) for name in COLUMNS] for row in rows])


def latest(rows: Iterable[Row]) -> list[Row]:
    """The last row of each scenario and seed."""
    return list({(row["scenario"], row["seed"]): row for row in rows}.values())


def summary(rows: Sequence[Row], scenarios: Sequence[Scenario]) -> str:
    """One line for each scenario that was run, with the worst of its runs in each column, as a table in Markdown."""
    lines = []
    for scenario in scenarios:
        runs = [row for row in latest(rows) if row["scenario"] == scenario.name]
        if runs:
            broken = max(sum(row[name] for name in PROMISES) for row in runs)
            figures = [broken, *(_worst(runs, name, max) for name in ("repeated", "recovery_s"))]
            sizes = f"{min(row['checks'] for row in runs)}"
            lines.append([f"`{scenario.name}`", sizes, *map(_cell, figures)])
    return _table(SUMMARY, lines)


def others(rows: Sequence[Row], scenarios: Sequence[Scenario]) -> str:
    """One line for each scenario that was run, with the worst of every other figure that has a limit."""
    lines = []
    for scenario in scenarios:
        runs = [row for row in latest(rows) if row["scenario"] == scenario.name]
        figures = [
            f"{WORDS[name]} {_cell(_worst(runs, name, worst))} ({sign} {limit:g})"
            for limits, worst, sign in ((scenario.limits, max, "≤"), (scenario.at_least, min, "≥"))
            for name, limit in limits.items()
            if name not in {"recovery_s", "repeated"}
        ]
        if runs and figures:
            lines.append(f"{scenario.name}: {'; '.join(figures)}")
    return "\n".join(lines)


def _worst(runs: Sequence[Row], name: str, worst: Any) -> Any:
    found = [row[name] for row in runs if row.get(name) is not None]
    return worst(found) if found else None


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    cells = [heads, *lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    shown = [_line(line, widths) for line in cells]
    shown.insert(1, "|" + "|".join("-" * (width + 1) + (":" if n else "-") for n, width in enumerate(widths)) + "|")
    return "\n".join(shown)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
    padded[0] = cells[0].ljust(widths[0])
    return "| " + " | ".join(padded) + " |"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
