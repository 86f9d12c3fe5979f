"""Ends a worker that has come to a standstill, so that its supervisor starts a new one. Leases bring the work back.

Threads can not be killed, and a look-up that never ends would keep its slot for ever. So when a quarter of the slots
hang, when a thread of the engine stands still, or when nothing is written although checks are held, this process is of
no use any more. An outage of the database is none of these: the worker waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from worker.engine.holdings import Holdings
from worker.engine.threads import EngineThread

log = structlog.get_logger("jurat.engine")

STANDSTILL = 60.0
"""Seconds without a beat of a thread, or without a write while checks are held."""

FRESH = 30.0
"""Seconds in which a thread that the database keeps waiting tries again. One that has not been heard of for longer says
nothing of the database any more."""

EXIT_CODE = 70


class Watchdog(EngineThread):
    """Looks each second. `written` counts what was written, `longest` is the most seconds that a source's look-up may
    take, `end` ends the process after claiming was stopped.
    """

    def __init__(
        self,
        holdings: Holdings,
        threads: Sequence[EngineThread],
        written: Callable[[], int],
        longest: Callable[[str], float],
        end: Callable[[int], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("watchdog")
        self._holdings = holdings
        self._threads = threads
        self._written = written
        self._longest = longest
        self._end = end
        self._clock = clock
        self._seen = -1
        self._progress = clock()

    def step(self) -> None:
        if self.stopping.wait(1.0):
            return
        if why := self.trouble():
            log.critical("worker ends itself", why=why, held=len(self._holdings))
            self.stopping.set()
            self._end(EXIT_CODE)

    def trouble(self) -> str | None:
        """Why this process is of no use any more, None when it is."""
        now = self._clock()
        for thread in self._threads:
            if now - thread.beat > STANDSTILL:
                return f"its {thread.name} has stood still for {now - thread.beat:.0f} s"
        hanging = self._holdings.hanging(lambda source: 2 * self._longest(source))
        if hanging >= max(1, self._holdings.slots // 4):
            return f"{hanging} of {self._holdings.slots} look-ups have run for twice their source's timeout"
        written = self._written()
        away = any(thread.away and now - thread.beat <= FRESH for thread in self._threads)
        if written != self._seen or not len(self._holdings) or away:
            self._seen, self._progress = written, now
        if now - self._progress > STANDSTILL:
            return f"nothing was written for {now - self._progress:.0f} s although checks are held"
        return None
