"""Makes figures out of raw times and counts: rates, medians with their range, ratios, and which round is noisy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.rig.report import Row, Rows

NOISY_SHARE = 0.05
"""A round is noisy when processes that are not ours took more than this share of the machine's CPU time, its steal
included. Set before anything was measured; noisy rounds are left out where there are others, and counted always."""

_STEADY = (0.1, 0.9)
"""The steady part: from the verdict at a tenth of them to that at nine tenths."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several rounds, with the least and the most."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of what is there; None when nothing is."""
    found = [value for value in values if value is not None]
    return Spread(median(found), min(found), max(found)) if found else None


def steady_rate(times: Sequence[float]) -> float | None:
    """Verdicts a second in the steady part, from the time of each verdict; None where all came at once."""
    ranked = sorted(times)
    if len(ranked) < 2:
        return None
    first, last = (round(share * (len(ranked) - 1)) for share in _STEADY)
    seconds = ranked[last] - ranked[first]
    return (last - first) / seconds if seconds > 0 else None


def is_noisy(row: Row) -> bool:
    """Whether a row is noisy by the rule above. A row without the figure is not."""
    return bool(row.get("foreign_share", 0.0) > NOISY_SHARE)


def counted(rows: Rows) -> list[Row]:
    """The rows of one arm that count: those that are not noisy, or all where every one is."""
    return [row for row in rows if not is_noisy(row)] or list(rows)


def against(kind: str, row: Row, rows: Rows, *figures: str) -> float | None:
    """How many times as much of `figures`, added up, a row has as the fastest arm of a kind in the same part and round.

    Noisy rows of that kind are passed over where there are others. None where there is no arm of the kind, or one of
    the two lacks a figure.
    """
    rivals = [other for other in rows if other["kind"] == kind and _round_of(other) == _round_of(row) and other["ok"]]
    best = max(counted(rivals), key=lambda other: other.get("rate") or 0.0, default=None)
    mine, theirs = _sum(row, figures), None if best is None else _sum(best, figures)
    return mine / theirs if mine is not None and theirs else None


def _sum(row: Row, figures: Sequence[str]) -> float | None:
    found = [row.get(figure) for figure in figures]
    return None if None in found else float(sum(value for value in found if value is not None))


def _round_of(row: Row) -> tuple[Any, ...]:
    return row["run"], row["part"], row["round"]
