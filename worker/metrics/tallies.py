"""Counts what one worker does, in memory. Whoever renders it takes a copy, so that nothing is rendered in the hot path.

Counts are by metric of `names.py` and by its labels' values, in their order. A label never holds more than a source's
name, or a member of a closed list.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock
from typing import Final

from jurat.vocabulary import Outcome, Priority, Reason
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, GiveBack, Settle
from worker.metrics.names import MOST_SOURCES, OTHER, WORKER_METRICS, BellKind, Kind, LookupResult, StatementName

Labels = tuple[str, ...]

_FAILED: Final[Mapping[Reason, LookupResult]] = {
    Reason.SOURCE_UNAVAILABLE: LookupResult.UNAVAILABLE,
    Reason.SOURCE_THROTTLED: LookupResult.THROTTLED,
    Reason.SOURCE_MAINTENANCE: LookupResult.MAINTENANCE,
    Reason.SOURCE_CREDENTIALS: LookupResult.CREDENTIALS,
    Reason.SOURCE_REJECTED_REQUEST: LookupResult.REJECTED,
    Reason.SOURCE_UNREADABLE: LookupResult.UNREADABLE,
    Reason.SOURCE_BLOCKED: LookupResult.BLOCKED,
}
"""By the reason of an attempt that failed. Other reasons are of checks whose source was not asked."""


_BOUNDS: Final = {metric.name: metric.buckets for metric in WORKER_METRICS}

_CLOSED: Final[Mapping[str, Iterable[str]]] = {
    "jurat_check_verdict_seconds": Priority,
    "jurat_verdict_reasons_total": Reason,
    "jurat_bells_total": BellKind,
    "jurat_statement_duration_seconds": StatementName,
}
"""The metrics whose one label is of a closed list."""


class Histogram:
    """Counts values between `bounds`. Not thread-safe."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def copy(self) -> Distribution:
        return Distribution(tuple(zip((*self._bounds, math.inf), accumulate(self._counts), strict=True)), self._sum)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram at one moment: how many values were at most each bound, the last infinite, and their sum."""

    counts: tuple[tuple[float, int], ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All tallies at one moment, by the metric's name and its labels' values."""

    counts: Mapping[str, Mapping[Labels, int]]
    distributions: Mapping[str, Mapping[Labels, Distribution]]


class Tallies:
    """One worker's tallies. Thread-safe.

    Closed lists of labels are there from the beginning, so that a first event is seen as an increase. Sources are
    there once something of theirs was counted; all but the first `MOST_SOURCES` are counted as one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._sources: set[str] = set()
        self.answered_at = -math.inf
        """When the database last answered, as a reading of the clock."""
        self._counts: dict[str, Counter[Labels]] = {
            each.name: Counter() if each.labels else Counter({(): 0})
            for each in WORKER_METRICS
            if each.kind is Kind.COUNTER
        }
        self._histograms: dict[str, dict[Labels, Histogram]] = {
            each.name: {} for each in WORKER_METRICS if each.kind is Kind.HISTOGRAM
        }
        for name, labels in _CLOSED.items():
            self._show(name, *((label,) for label in labels))

    def count_claimed(self, checks: Sequence[ClaimedCheck]) -> None:
        """Checks were claimed for a lookup."""
        with self._lock:
            for check in checks:
                self._histograms["jurat_check_wait_seconds"][self._name(check.source),].add(check.waited)

    def count_written(self, done: Sequence[CheckResult], refused: Sequence[CheckResult]) -> None:
        """Results were written; the write of others was refused."""
        now = self._clock()
        with self._lock:
            self._counts["jurat_writes_refused_total"][()] += len(refused)
            for result in (*refused, *done):
                self._count_lookup(result)
            for result in done:
                if isinstance(result.decision, Settle):
                    self._count_verdict(result.held, result.decision, now)
                elif isinstance(result.decision, GiveBack):
                    self._counts["jurat_checks_given_back_total"][()] += 1

    def count_lost(self, leases: int) -> None:
        """So many leases could not be renewed, because they had been lost."""
        with self._lock:
            self._counts["jurat_leases_lost_total"][()] += leases

    def count_outage(self) -> None:
        with self._lock:
            self._counts["jurat_database_outages_total"][()] += 1

    def count_bell(self, kind: BellKind) -> None:
        with self._lock:
            self._counts["jurat_bells_total"][kind,] += 1

    @contextmanager
    def time(self, statement: StatementName) -> Iterator[None]:
        """Time the statement that the block runs, whether it succeeds or not."""
        begun = self._clock()
        try:
            yield
            self.note_answer()
        finally:
            with self._lock:
                self._histograms["jurat_statement_duration_seconds"][statement,].add(self._clock() - begun)

    def note_answer(self) -> None:
        self.answered_at = self._clock()

    def figures(self) -> Figures:
        with self._lock:
            return Figures(
                {name: dict(counts) for name, counts in self._counts.items()},
                {
                    name: {labels: each.copy() for labels, each in histograms.items()}
                    for name, histograms in self._histograms.items()
                },
            )

    def _show(self, name: str, *labels: Labels) -> None:
        """Have a metric show these labels, before anything of theirs is counted."""
        if name in self._counts:
            self._counts[name].update(dict.fromkeys(labels, 0))
        else:
            self._histograms[name] |= {each: Histogram(_BOUNDS[name]) for each in labels}

    def _name(self, source: str) -> str:
        """The name by which a source is counted. All of its labels are there from now on."""
        name = source if source in self._sources or len(self._sources) < MOST_SOURCES else OTHER
        if name not in self._sources:
            self._sources.add(name)
            self._show("jurat_lookups_total", *((name, result.value) for result in LookupResult))
            self._show("jurat_verdicts_total", *((name, outcome.value) for outcome in Outcome))
            self._show("jurat_lookup_duration_seconds", (name,))
            self._show("jurat_check_wait_seconds", (name,))
        return name

    def _count_lookup(self, result: CheckResult) -> None:
        attempt = result.attempt
        if attempt is None or not attempt.counted or (ended := _ended(attempt)) is None:
            return
        source = self._name(result.held.source)
        self._counts["jurat_lookups_total"][source, ended] += 1
        self._histograms["jurat_lookup_duration_seconds"][source,].add(attempt.duration)

    def _count_verdict(self, check: ClaimedCheck, verdict: Settle, now: float) -> None:
        self._counts["jurat_verdicts_total"][self._name(check.source), verdict.outcome] += 1
        self._counts["jurat_verdict_reasons_total"][verdict.reason,] += 1
        if verdict.reason is Reason.ANSWER_UNREADABLE:
            self._counts["jurat_answers_unreadable_total"][()] += 1
        # Where a person had decided until now, the time says nothing about workers.
        times = self._histograms["jurat_check_verdict_seconds"].get((check.priority,))
        if times is not None and check.submitted is not None and not check.reviewed:
            times.add(max(0.0, now - check.submitted))


def _ended(attempt: Attempt) -> LookupResult | None:
    """How a lookup ended; None where there was none."""
    if attempt.ended is Ended.ANSWERED:
        return LookupResult.ANSWERED
    return LookupResult.TIMEOUT if attempt.timed_out else _FAILED.get(attempt.reason)
