"""Writes whatever has finished, in one transaction: one check when little happens, hundreds under load."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue

import structlog

from tasks.checks import Ended, Entry, GiveBack, Later, NextSource, Settle
from tasks.ledger import Settling, Written
from worker.engine.claimer import Claimer
from worker.engine.gate import Gate
from worker.engine.holdings import Holdings
from worker.engine.notes import Notes
from worker.engine.threads import EngineThread

log = structlog.get_logger("jurat.checks")

BATCH = 500
WORTH = 128
LINGER, SLICE = 0.1, 0.01
"""While more checks of a source wait than can be looked up, a write waits until it has so many of them, so many
seconds at the most, and looks so often. None ends any later for it in all, and a larger write costs each less."""

BUSY_REST = 0.02
"""Seconds before checks whose participant's row was held by somebody else are written again."""


class Writer(EngineThread):
    """Keeps what it could not write and writes it again; a lease that was lost meanwhile refuses it."""

    def __init__(
        self,
        settling: Settling,
        holdings: Holdings,
        claimer: Claimer,
        gate: Gate,
        notes: Notes,
    ) -> None:
        super().__init__("writer")
        self.refused = 0
        self.written = 0
        self._settling = settling
        self._holdings = holdings
        self._claimer = claimer
        self._gate = gate
        self._notes = notes
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._waiting: list[Entry] = []
        self._ending = False
        self._unknown = False
        """Whether a write failed, so that nobody knows what of it was committed."""

    def hand_on(self, entry: Entry) -> None:
        """Have an entry written."""
        self._queue.put(entry)

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)

    def step(self) -> None:
        self._ending = self._collect() or self._ending
        if self._waiting:
            written = self._write()
            self._waiting = written.busy
            self._follow_up(written)
        if self._notes.urgent:
            self._notes.tell()
        if self._waiting:
            time.sleep(BUSY_REST)
        elif self._ending:
            self.stopping.set()

    def _write(self) -> Written:
        """Write what is waiting; after a write that failed, only read again what it has left to write."""
        if not self._unknown:
            self._unknown = True
            written = self._settling.write(self._waiting)
        else:
            written = self._settling.read_again(self._waiting)
        self._unknown = False
        return written

    def _collect(self) -> bool:
        """Take what has finished; waits up to a second when there is nothing. Whether the end was announced."""
        again = bool(self._waiting)
        ended = self._take(0.0 if again else 1.0)
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
        """Whether a write is worth more for waiting, and nothing in it is waited for: failures make a breaker open, and
        a source with nothing more to do has somebody look for each verdict.
        """
        backlogged = self._claimer.backlogged
        return (
            0 < len(self._waiting) < WORTH
            and bool(backlogged)
            and all(entry.held.source in backlogged for entry in self._waiting)
            and not any(entry.attempt and entry.attempt.ended is Ended.FAILED for entry in self._waiting)
        )

    def _follow_up(self, written: Written) -> None:
        self._holdings.release(entry.held for entry in written.done + written.stale)
        if written.done:
            self._claimer.written()
        self.refused += len(written.stale)
        self.written += len(written.done)
        for entry in written.stale:
            log.warning("write refused", check_id=str(entry.held.id), fence=entry.held.fence, why="lease lost")
        soonest, given_back = None, 0
        for entry in written.done:
            match entry.decision:
                case Settle(outcome=outcome, reason=reason):
                    log.info(
                        "settled", check_id=str(entry.held.id), fence=entry.held.fence, outcome=outcome, reason=reason
                    )
                case Later(seconds=seconds):
                    soonest = seconds if soonest is None else min(soonest, seconds)
                case NextSource():
                    soonest = 0.0
                case GiveBack():
                    given_back += 1
        if soonest is not None:
            self._claimer.wake_in(soonest)
        if given_back and not self._ending:
            log.info("given back", checks=given_back)
        self._gate.written(written.done + written.stale)
        self._notes.count(written.done)
