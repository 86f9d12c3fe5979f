"""Delays checks until their start time, so that no lookup thread waits for a quota."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Sequence
from itertools import count
from queue import SimpleQueue

from tasks.checks import ClaimedCheck
from worker.engine.threads import EngineThread

ClaimBatch = Sequence[ClaimedCheck]
"""Checks of one source that one lookup thread takes together."""

LONGEST_WAIT = 1.0
"""Seconds that the thread sleeps at most, so that it shows that it is alive."""


class DelayQueue(EngineThread):
    """Hands each batch to the lookup threads at its start time."""

    def __init__(self, queue: SimpleQueue[ClaimBatch | None]) -> None:
        super().__init__("delay-queue")
        self._queue = queue
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, ClaimBatch]] = []
        self._order = count()
        self._flushed = False

    def add(self, lot: ClaimBatch, start_at: float) -> None:
        """Have `lot` looked up at `start_at`, a reading of `time.monotonic`."""
        with self._changed:
            if self._flushed:
                self._queue.put(lot)
                return
            first = not self._waiting or start_at < self._waiting[0][0]
            heapq.heappush(self._waiting, (start_at, next(self._order), lot))
            if first:
                self._changed.notify()

    def waits(self, within: float) -> bool:
        """Whether a start is due within so many seconds."""
        with self._changed:
            return bool(self._waiting) and self._waiting[0][0] - time.monotonic() <= within

    def stop(self) -> None:
        """Hand on everything that waits, and later batches at once: an engine that stops gives them back."""
        super().stop()
        with self._changed:
            self._flushed = True
            for _, _, lot in sorted(self._waiting):
                self._queue.put(lot)
            self._waiting.clear()
            self._changed.notify()

    def step(self) -> None:
        with self._changed:
            if not self._flushed:
                left = self._waiting[0][0] - time.monotonic() if self._waiting else LONGEST_WAIT
                if left > 0:
                    self._changed.wait(min(left, LONGEST_WAIT))
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                self._queue.put(heapq.heappop(self._waiting)[2])
