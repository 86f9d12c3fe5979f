"""Measures how many lookups of each source this process has finished per second lately."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from worker.engine.in_flight import InFlight

LEAST = 0.1
"""Seconds over which lookups are counted at least."""

LATELY = 0.5
"""Seconds after which older figures count for little."""


class Throughput:
    """Counts what `in_flight` saw end. Not thread-safe: one thread looks."""

    def __init__(self, in_flight: InFlight, clock: Callable[[], float] = time.monotonic) -> None:
        self._in_flight = in_flight
        self._clock = clock
        self._at = clock()
        self._before: Mapping[str, int] = {}
        self._throughput: dict[str, float] = {}

    def look(self) -> Mapping[str, float]:
        """Lookups a second by source, as of now."""
        now = self._clock()
        seconds = now - self._at
        if seconds >= LEAST:
            ended = self._in_flight.ended()
            share = min(1.0, seconds / LATELY)
            for source, count in ended.items():
                lately = (count - self._before.get(source, 0)) / seconds
                before = self._throughput.get(source, 0.0)
                self._throughput[source] = before + share * (lately - before)
            self._at, self._before = now, ended
        return self._throughput
