"""The rows of a run as tables in Markdown, and the place for them in docs/contributors/performance.md."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.speed.figures import Row, Spread, against_celery, counted, is_noisy, spread
from bench.speed.plan import ARMS, SLOW, Arm, Part

BEGIN, END = "<!-- made: speed -->", "<!-- end -->"

WIDEST = 120
"""Columns of a page. A table that would be wider is written without blanks that align it."""

_NONE = "–"

TITLES = {
    Part.AT_ONCE: "Source answers at once",
    Part.SLOW: f"Source answers after {SLOW * 1000:g} ms",
    Part.PACED: "Time to the verdict at a steady 50 submits a second, source at once",
    Part.STORM: "Storm: single submits as fast as they come, each with its bell or message",
    Part.ENQUEUE: "What a submit costs the platform",
}


@dataclass(frozen=True, slots=True)
class _Column:
    """One figure of an arm: its head, and what it is in a row, given all rows."""

    head: str
    value: Callable[[Row, Sequence[Row]], float | None]
    form: str
    ranged: bool = True
    """Whether the range is shown beside the median."""


def _plain(head: str, name: str, form: str, *, ranged: bool = False) -> _Column:
    return _Column(head, lambda row, _: row.get(name), form, ranged)


def _times(head: str, name: str, form: str) -> _Column:
    return _Column(head, lambda row, rows: against_celery(row, rows, name), form)


def _of_ideal(row: Row, _: Sequence[Row]) -> float | None:
    steady = row.get("steady")
    return None if steady is None else steady / row["ideal"] * 100


_RATE = _plain("checks/s", "rate", ",.0f", ranged=True)
_CPU = _plain("CPU s per 1,000, workers", "cpu_workers", ".2f", ranged=True)
_DATABASE = _plain("PostgreSQL", "cpu_postgresql", ".2f")
_FASTER = _times("× plain Celery", "rate", ".1f")
_MEMORY = _plain("RSS MB", "rss_mb", ",.0f")
_LATENCY = (_plain("p50 ms", "p50_ms", ",.1f", ranged=True), _plain("p99 ms", "p99_ms", ",.1f", ranged=True))

COLUMNS: dict[Part, tuple[_Column, ...]] = {
    Part.AT_ONCE: (_RATE, _FASTER, _CPU, _DATABASE, _MEMORY),
    Part.SLOW: (_RATE, _Column("% of ideal", _of_ideal, ".0f"), _FASTER, _CPU),
    Part.PACED: (*_LATENCY, _CPU),
    Part.STORM: (
        _plain("all submitted s", "submitted_s", ".1f"),
        _plain("all have verdicts s", "settled_s", ".1f", ranged=True),
        *_LATENCY,
    ),
    Part.ENQUEUE: (
        _plain("one, p50 ms", "submit_p50_ms", ".2f", ranged=True),
        _plain("p99 ms", "submit_p99_ms", ".2f"),
        _plain("many, rows/s", "rate", ",.0f", ranged=True),
    ),
}


def latest_run(rows: Sequence[Row]) -> list[Row]:
    """The rows of the run that began last."""
    last = max((row["run"] for row in rows), default=None)
    return [row for row in rows if row["run"] == last]


def tables(rows: Sequence[Row]) -> str:
    """A table for each part that was measured, and a word on the rounds that do not count."""
    parts = []
    for part in Part:
        mine = [row for row in rows if row["part"] == part]
        if mine:
            parts.append(f"### {TITLES[part]}\n\n{_table(part, mine)}")
    failed = [
        f"- {row['arm']}, {row['part']}, round {row['round']}: {row.get('why', 'not every check was done once')}"
        for row in rows
        if not row["ok"]
    ]
    if failed:
        parts.append("**Failed:**\n\n" + "\n".join(failed))
    return "\n\n".join(parts)


def _table(part: Part, rows: Sequence[Row]) -> str:
    columns = COLUMNS[part]
    lines = []
    for arm in ARMS:
        mine = [row for row in rows if row["arm"] == arm.name]
        if mine:
            lines.append([f"{_named(arm)}{_rounds(mine)}", *_cells(columns, mine, rows)])
    heads = ["arm", *(column.head for column in columns)]
    return markdown(heads, lines)


def _named(arm: Arm) -> str:
    return f"**{arm.title}**" if arm.name.startswith("jurat") else arm.title


def _cells(columns: Sequence[_Column], rows: Sequence[Row], all_rows: Sequence[Row]) -> list[str]:
    good = counted([row for row in rows if row["ok"]])
    return [_cell(spread(column.value(row, all_rows) for row in good), column) for column in columns]


def _cell(found: Spread | None, column: _Column) -> str:
    if found is None:
        return _NONE
    middle, least, most = (format(value, column.form) for value in (found.median, found.least, found.most))
    return f"{middle} [{least}–{most}]" if column.ranged and least != most else middle


def _rounds(rows: Sequence[Row]) -> str:
    """How many rounds were noisy, where some were."""
    good = [row for row in rows if row["ok"]]
    noisy = sum(map(is_noisy, good))
    return f" ({noisy} of {len(good)} noisy)" if noisy else ""


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first and last are aligned to the right."""
    cells = [list(heads), *map(list, lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    if sum(widths) + 3 * len(widths) + 1 > WIDEST:
        widths = [2] * len(heads)
    outer = {0, len(heads) - 1}

    def shown(line: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if column in outer else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = ("-" * width if column in outer else "-" * (width - 1) + ":" for column, width in enumerate(widths))
    return "\n".join([shown(heads), f"| {' | '.join(rule)} |", *(shown(line) for line in lines)])


def wrapped(text: str, indent: str = "") -> str:
    """A paragraph of a page, no line wider than `WIDEST`; all but the first begin with `indent`."""
    return textwrap.fill(text, WIDEST, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def filled_in(page: str, rows: Sequence[Row]) -> str:
    """The text of a page with the results between its marks made anew, from the latest run.

    Raises ValueError where there are no such marks, or no rows.
    """
    mine = latest_run(rows)
    if not mine:
        raise ValueError("nothing was measured yet: `make bench` first")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} with an {END} after it")
    return f"{before}{BEGIN}\n{_head(mine)}\n\n{tables(mine)}\n{END}{after}"


def _head(rows: Sequence[Row]) -> str:
    first = rows[0]
    rounds = max(row["round"] for row in rows)
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    return wrapped(
        f"Commit {first['revision']}, {first['run'][:10]}, by `{first['command']}`: "
        f"{rounds} round{'s' * (rounds > 1)} of "
        f"{first['seconds']:g} s. {first['machine']}; {versions}."
    )


def write(file: Path, rows: Sequence[Row]) -> None:
    """Fill in the page in `file`. Raises as `filled_in`."""
    file.write_text(filled_in(file.read_text("utf-8"), rows), encoding="utf-8")
