"""Writes the figures of the scenarios as a table in Markdown."""

from __future__ import annotations

from bench.flow.scenarios import SCENARIOS
from bench.rig.report import FIGURE_HEADS, MISSED, Report, Row, Rows, figure_line, head, markdown

REPORT = Report("bench-flow", "contributors/performance.md", "flow", "bench-flow.jsonl")


def latest(rows: Rows) -> list[Row]:
    """The last row of each scenario, in the order of the scenarios."""
    last = {row["scenario"]: row for row in rows}
    return [last[scenario.name] for scenario in SCENARIOS if scenario.name in last]


def table(rows: Rows) -> str:
    """The figures of all scenarios, below the title of each."""
    titles = {scenario.name: scenario.title for scenario in SCENARIOS}
    lines = []
    for row in rows:
        title = titles[row["scenario"]]
        lines.append([f"**{title[0].upper()}{title[1:]}**", "", ""])
        if row.get("why"):
            lines.append([row["why"], "", MISSED])
        lines += map(figure_line, row["figures"])
    return markdown(FIGURE_HEADS, lines)


def page(rows: Rows) -> str:
    """What the docs have of the scenarios."""
    return f"{head(rows)}\n\n{table(rows)}"
