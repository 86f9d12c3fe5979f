"""Counts what one worker does, in memory. Whoever renders it takes a copy, so that nothing is rendered in the hot path.

Counts are by metric of `names.py` and by its labels' values, in their order. A label never holds more than a source's
name, or a member of a closed list.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock
from typing import Final

from jurat.vocabulary import Outcome, Priority, Reason
from tasks.checks import Attempt, CheckResult, ClaimedCheck, Ended, GiveBack, Settle
from worker.metrics.names import (
    LOOKUP_BUCKETS,
    MOST_SOURCES,
    OTHER,
    STATEMENT_BUCKETS,
    WAIT_BUCKETS,
    BellKind,
    LookupResult,
    StatementName,
)

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
        """As it is now."""
        return Distribution(tuple(zip((*self._bounds, math.inf), accumulate(self._counts), strict=True)), self._sum)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram at one moment: how many values were at most each bound, the last of which is infinite, and their
    sum.
    """

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
        self._sources: dict[str, str] = {}
        self.answered_at = -math.inf
        """When the database last answered, as a reading of the clock."""
        self._lookups: Counter[Labels] = Counter()
        self._durations: dict[Labels, Histogram] = {}
        self._waits: dict[Labels, Histogram] = {}
        self._verdicts: Counter[Labels] = Counter()
        self._verdict_times: dict[Labels, Histogram] = {
            (priority.value,): Histogram(WAIT_BUCKETS) for priority in Priority
        }
        self._reasons: Counter[Labels] = Counter({(reason.value,): 0 for reason in Reason})
        self._refused = self._lost = self._given_back = self._outages = 0
        self._bells: Counter[Labels] = Counter({(kind.value,): 0 for kind in BellKind})
        self._statements: dict[Labels, Histogram] = {
            (name.value,): Histogram(STATEMENT_BUCKETS) for name in StatementName
        }

    def count_claimed(self, checks: Sequence[ClaimedCheck]) -> None:
        """Checks were claimed for a lookup."""
        if not checks:
            return
        with self._lock:
            for check in checks:
                self._waits[self._name(check.source),].add(check.waited)

    def count_written(self, done: Sequence[CheckResult], refused: Sequence[CheckResult]) -> None:
        """Results were written; the write of others was refused."""
        if not done and not refused:
            return
        now = self._clock()
        with self._lock:
            self._refused += len(refused)
            for result in refused:
                self._count_lookup(result)
            for result in done:
                self._count_lookup(result)
                if isinstance(result.decision, Settle):
                    self._count_verdict(result.held, result.decision, now)
                elif isinstance(result.decision, GiveBack):
                    self._given_back += 1

    def count_lost(self, leases: int) -> None:
        """So many leases could not be renewed, because they had been lost."""
        with self._lock:
            self._lost += leases

    def count_outage(self) -> None:
        """An outage of the database has begun."""
        with self._lock:
            self._outages += 1

    def count_bell(self, kind: BellKind) -> None:
        """A message came from the broker."""
        with self._lock:
            self._bells[kind,] += 1

    @contextmanager
    def time(self, statement: StatementName) -> Iterator[None]:
        """Time the statement that the block runs, whether it succeeds or not."""
        begun = self._clock()
        try:
            yield
        except BaseException:
            self._count_statement(statement, begun)
            raise
        self.answered_at = self._count_statement(statement, begun)

    def note_answer(self) -> None:
        """The database answered a statement that is not timed."""
        self.answered_at = self._clock()

    def figures(self) -> Figures:
        """All of it as it is now."""
        with self._lock:
            return Figures(
                {
                    "jurat_lookups_total": dict(self._lookups),
                    "jurat_verdicts_total": dict(self._verdicts),
                    "jurat_verdict_reasons_total": dict(self._reasons),
                    "jurat_writes_refused_total": {(): self._refused},
                    "jurat_leases_lost_total": {(): self._lost},
                    "jurat_checks_given_back_total": {(): self._given_back},
                    "jurat_answers_unreadable_total": {(): self._reasons[Reason.ANSWER_UNREADABLE,]},
                    "jurat_database_outages_total": {(): self._outages},
                    "jurat_bells_total": dict(self._bells),
                },
                {
                    "jurat_lookup_duration_seconds": _copies(self._durations),
                    "jurat_check_wait_seconds": _copies(self._waits),
                    "jurat_check_verdict_seconds": _copies(self._verdict_times),
                    "jurat_statement_duration_seconds": _copies(self._statements),
                },
            )

    def _name(self, source: str) -> str:
        """The name by which a source is counted. All of its labels are there from now on."""
        if (name := self._sources.get(source)) is None:
            name = source if len(self._sources) < MOST_SOURCES else OTHER
            if name == OTHER and (OTHER,) in self._waits:
                return OTHER
            self._sources[name] = name
            self._lookups.update({(name, result.value): 0 for result in LookupResult})
            self._verdicts.update({(name, outcome.value): 0 for outcome in Outcome})
            self._durations[name,] = Histogram(LOOKUP_BUCKETS)
            self._waits[name,] = Histogram(WAIT_BUCKETS)
        return name

    def _count_lookup(self, result: CheckResult) -> None:
        attempt = result.attempt
        if attempt is None or not attempt.counted or (ended := _ended(attempt)) is None:
            return
        source = self._name(result.held.source)
        self._lookups[source, ended] += 1
        self._durations[source,].add(attempt.duration)

    def _count_verdict(self, check: ClaimedCheck, verdict: Settle, now: float) -> None:
        self._verdicts[self._name(check.source), verdict.outcome] += 1
        self._reasons[verdict.reason,] += 1
        # Where a person had decided until now, the time says nothing about workers.
        times = self._verdict_times.get((check.priority,))
        if times is not None and check.submitted is not None and not check.reviewed:
            times.add(max(0.0, now - check.submitted))

    def _count_statement(self, statement: StatementName, begun: float) -> float:
        now = self._clock()
        with self._lock:
            self._statements[statement,].add(now - begun)
        return now


def _ended(attempt: Attempt) -> LookupResult | None:
    """How a lookup ended; None where there was none."""
    if attempt.ended is Ended.ANSWERED:
        return LookupResult.ANSWERED
    return LookupResult.TIMEOUT if attempt.timed_out else _FAILED.get(attempt.reason)


def _copies(histograms: Mapping[Labels, Histogram]) -> Mapping[Labels, Distribution]:
    return {labels: histogram.copy() for labels, histogram in histograms.items()}
