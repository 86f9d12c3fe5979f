"""Whether the large database is as quick as the small one, as tables in Markdown, and their place in the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.scale.measure import KINDS, Blocks, Times
from bench.speed.figures import percentile
from bench.speed.report import latest_run, markdown, wrapped

BEGIN, END = "<!-- made: scale -->", "<!-- end -->"

LIMIT = 1.5
"""So many times as long may a call take, by the clock and in work, with a thousand times as many rows."""

PARTS = 5
"""A ratio's range is that of so many parts of the run, one after the other."""

Row = Mapping[str, Any]


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


def kept(row: Row) -> bool:
    """Whether both ratios of a row stay within the limit; where nothing is judged, yes."""
    return not row["judged"] or all(row[name] is None or row[name][0] <= LIMIT for name in ("wall", "work"))


def tables(rows: Sequence[Row]) -> str:
    """One table, with the large side's times and both ratios in each stage.

    What it leaves out is in the rows: the small side's times, p95, CPU time, blocks, and how many rows were dead.
    """
    by_kind: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], {})[row["stage"]] = row
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    heads = [head for stage in stages for head in (f"{stage[:1].lower()}{stage[1:]}, p50 ms", "×", "× CPU")]
    return markdown(["what", *heads], [_line(kind, mine, stages) for kind, mine in by_kind.items()])


def _line(kind: str, by_stage: Mapping[str, Row], stages: Sequence[str]) -> list[str]:
    cells = [cell for stage in stages for cell in _cells(by_stage.get(stage))]
    mine = by_stage.values()
    verdict = ("" if all(map(kept, mine)) else " (MISSED)") if any(row["judged"] for row in mine) else " (bounded)"
    return [f"{kind}{verdict}", *cells]


def _cells(row: Row | None) -> list[str]:
    if row is None:
        return ["–"] * 3
    wall, work = ("–" if row[name] is None else f"{row[name][0]:.2f}" for name in ("wall", "work"))
    span = "" if row["wall"] is None else " [{1:.2f}–{2:.2f}]".format(*row["wall"])
    return [f"{row['large_p50_ms']:.2f}", f"{wall}{span}", work]


def filled_in(page: str, rows: Sequence[Row]) -> str:
    """The text of a page with the results between its marks made anew, from the latest run.

    Raises ValueError where there are no such marks, or no rows.
    """
    mine = latest_run(rows)
    if not mine:
        raise ValueError("nothing was measured yet: `make bench-scale` first")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} with an {END} after it")
    return f"{before}{BEGIN}\n{_head(mine)}\n\n{tables(mine)}\n{END}{after}"


def _head(rows: Sequence[Row]) -> str:
    first = rows[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    return wrapped(
        f"Commit {first['revision']}, {first['run'][:10]}, by `{first['command']}`: {first['pending']:,} pending and "
        f"{first['settled']:,} settled checks ({first['gigabytes']:.1f} GB) against {first['small']:,} of each, "
        f"{first['rounds']} rounds. {first['machine']}; {versions}."
    )


def write(file: Path, rows: Sequence[Row]) -> None:
    """Fill in the page in `file`. Raises as `filled_in`."""
    file.write_text(filled_in(file.read_text("utf-8"), rows), encoding="utf-8")
