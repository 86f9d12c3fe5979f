"""The rows of a run as a table in Markdown, and the place for it in docs/contributors/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.flow.scenarios import SCENARIOS
from bench.speed.report import markdown, wrapped

BEGIN, END = "<!-- made: flow -->", "<!-- end -->"

_HEADS = ("figure", "value", "limit")

Row = Mapping[str, Any]
"""One scenario: its name, what was run and where, and its figures; `why` where it could not be run."""


def latest(rows: Sequence[Row]) -> list[Row]:
    """The last row of each scenario, in the order of the scenarios."""
    last = {row["scenario"]: row for row in rows}
    return [last[scenario.name] for scenario in SCENARIOS if scenario.name in last]


def missed(rows: Sequence[Row]) -> list[str]:
    """What was not kept, and what could not be run."""
    said = []
    for row in rows:
        said += [f"{row['scenario']}: {row['why']}"] if row.get("why") else []
        said += [f"{row['scenario']}: {figure['name']}" for figure in row["figures"] if not figure["kept"]]
    return said


def tables(rows: Sequence[Row]) -> str:
    """One table, with a line for each scenario before its figures."""
    titles = {scenario.name: scenario.title for scenario in SCENARIOS}
    lines = []
    for row in rows:
        title = titles[row["scenario"]]
        lines.append([f"**{title[0].upper()}{title[1:]}**", "", f"**MISSED:** {row['why']}" if row.get("why") else ""])
        lines += _lines(row["figures"])
    return markdown(_HEADS, lines)


def table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Each figure with its limit, which says where it was missed."""
    return markdown(_HEADS, _lines(figures))


def _lines(figures: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [[figure["name"], _value(figure["value"], figure["unit"]), _said(figure)] for figure in figures]


def _said(figure: Mapping[str, Any]) -> str:
    limit = _limit(figure)
    return limit if figure["kept"] else f"**MISSED:** {limit}"


def _limit(figure: Mapping[str, Any]) -> str:
    least, most, unit = figure["least"], figure["most"], figure["unit"]
    if least is not None and most is not None:
        return f"{_value(least, '')} to {_value(most, unit)}"
    if least is not None:
        return f"≥ {_value(least, unit)}"
    return "" if most is None else f"≤ {_value(most, unit)}"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "never"
    number = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.2f}"
    return f"{number} {unit}".strip()


def filled_in(page: str, rows: Sequence[Row]) -> str:
    """The text of a page with the results between its marks made anew.

    Raises ValueError where there are no such marks, or no rows.
    """
    if not rows:
        raise ValueError("nothing was measured yet: `make bench-flow` first")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} with an {END} after it")
    return f"{before}{BEGIN}\n{head(rows)}\n\n{tables(rows)}\n{END}{after}"


def head(rows: Sequence[Row]) -> str:
    """What was measured when, by which commands, on which machine."""
    commands = dict.fromkeys(f"`{row['command']}`" for row in rows)
    commits = ", ".join(dict.fromkeys(row["revision"] for row in rows))
    days = ", ".join(dict.fromkeys(row["at"][:10] for row in rows))
    return wrapped(f"Commit {commits}, {days}, by {', '.join(commands)}. {rows[-1]['machine']}.")


def write(file: Path, rows: Sequence[Row]) -> None:
    """Fill in the page in `file`. Raises as `filled_in`."""
    file.write_text(filled_in(file.read_text("utf-8"), rows), encoding="utf-8")
