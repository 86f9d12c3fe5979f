"""Trips a local circuit breaker as lookups fail, before the shared one in the database opens or pauses the source.

The shared breaker follows only when failures are written, and by then a process may have begun dozens of lookups more.
So it acts as lookups end: after as many failures in a row as put the source in doubt (`Breaker.doubt`), or after one
that asks for a pause. What was claimed before is then given back, until the database knows of all these failures and
its claims take them into account. Failures that other processes reported to the database count as well.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from store.queue.sources import Sources
from tasks.checks import Attempt, CheckResult, Ended, Later, NextSource
from tasks.rules.retries import TROUBLE
from tasks.rules.source_limits import Breaker
from worker.engine.delay_queue import DelayQueue
from worker.engine.threads import EngineThread

LOOK_EVERY = 0.05
"""Seconds between two looks. With several workers, each has some of a source's start times, up to a second ahead, and
would otherwise learn of an outage only from failures of its own."""


class LocalBreaker:
    """One process's view of the sources that fail. Thread-safe; a lookup that succeeds costs no lock."""

    def __init__(self, breaker: Callable[[str], Breaker], clock: Callable[[], float] = time.monotonic) -> None:
        self._breaker = breaker
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, int] = {}
        self._unwritten: Counter[str] = Counter()
        self._known: Mapping[str, int] = {}
        self.shut: dict[str, float] = {}
        """By source: what was claimed before that time is given back. Infinite until the database knows."""

    def limits(self, source: str) -> Breaker:
        return self._breaker(source)

    def count_results(self, entries: Iterable[CheckResult]) -> None:
        for entry in entries:
            source = entry.held.source
            if entry.attempt is None or not entry.attempt.counted:
                continue
            if entry.attempt.ended is Ended.ANSWERED:
                if source in self._failed:
                    self._failed.pop(source, None)
            elif in_trouble(entry.attempt):
                with self._lock:
                    self._unwritten[source] += 1
                    self._failed[source] = self._failed.get(source, 0) + 1
                    if self._failed[source] >= self._breaker(source).doubt or _asks_for_pause(entry):
                        self.shut[source] = math.inf

    def count_written(self, entries: Iterable[CheckResult]) -> None:
        for entry in entries:
            if entry.attempt is not None and in_trouble(entry.attempt):
                with self._lock:
                    self._unwritten[entry.held.source] -= 1

    def update(self, failures: Mapping[str, int]) -> None:
        """Take over from the database how many failures in a row each source has, over all processes."""
        for source, count in failures.items():
            if count >= self._breaker(source).doubt:
                with self._lock:
                    self.shut[source] = math.inf

    def update_seen(self, failures: Mapping[str, int], asked: float) -> None:
        """Take over the database's failures in a row at `asked`. Claims before that did not know of new ones."""
        with self._lock:
            for source, count in failures.items():
                if count >= self._breaker(source).doubt and count > self._known.get(source, 0):
                    self.shut[source] = max(asked, self.shut.get(source, asked))
            self._known = failures

    def mark_reported(self) -> None:
        """The database now knows of all failures that were written: claims from now on take them into account."""
        if not self.shut:
            return
        with self._lock:
            now = self._clock()
            for source, since in self.shut.items():
                if since == math.inf and self._unwritten[source] <= 0:
                    self.shut[source] = now
                    self._failed.pop(source, None)

    def is_shut(self, source: str) -> bool:
        return self.shut.get(source) == math.inf


class BreakerWatch(EngineThread):
    """Passes the failures in the database on to the local breaker while starts are near. No start waits for it."""

    def __init__(self, sources: Sources, delay_queue: DelayQueue, breaker: LocalBreaker) -> None:
        super().__init__("breaker-watch")
        self._sources = sources
        self._delay_queue = delay_queue
        self._breaker = breaker

    def step(self) -> None:
        if self._delay_queue.waits(2 * LOOK_EVERY):
            asked = time.monotonic()
            self._breaker.update_seen(self._sources.failing(), asked)
        self.stopping.wait(LOOK_EVERY)


def in_trouble(attempt: Attempt) -> bool:
    """Whether an attempt shows that its source is in trouble, and not only that this one request was bad."""
    return attempt.ended is Ended.FAILED and attempt.reason in TROUBLE and attempt.counted


def _asks_for_pause(entry: CheckResult) -> bool:
    return isinstance(entry.decision, Later | NextSource) and entry.decision.pause is not None
