"""Reports to the database how the sources answer: figures with each step of upkeep, failures at once."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from config.logger import get_logger
from jurat.vocabulary import Reason
from store.queue.breakers import SourceFigures
from store.queue.sources import Sources
from tasks.checks import Attempt, CheckResult, Ended, Later, NextSource
from tasks.rules.outcome_shares import RESULTS
from tasks.rules.retries import SHUT_OUT_PAUSE, TROUBLE, is_shut_out
from tasks.rules.source_limits import LATE
from worker.engine.local_breaker import LocalBreaker
from worker.engine.wake_schedule import WakeSchedule

log = get_logger("jurat.sources")


@dataclass(slots=True)
class _Tally:
    """What was seen of one source since the last report. `trailing` failures came after the last answer."""

    answered: int = 0
    failed: int = 0
    trailing: int = 0
    last_failure: Reason | None = None
    answered_at: float = 0.0
    failed_at: float = 0.0
    seconds: float = 0.0
    results: Counter[str] = field(default_factory=Counter)

    def count(self, attempt: Attempt, at: float) -> None:
        if attempt.ended is Ended.ANSWERED:
            self.answered += 1
            self.seconds += attempt.duration
            self.trailing = 0
            self.answered_at = at
            if attempt.reason in RESULTS:
                self.results[attempt.reason] += 1
            return
        self.last_failure, self.failed_at = attempt.reason, at
        if attempt.reason in TROUBLE:
            self.failed += 1
            self.trailing += 1
            self.seconds += attempt.duration

    def add(self, later: _Tally) -> None:
        self.trailing = later.trailing if later.answered else self.trailing + later.trailing
        self.answered += later.answered
        self.failed += later.failed
        self.seconds += later.seconds
        self.results += later.results
        if later.answered:
            self.answered_at = later.answered_at
        if later.last_failure:
            self.last_failure, self.failed_at = later.last_failure, later.failed_at

    def figures(self, now: float) -> SourceFigures:
        return SourceFigures(
            self.answered,
            self.failed,
            self.trailing,
            self.last_failure,
            answered_ago=now - self.answered_at if self.answered else 0.0,
            failed_ago=now - self.failed_at if self.last_failure else 0.0,
            seconds=self.seconds,
            results=dict(self.results),
        )


@dataclass(eq=False)
class FailureReporter:
    """Counts what was written and reports it. What could not be reported is reported the next time. Thread-safe."""

    _sources: Sources
    _breaker: LocalBreaker
    _wakes: WakeSchedule
    _clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._reporting = threading.Lock()
        self._tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._pauses: dict[str, tuple[float, Reason]] = {}
        self._refused: set[str] = set()
        self._throttled: dict[str, float] = {}
        self._failing: set[str] = set()
        self.urgent = False
        """Whether the claims of all workers depend on what is to be reported."""

    def count(self, entries: Sequence[CheckResult], given_up: Sequence[CheckResult] = ()) -> None:
        """Count entries that were written, in this order; those `given_up` never will be."""
        self._breaker.count_written((*entries, *given_up))
        with self._lock:
            for entry in entries:
                source, attempt, decision = entry.held.source, entry.attempt, entry.decision
                if attempt is not None and attempt.counted:
                    ended_at = self._clock() if attempt.ended_at is None else attempt.ended_at
                    self._tallies[source].count(attempt, ended_at)
                    if attempt.ended is Ended.FAILED:
                        self._count_failure(source, attempt)
                    elif source in self._failing:
                        self.urgent = True
                if entry.held.probe:
                    self.urgent = True
                    # For the next probe, should this one not close the breaker; counted from the latest start of this.
                    self._wakes.wake_in(self._breaker.limits(source).probe + LATE)
                if isinstance(decision, Later | NextSource) and decision.pause is not None:
                    before = self._pauses.get(source, (0.0, decision.reason))
                    self._pauses[source] = max(before, (decision.pause, decision.reason))
                    self.urgent = True

    def _count_failure(self, source: str, attempt: Attempt) -> None:
        if attempt.reason in TROUBLE:
            self.urgent = True
        if attempt.reason is Reason.SOURCE_THROTTLED:
            self._throttled[source] = self._clock()
        if attempt.refused:
            self._refused.add(source)

    def report(self) -> None:
        """Report all that was counted. Raises SQLAlchemy's errors while the database is away, and forgets nothing."""
        with self._reporting:
            with self._lock:
                tallies, self._tallies = self._tallies, defaultdict(_Tally)
                pauses, self._pauses = self._pauses, {}
                refused, self._refused = self._refused, set()
                self.urgent = False
            try:
                for source, (seconds, reason) in sorted(pauses.items()):
                    if self._sources.pause(source, seconds, reason) == 0:  # else it was paused already
                        log.info("source paused", source=source, seconds=seconds, reason=reason)
                for source in sorted(refused):
                    self._answer_refusal(source)  # before its last failure is another one
                self._record(tallies)
            except BaseException:
                self._keep(tallies, pauses, refused)
                raise
            self._breaker.mark_reported()

    def _record(self, tallies: Mapping[str, _Tally]) -> None:
        if not tallies:
            return
        now = self._clock()
        figures = {source: tally.figures(now) for source, tally in tallies.items()}
        changes = self._sources.record(figures, {source: self._breaker.limits(source) for source in figures})
        self._breaker.update(changes.failures)
        recovered = {source for source, tally in tallies.items() if not tally.trailing} & self._failing
        for source, tally in tallies.items():
            (self._failing.add if tally.trailing else self._failing.discard)(source)
        for source in changes.opened:
            log.error("breaker opened", source=source, last_failure=tallies[source].last_failure)
        for source in changes.closed:
            log.info("breaker closed", source=source)
        if changes.closed or recovered:
            self._wakes.wake()

    def _answer_refusal(self, source: str) -> None:
        """Pause a source that refuses the connection soon after it answered that it was asked too often."""
        here = self._throttled.get(source)
        since = None if here is None else self._clock() - here
        if not is_shut_out(since):
            since = self._sources.since_throttled(source)  # another worker may have had that answer
        if is_shut_out(since):
            self._throttled.pop(source, None)
            if self._sources.cut_off(source, SHUT_OUT_PAUSE, Reason.SOURCE_THROTTLED):
                log.error("source refuses us after too many requests: paused", source=source, seconds=SHUT_OUT_PAUSE)

    def _keep(
        self, tallies: defaultdict[str, _Tally], pauses: dict[str, tuple[float, Reason]], refused: set[str]
    ) -> None:
        with self._lock:
            for source, later in self._tallies.items():
                tallies[source].add(later)
            self._tallies = tallies
            for source, pause in pauses.items():
                self._pauses[source] = max(pause, self._pauses.get(source, pause))
            self._refused |= refused
            self.urgent = True
