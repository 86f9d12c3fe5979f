"""Compares the large database with the small one in tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.rig.figures import Figure, percentile
from bench.rig.report import MISSED, Report, Row, Rows, figure_table, markdown
from bench.scale.measure import KINDS, Blocks, Times

REPORT = Report("bench-scale", "contributors/performance.md", "scale", "scale.jsonl")

LIMITS = Report("bench-scale", "operators/past-one-database.md", "limits")
"""Where the figures are from which the end of one database is reckoned."""

LIMIT = 1.5
"""So many times as long may a call take, by the clock and in work, with a thousand times as many rows."""

PARTS = 5
"""A ratio's range is that of so many parts of the run, one after the other."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the large side by that of the small one, with the least and the most of the parts of a run."""

    value: float
    least: float
    most: float


def ratio(small: Sequence[float], large: Sequence[float]) -> Ratio | None:
    """The ratio of two series that were measured side by side; None where one is empty."""
    if not small or not large:
        return None
    parts = min(PARTS, len(small), len(large))
    each = [median(_part(large, n, parts)) / median(_part(small, n, parts)) for n in range(parts)]
    return Ratio(median(large) / median(small), min(each), max(each))


def _part(values: Sequence[float], number: int, parts: int) -> Sequence[float]:
    return values[len(values) * number // parts : len(values) * (number + 1) // parts]


def rows_of(
    common: Row, stage: str, series: Mapping[str, Sequence[Times]], touched: Mapping[str, Sequence[Blocks]]
) -> list[dict[str, Any]]:
    """A row for each kind that was measured in a stage."""
    judged = {kind.name: kind.judged for kind in KINDS}
    rows = []
    for name, (small, large) in series.items():
        row: dict[str, Any] = {**common, "stage": stage, "kind": name, "judged": judged[name], "calls": len(large.wall)}
        for side, times in (("small", small), ("large", large)):
            row |= {f"{side}_p50_ms": median(times.wall), f"{side}_p95_ms": percentile(times.wall, 0.95)}
            row |= {f"{side}_work_ms": median(times.work) if times.work else None}
        for figure, found in (("wall", ratio(small.wall, large.wall)), ("work", ratio(small.work, large.work))):
            row[figure] = found and [found.value, found.least, found.most]
        for side, count in zip(("small", "large"), touched[name], strict=True):
            row |= {f"{side}_hit": count.hit, f"{side}_fetched": count.fetched}
        rows.append(row)
    return rows


def row_of(common: Row, figures: Sequence[Figure]) -> dict[str, Any]:
    """The row of what was measured of the large side alone."""
    found = [figure.as_data() for figure in figures]
    return {**common, "state": "", "stage": "Of the large one alone", "figures": found}


def kept(row: Row) -> bool:
    """Whether both ratios of a row stay within the limit; where nothing is judged, yes. Or all figures of a row."""
    if "figures" in row:
        return all(figure["kept"] for figure in row["figures"])
    return not row["judged"] or all(row[name] is None or row[name][0] <= LIMIT for name in ("wall", "work"))


HEADS = (
    *("what", "small ms p50 / p95", "large ms p50 / p95", "×", "small CPU ms", "large CPU ms", "× CPU", "limit"),
    *("small blocks hit + read", "large blocks hit + read", ""),
)


def tables(rows: Rows) -> str:
    """A table for each stage, with the state of its checks in the end."""
    parts = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        mine = [row for row in rows if row["stage"] == stage]
        table = figure_table(mine[0]["figures"]) if "figures" in mine[0] else markdown(HEADS, map(_line, mine))
        parts += [f"### {stage}", mine[0]["state"], table]
    return "\n\n".join(parts)


def page(rows: Rows) -> str:
    """What the docs have: the large side's times and both ratios, the stages next to each other."""
    rows = [row for row in rows if "figures" not in row]
    stages = dict.fromkeys(row["stage"] for row in rows)
    heads = ["what", *(head for stage in stages for head in (f"{stage[0].lower()}{stage[1:]}, p50 ms", "×", "× CPU"))]
    lines: dict[str, list[str]] = {}
    for row in rows:
        name = row["kind"] if row["judged"] else f"{row['kind']} (bounded)"
        lines.setdefault(row["kind"], [name]).extend(_page_cells(row))
    return f"{head(rows)}\n\n{markdown(heads, list(lines.values()))}"


def limits_page(rows: Rows) -> str:
    """The figures of the large side alone."""
    figures = [figure for row in rows for figure in row.get("figures", ())]
    return f"{head(rows)}\n\n{figure_table(figures)}"


def _page_cells(row: Row) -> list[str]:
    work = "–" if row["work"] is None else f"{row['work'][0]:.2f}"
    return [f"{row['large_p50_ms']:.2f}", _ranged(row["wall"]), work if kept(row) else f"{work} {MISSED}"]


def _ranged(ratio: Sequence[float] | None) -> str:
    if ratio is None:
        return "–"
    value, least, most = ratio
    return f"{value:.2f} [{least:.2f}–{most:.2f}]"


def _line(row: Row) -> list[str]:
    def times(side: str) -> str:
        return f"{row[f'{side}_p50_ms']:.2f} / {row[f'{side}_p95_ms']:.2f}"

    def worked(side: str) -> str:
        spent = row[f"{side}_work_ms"]
        return "–" if spent is None else f"{spent:.2f}"

    def touched(side: str) -> str:
        return f"{row[f'{side}_hit']:,.0f} + {row[f'{side}_fetched']:,.0f}"

    limit, verdict = (f"{LIMIT:g}", "kept" if kept(row) else "MISSED") if row["judged"] else ("–", "bounded")
    return [
        *(row["kind"], times("small"), times("large"), _ranged(row["wall"])),
        *(worked("small"), worked("large"), _ranged(row["work"]), limit),
        *(touched("small"), touched("large"), verdict),
    ]


def head(rows: Rows) -> str:
    """Which commit was measured when, how, and on which machine."""
    first = rows[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    return (
        f"Commit {first['revision']}, {first['run'][:10]}, by `{first['command']}`: {first['pending']:,} pending and "
        f"{first['settled']:,} settled checks ({first['gigabytes']:.1f} GB) against {first['small']:,} of each, "
        f"{first['rounds']} rounds. {first['machine']}; {versions}."
    )
