"""Ends a worker that has come to a standstill, so that its supervisor starts a new one. Leases bring the work back.

Threads cannot be killed, and a lookup that never ends would keep its slot for ever. So the process is of no more use
when a quarter of the slots hang, when a thread of the engine does not move, or when nothing is written although checks
are held. An outage of the database is none of these: the worker waits until it is over.

All of this is measured in the time during which the process ran. The clock goes on while a process is stopped, and one
that wakes after an hour has not hung for an hour.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from config.logger import get_logger
from worker.engine.in_flight import InFlight
from worker.engine.threads import EngineThread
from worker.engine.writer import Writer

log = get_logger("jurat.engine")

STANDSTILL = 60.0
"""Seconds without a beat of a thread, or without a write while checks are held."""

FRESH = 45.0
"""Seconds for which a thread that found the database away excuses that nothing is written. Longer than a statement may
hang, so that an outage excuses it without a gap; older findings say nothing about the database now."""

EXIT_CODE = 70

LOOK_EVERY = 1.0
LONGEST_STEP = 2 * LOOK_EVERY
"""Seconds that count at most between two looks: for any longer, this process did not run."""


@dataclass(eq=False)
class Watchdog(EngineThread):
    """Looks each second. `_longest` is a lookup's most seconds by source; `_end` stops claiming, then the process."""

    _in_flight: InFlight
    _threads: Sequence[EngineThread]
    _writer: Writer
    _longest: Callable[[str], float]
    _end: Callable[[int], object]
    _clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        super().__init__("watchdog")
        self._looked = self._clock()
        self._ran = 0.0
        """Seconds for which this process has run."""
        self._seen = -1
        self._progress = 0.0
        self._beats: dict[str, tuple[float, float]] = {}
        """By thread: its last beat, and when it was seen first, in seconds of `_ran`. So are all below."""
        self._outages: dict[str, tuple[float, float]] = {}
        """The same of the last time that it found the database away."""
        self._running: Mapping[tuple[UUID, int], float] = {}
        self.found: str | None = None
        """What it found at its last look, None where all was well."""

    def step(self) -> None:
        if self.stopping.wait(LOOK_EVERY):
            return
        self.found = self.trouble()
        if self.found is not None:
            log.critical("worker ends itself", why=self.found, held=len(self._in_flight))
            self.stopping.set()
            self._end(EXIT_CODE)

    def trouble(self) -> str | None:
        """Why this process is of no more use, None when all is well."""
        now = self._clock()
        self._ran += min(now - self._looked, LONGEST_STEP)
        self._looked = now
        for thread in self._threads:
            still = self._since(self._beats, thread.name, thread.beat)
            if still > STANDSTILL:
                return f"its {thread.name} has not moved for {still:.0f} s"
        hanging = self._hanging()
        if hanging >= max(1, self._in_flight.slots // 4):
            return f"{hanging} of {self._in_flight.slots} lookups have run for twice their source's timeout"
        written = self._writer.handled
        since = [self._since(self._outages, each.name, each.away_at) for each in self._threads if each.away]
        if written != self._seen or not self._in_flight.under_way() or min(since, default=math.inf) <= FRESH:
            self._seen, self._progress = written, self._ran
        if self._ran - self._progress > STANDSTILL:
            return f"nothing was written for {self._ran - self._progress:.0f} s although checks are held"
        return None

    def _since(self, seen: dict[str, tuple[float, float]], thread: str, at: float) -> float:
        """For how many seconds of this process a thread's last beat, or its last outage, has been the one of `at`."""
        before, ran = seen.get(thread, (None, 0.0))
        if before != at:
            seen[thread] = at, self._ran
            return 0.0
        return self._ran - ran

    def _hanging(self) -> int:
        """How many lookups have run for twice their source's timeout since they were seen first."""
        running = self._in_flight.running()
        self._running = {key: self._running.get(key, self._ran) for key in running}
        return sum(self._ran - seen > 2 * self._longest(running[key]) for key, seen in self._running.items())
