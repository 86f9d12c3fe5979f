"""Buffers checks that were claimed ahead of free slots, so that one claim takes many and no slot waits for the next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from types import MappingProxyType

from tasks.checks import ClaimedCheck
from worker.engine.delay_queue import ClaimBatch
from worker.engine.in_flight import InFlight

WAITS = 1.0
"""Seconds that a check waits here at most when its source makes no progress. Then another worker may have it."""


_NONE: Mapping[str, int] = MappingProxyType({})


class ClaimBuffer:
    """Puts checks into the queue of the lookup threads as these become free. Each source gets at most its share: one
    that hangs keeps its own checks waiting, but none of another source. Thread-safe.
    """

    def __init__(
        self, queue: SimpleQueue[ClaimBatch | None], in_flight: InFlight, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[tuple[float, ClaimedCheck]]] = {}
        self._count = 0
        self._most = self._most_of_one = 0
        self._hanging = _NONE
        self._flushed = False

    def __len__(self) -> int:
        return self._count

    def add(
        self, claimed: Iterable[ClaimedCheck], most: int, most_of_one: int, hanging: Mapping[str, int] = _NONE
    ) -> None:
        """These were claimed and are in flight. At most `most` may be with the lookup threads, and `most_of_one` of one
        source in addition to those that are `hanging`; the rest waits.
        """
        now = self._clock()
        with self._lock:
            self._most, self._most_of_one, self._hanging = most, most_of_one, hanging
            for held in claimed:
                self._waiting.setdefault(held.source, deque()).append((now, held))
                self._count += 1
            # After they count: a lookup that ends meanwhile either sees them or is seen here.
            self._fill(list(self._waiting))

    def freed(self, source: str) -> None:
        """Lookups of `source` have ended: its next checks come first."""
        if self._count:
            with self._lock:
                self._fill([source, *(other for other in self._waiting if other != source)])

    def stale(self) -> list[ClaimedCheck]:
        """Takes out the checks that have waited for too long: they are to be given back."""
        if not self._count:
            return []
        with self._lock:
            before = self._clock() - WAITS
            stale = []
            for waiting in self._waiting.values():
                while waiting and waiting[0][0] < before:
                    stale.append(waiting.popleft()[1])
            self._count -= len(stale)
        return stale

    def flush(self) -> None:
        """Put everything into the queue, later checks too: an engine that stops gives them back."""
        with self._lock:
            self._flushed = True
            self._fill(list(self._waiting))

    def _fill(self, sources: Sequence[str]) -> None:
        busy, of_source = self._in_flight.busy()
        room = self._most - (busy - self._count)
        for source in sources:
            waiting = self._waiting.get(source, deque())
            room_of_one = self._most_of_one + self._hanging.get(source, 0) - (of_source.get(source, 0) - len(waiting))
            while waiting and (self._flushed or (room > 0 and room_of_one > 0)):
                self._queue.put((waiting.popleft()[1],))
                self._count -= 1
                room -= 1
                room_of_one -= 1
