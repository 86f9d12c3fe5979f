"""Writes the figures of the scenarios as tables in Markdown."""

from __future__ import annotations

from bench.flow.scenarios import SCENARIOS
from bench.rig.report import Report, Row, Rows, figure_table

REPORT = Report("bench-flow", "contributors/performance.md", "flow", "bench-flow.jsonl")


def latest(rows: Rows) -> list[Row]:
    """The last row of each scenario, in the order of the scenarios."""
    last = {row["scenario"]: row for row in rows}
    return [last[scenario.name] for scenario in SCENARIOS if scenario.name in last]


def tables(rows: Rows) -> str:
    """A table of each scenario."""
    titles = {scenario.name: scenario.title for scenario in SCENARIOS}
    parts = []
    for row in rows:
        parts.append(f"### {titles[row['scenario']][0].upper()}{titles[row['scenario']][1:]}")
        if row.get("why"):
            parts.append(f"**MISSED:** {row['why']}")
        if row["figures"]:
            parts.append(figure_table(row["figures"]))
    return "\n\n".join(parts)
