"""Writes whatever has finished, in one transaction: one check when little happens, hundreds under load."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue

import structlog

from tasks.checks import Ended, Entry, GiveBack, Later, Settle
from tasks.ledger import Keeping, Settling, SourceFigures, Written
from tasks.plan import Plan
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
        plan: Callable[[], Plan | None],
        wake_in: Callable[[float], None],
    ) -> None:
        super().__init__("writer")
        self.refused = 0
        self._settling = settling
        self._keeping = keeping
        self._holdings = holdings
        self._plan = plan
        self._wake_in = wake_in
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._waiting: list[Entry] = []
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
        last = self._collect()
        plan = self._plan()
        if self._waiting and plan is not None:
            written = self._settling.write(self._waiting, plan.book)
            self._waiting = written.busy
            self._follow_up(written)
        if self._waiting:
            time.sleep(BUSY_REST)
        if last and not self._waiting:
            self.stopping.set()
        elif last:
            self._queue.put(None)

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
        self.refused += len(written.stale)
        for entry in written.stale:
            log.warning("write refused", check_id=str(entry.held.id), fence=entry.held.fence, why="lease lost")
        seen: dict[str, Counter[Ended]] = {}
        for entry in written.done:
            if entry.attempt:
                seen.setdefault(entry.held.source, Counter())[entry.attempt.ended] += 1
            match entry.decision:
                case Settle(outcome=outcome, reason=reason):
                    log.info(
                        "settled", check_id=str(entry.held.id), fence=entry.held.fence, outcome=outcome, reason=reason
                    )
                case Later(seconds=seconds, reason=reason, pause=pause):
                    self._wake_in(seconds)
                    if pause is not None:
                        self._keeping.pause(entry.held.source, pause, reason)
                case GiveBack():
                    pass
                case _:
                    self._wake_in(0.0)
        for source, ended in seen.items():
            before = self._figures.get(source, SourceFigures())
            failures = [e.attempt.reason for e in written.done if e.held.source == source and e.attempt]
            self._figures[source] = SourceFigures(
                before.answered + ended[Ended.ANSWERED],
                before.failed + ended[Ended.FAILED],
                failures[-1] if ended[Ended.FAILED] else before.last_failure,
            )
