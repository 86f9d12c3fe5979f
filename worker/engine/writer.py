"""Writes all results that are ready in one transaction: a single check when little happens, hundreds under load."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from config.logger import get_logger
from jurat.database import state_of
from store.held_rows import claim_of
from store.queue.claims import Claims
from store.queue.quotas import KEPT
from store.verdicts.verdict_writer import VerdictWriter, WriteOutcome
from tasks.checks import CheckResult, Ended, GiveBack, Later, NextSource, Settle
from worker.engine.failure_reporter import FailureReporter
from worker.engine.in_flight import InFlight
from worker.engine.set_aside import SetAside
from worker.engine.threads import EngineThread
from worker.engine.wake_schedule import WakeSchedule
from worker.metrics.names import StatementName
from worker.metrics.tallies import Tallies
from worker.traces import Traces

log = get_logger("jurat.checks")

BATCH = 500
WORTH = 128
LINGER, SLICE = 0.1, 0.01
"""While more checks of a source wait than can be looked up, a write waits for `WORTH` results, for `LINGER` seconds at
most, and looks every `SLICE` seconds. The backlog ends no later for it, and each costs less in a larger write."""

LAST_TRIES = 1.0
"""Seconds for which a writer that ends retries what it could not write; then it gives that back."""

DOUBTED, ALONE = 2, 3
"""After `DOUBTED` failures in a row, with the database there in between, a write is tried with half of its checks.
After `ALONE` failures of a single check, that check is what fails. A trigger of the platform's own that takes too long,
for example, looks as if the database were away."""

BACK_IN = 60.0
"""Seconds after which a check is due again that was given back because too many cannot be written."""


@dataclass(eq=False)
class Writer(EngineThread):
    """Keeps what it could not write and writes it again; a lease that was lost meanwhile refuses it."""

    _verdict_writer: VerdictWriter
    _claims: Claims
    _in_flight: InFlight
    _reporter: FailureReporter
    _wakes: WakeSchedule
    _tallies: Tallies = field(default_factory=Tallies)
    _traces: Traces | None = None

    def __post_init__(self) -> None:
        super().__init__("writer")
        self.refused = 0
        self.written = 0
        self.handled = 0
        """What was written or refused, or put apart: that goes on while a platform locks a participant's row."""
        self._queue: SimpleQueue[CheckResult | None] = SimpleQueue()
        self._waiting: list[CheckResult] = []
        self._apart = SetAside()
        self._ending = False
        self._ends_at = math.inf
        self._unknown = False
        """Whether a write failed, so that it is unknown what of it was committed."""
        self._most = BATCH
        self._tried: list[CheckResult] = []
        self._failures: list[Exception] = []
        """The errors of the writes that failed in a row; `_tried` is what the last one was to write."""

    def hand_on(self, entry: CheckResult) -> None:
        self._queue.put(entry)

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)

    def step(self) -> None:
        if self._collect() and not self._ending:
            self._ending, self._ends_at = True, time.monotonic() + LAST_TRIES
        self._write_waiting()
        busy, failed = self._apart.due(BATCH)
        for entries in (busy, *([entry] for entry in failed)):
            if entries and not self._waiting:
                self._waiting = entries
                self._write_waiting()
        if self._reporter.urgent:
            self._reporter.report()
        if self._ending and not self._waiting:
            self._end()

    def _end(self) -> None:
        """End when nothing is left. What could not be written for a while is given back, or left to its lease."""
        if not self._apart:
            self.stopping.set()
        elif time.monotonic() >= self._ends_at:
            log.warning("given back: they could not be written before the end", checks=len(self._apart))
            self._verdict_writer.write([replace(entry, decision=GiveBack()) for entry in self._apart.all()])
            self.stopping.set()

    def _write_waiting(self) -> None:
        """Write what is waiting. What cannot be written now is put apart, or given back where too much is."""
        if not self._waiting:
            return
        only_read, began = self._unknown, time.monotonic()
        outcome = self._write()
        ended = time.monotonic()
        self._waiting = [] if only_read else self._waiting[self._most :]
        if only_read:  # what is still ours is to be written next
            self._waiting, outcome.busy = outcome.busy, []
            self._halve(outcome)
        else:
            self._most, self._failures = min(BATCH, 2 * self._most), []
        self._follow_up(outcome)
        if self._traces:
            self._traces.add(outcome.done, outcome.stale, began, ended)
        for entry, error in outcome.failed:
            self._warn(
                "check not written: the database refuses it; look for a trigger or constraint of the platform",
                **entry.held.log_fields,
                error=state_of(error) or type(getattr(error, "orig", None) or error).__name__,
                checks=self._apart.failed() + len(outcome.failed),
            )
        self._put_apart(outcome)

    def _halve(self, outcome: WriteOutcome) -> None:
        """A write failed although the database is there: halve the next one, until the entry that fails is alone."""
        tried = {claim_of(entry) for entry in self._tried}
        left = [entry for entry in self._waiting if claim_of(entry) in tried]
        if not self._failures or not left:
            self._most, self._failures = BATCH, []
            return
        self._waiting = [*left, *(entry for entry in self._waiting if claim_of(entry) not in tried)]
        self._most = len(left)
        if len(left) == 1 and (len(self._failures) >= ALONE or self._apart.refused(left[0])):
            outcome.failed.append((left[0], self._failures[-1]))
            self._waiting, self._most, self._failures = self._waiting[1:], BATCH, []
        elif len(self._failures) >= DOUBTED:
            self._most = max(1, len(left) // 2)

    def _put_apart(self, outcome: WriteOutcome) -> None:
        """Keep for later what cannot be written now; where too much is kept, give it back for a while.

        Where that lasts, the lookup's result is counted now: no breaker waits for one participant's row.
        """
        lasting, beyond = self._apart.keep(outcome.busy, failed=False)
        more = self._apart.keep([entry for entry, _ in outcome.failed], failed=True)
        lasting, beyond = [*lasting, *more[0]], [*beyond, *more[1]]
        if beyond:
            self._warn("checks given back: too many cannot be written", checks=len(beyond))
        for entry in beyond:
            if isinstance(entry.decision, GiveBack):  # nor can that be written: its lease ends
                self._in_flight.release([entry.held])
                self._reporter.count((), given_up=[entry])
            else:
                self._waiting.append(replace(entry, decision=GiveBack(BACK_IN)))
        if lasting:
            self._in_flight.put_apart(entry.held for entry in lasting)
            self._reporter.count(lasting)
            self.handled += len(lasting)
            self._wakes.write_ended()
            self._claims.renew([entry.held for entry in lasting], seconds=KEPT)  # last: the database may be away

    def _write(self) -> WriteOutcome:
        """Write what is waiting; after a write that failed, only read again what it has left to write."""
        if not self._unknown:
            self._unknown = True
            self._tried = self._waiting[: self._most]
            try:
                with self._tallies.time(StatementName.SETTLE):
                    outcome = self._verdict_writer.write(self._tried)
            except Exception as error:
                self._failures.append(error)
                raise
        else:
            outcome = self._verdict_writer.read_again(self._waiting)
        self._unknown = False
        return outcome

    def _collect(self) -> bool:
        """Take what has finished; waits up to a second when there is nothing. Whether the end was announced."""
        again = bool(self._waiting)
        most = LAST_TRIES / 10 if self._ending else 1.0
        ended = self._take(0.0 if again else self._apart.seconds(most))
        end = time.monotonic() + LINGER
        while not (ended or again) and self._may_wait() and time.monotonic() < end:
            time.sleep(SLICE)
            ended = self._take(0.0)
        return ended

    def _take(self, wait: float) -> bool:
        """Take what is there, a batch at the most; whether the end was announced."""
        try:
            entry = self._queue.get(timeout=wait) if wait else self._queue.get_nowait()
            while entry is not None:
                self._waiting.append(entry)
                if len(self._waiting) >= BATCH:
                    return False
                entry = self._queue.get_nowait()
        except Empty:
            return False
        return True

    def _may_wait(self) -> bool:
        """Whether a write gains from waiting and nothing in it is urgent. Failures are, because they open a breaker; so
        is the verdict of a source without a backlog, because someone waits for it.
        """
        backlogged = self._wakes.backlogged
        return (
            0 < len(self._waiting) < WORTH
            and bool(backlogged)
            and all(entry.held.source in backlogged for entry in self._waiting)
            and not any(entry.attempt and entry.attempt.ended is Ended.FAILED for entry in self._waiting)
        )

    def _follow_up(self, outcome: WriteOutcome) -> None:
        ended = outcome.done + outcome.stale
        self._in_flight.release(entry.held for entry in ended)
        counted = self._apart.drop(ended)
        self.handled += len(ended)
        if outcome.done:
            self._wakes.write_ended()
        self.refused += len(outcome.stale)
        self.written += len(outcome.done)
        self._tallies.count_written(outcome.done, outcome.stale)
        for entry in outcome.stale:
            log.warning("write refused", **entry.held.log_fields, why="lease lost")
        soonest, given_back = None, 0
        for entry in outcome.done:
            match entry.decision:
                case Settle(outcome=verdict, reason=reason):
                    log.info("settled", **entry.held.log_fields, outcome=verdict, reason=reason)
                case Later(seconds=seconds) | GiveBack(seconds=seconds):
                    soonest = seconds if soonest is None else min(soonest, seconds)
                    given_back += isinstance(entry.decision, GiveBack)
                case NextSource():
                    soonest = 0.0
        if soonest is not None:
            self._wakes.wake_in(soonest)
        if given_back and not self._ending:
            log.info("given back", checks=given_back)
        self._reporter.count(
            [entry for entry in outcome.done if claim_of(entry) not in counted],
            given_up=[entry for entry in outcome.stale if claim_of(entry) not in counted],
        )
