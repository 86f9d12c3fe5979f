"""Judges whether a long run stayed as it was, from its samples alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.rig.figures import Figure

RSS_SLOPE = 1.0
"""Megabytes in ten minutes by which a worker may grow after the warm-up."""
COUNT_DRIFT = 2.0
"""File descriptors or threads by which a worker may grow: a pool opens one more connection now and then."""
SOURCES = 2
"""To each of them a worker may keep as many connections as it has slots. How many it opens depends on how many lookups
ever ran together."""
SIZE_GROWTH = 1.2
"""How many times as many bytes a check may take in the end."""
BEHIND = 0.02
"""Share of the submits that may be missing in the end: the run must have the rate that it claims."""
BACKLOG = 10.0
"""Seconds of submits that may wait in the end."""
VACUUM_DUE = 150.0
"""Seconds from the moment when a vacuum is due until it must be done: its daemon looks each minute."""


@dataclass(frozen=True, slots=True)
class Process:
    """A worker at one moment. `fds` are its file descriptors but for the connections to sources, which are `kept`."""

    pid: int
    rss_mb: float
    fds: int
    kept: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything at one moment, `at` seconds after the first submit.

    `submitted` counts what the web tier has submitted, with what it rolled back. `checks` are the rows of jurat_checks,
    `waiting` those of them without a verdict, `dead` its dead rows as PostgreSQL counts them, `size` its bytes with its
    indexes. `p50_s` and `p99_s` are seconds from submit to verdict since the sample before.
    """

    at: float
    workers: Mapping[str, Process]
    submitted: int
    checks: int
    waiting: int
    dead: int
    size: int
    p50_s: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True, slots=True)
class Vacuum:
    """When PostgreSQL vacuums jurat_checks: at `threshold` dead rows and `share` of all rows."""

    threshold: float = 50.0
    share: float = 0.2


def warm_up(seconds: float) -> float:
    """How much of a run of so many seconds is not judged: a third, at most ten minutes."""
    return min(600.0, seconds / 3)


def judge(samples: Sequence[Sample], seconds: float, rate: float, slots: int, vacuum: Vacuum) -> list[Figure]:
    """The figures of a run of so many seconds at `rate` submits a second, of workers with so many slots.

    Raises ValueError for fewer than six samples after the warm-up.
    """
    steady = [sample for sample in samples if sample.at >= warm_up(seconds)]
    if len(steady) < 6:
        raise ValueError(f"{len(steady)} samples after the warm-up are too few; run it for longer")
    return [*_of_workers(steady, slots), *_of_database(steady, rate, vacuum)]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much y grows with each x, by least squares."""
    line = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    return line.slope


def _of_workers(steady: Sequence[Sample], slots: int) -> Iterator[Figure]:
    for name in steady[0].workers:
        own = [(sample.at, sample.workers[name]) for sample in steady if name in sample.workers]
        gone = len(steady) - len(own) + len({process.pid for _, process in own}) - 1
        yield Figure(f"{name}: times it ended", gone, most=0)
        if len(own) > 1:
            growth = slope([(at, process.rss_mb) for at, process in own]) * 600
            yield Figure(f"{name}: RSS, MB in 10 minutes", growth, most=RSS_SLOPE)
            yield Figure(f"{name}: more file descriptors", _drift(own, lambda one: one.fds), most=COUNT_DRIFT)
            most = max(process.kept for _, process in own)
            yield Figure(f"{name}: connections kept to sources", most, most=slots * SOURCES)
            yield Figure(f"{name}: more threads", _drift(own, lambda one: one.threads), most=COUNT_DRIFT)


def _drift(own: Sequence[tuple[float, Process]], count: Callable[[Process], int]) -> float:
    """The median of the last third less that of the first."""
    third = max(1, len(own) // 3)
    counts = [count(process) for _, process in own]
    return statistics.median(counts[-third:]) - statistics.median(counts[:third])


def _of_database(steady: Sequence[Sample], rate: float, vacuum: Vacuum) -> Iterator[Figure]:
    # A check is claimed and settled: each leaves a dead row, and few are renewed in between.
    left = 2 * rate * VACUUM_DUE
    worst = max(steady, key=lambda sample: sample.dead - vacuum.share * sample.checks)
    yield Figure("dead rows of jurat_checks", worst.dead, most=vacuum.threshold + vacuum.share * worst.checks + left)
    first, last = (sample.size / max(1, sample.checks) for sample in (steady[0], steady[-1]))
    yield Figure("bytes a check, times those after the warm-up", last / first, most=SIZE_GROWTH)
    due = rate * (steady[-1].at - steady[0].at)
    yield Figure("submits behind", due - (steady[-1].submitted - steady[0].submitted), most=BEHIND * due)
    third = steady[-max(1, len(steady) // 3) :]
    waiting = statistics.median(sample.waiting for sample in third)
    yield Figure("checks waiting in the end", waiting, most=BACKLOG * rate)
