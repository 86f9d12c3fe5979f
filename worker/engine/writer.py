"""Writes whatever has finished, in one transaction: one check when little happens, hundreds under load."""

from __future__ import annotations

import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue

import structlog

from jurat.words import Reason
from tasks.checks import Ended, Entry, Later, NextSource, Settle
from tasks.ledger import Keeping, Settling, SourceFigures, Written
from worker.engine.claimer import Claimer
from worker.engine.holdings import Holdings
from worker.engine.threads import EngineThread

log = structlog.get_logger("jurat.checks")

BATCH = 500
BUSY_REST = 0.02
"""Seconds before checks whose participant's row was held by somebody else are written again."""


class Writer(EngineThread):
    """Keeps what it could not write and writes it again; a lease that was lost meanwhile refuses it."""

    def __init__(
        self,
        settling: Settling,
        keeping: Keeping,
        holdings: Holdings,
        claimer: Claimer,
    ) -> None:
        super().__init__("writer")
        self.refused = 0
        self.written = 0
        self._settling = settling
        self._keeping = keeping
        self._holdings = holdings
        self._claimer = claimer
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._waiting: list[Entry] = []
        self._ending = False
        self._unknown = False
        """Whether a write failed, so that nobody knows what of it was committed."""
        self._figures: dict[str, SourceFigures] = {}

    def hand_on(self, entry: Entry) -> None:
        """Have an entry written."""
        self._queue.put(entry)

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._queue.put(None)

    def take_figures(self) -> dict[str, SourceFigures]:
        """What was seen of each source since the last call."""
        figures, self._figures = self._figures, {}
        return figures

    def step(self) -> None:
        self._ending = self._collect() or self._ending
        if self._waiting:
            written = self._write()
            self._waiting = written.busy
            self._follow_up(written)
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
        try:
            entry = self._queue.get(timeout=1.0) if not self._waiting else self._queue.get_nowait()
            while entry is not None:
                self._waiting.append(entry)
                if len(self._waiting) >= BATCH:
                    return False
                entry = self._queue.get_nowait()
        except Empty:
            return False
        return True

    def _follow_up(self, written: Written) -> None:
        self._holdings.release(entry.held for entry in written.done + written.stale)
        if written.done:
            self._claimer.written()
        self.refused += len(written.stale)
        self.written += len(written.done)
        for entry in written.stale:
            log.warning("write refused", check_id=str(entry.held.id), fence=entry.held.fence, why="lease lost")
        for entry in written.done:
            match entry.decision:
                case Settle(outcome=outcome, reason=reason):
                    log.info(
                        "settled", check_id=str(entry.held.id), fence=entry.held.fence, outcome=outcome, reason=reason
                    )
                case Later(seconds=seconds):
                    self._claimer.wake_in(seconds)
                case NextSource():
                    self._claimer.wake()
        self._count(written.done)
        for source, (seconds, reason) in _pauses(written.done).items():
            self._keeping.pause(source, seconds, reason)

    def _count(self, entries: Iterable[Entry]) -> None:
        for source, attempt in ((entry.held.source, entry.attempt) for entry in entries if entry.attempt):
            before = self._figures.get(source, SourceFigures())
            failed = attempt.ended is Ended.FAILED
            self._figures[source] = SourceFigures(
                before.answered + (not failed),
                before.failed + failed,
                attempt.reason if failed else before.last_failure,
            )


def _pauses(entries: Iterable[Entry]) -> dict[str, tuple[float, Reason]]:
    """The longest pause that each source asked for, in seconds, and why."""
    pauses: dict[str, tuple[float, Reason]] = {}
    for entry in entries:
        decision = entry.decision
        if isinstance(decision, Later | NextSource) and decision.pause is not None:
            before = pauses.get(entry.held.source, (0.0, decision.reason))
            pauses[entry.held.source] = max(before, (decision.pause, decision.reason))
    return pauses
