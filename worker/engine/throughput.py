"""How many look-ups of each source this process ends in a second, lately."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from worker.engine.in_flight import Holdings

LEAST = 0.1
"""Seconds over which look-ups are counted at least."""

LATELY = 0.5
"""Seconds after which what was before counts for little."""


class Pace:
    """Counts what `holdings` saw end. Not thread-safe: one thread looks."""

    def __init__(self, holdings: Holdings, clock: Callable[[], float] = time.monotonic) -> None:
        self._holdings = holdings
        self._clock = clock
        self._at = clock()
        self._before: Mapping[str, int] = {}
        self._pace: dict[str, float] = {}

    def look(self) -> Mapping[str, float]:
        """Look-ups a second by source, as of now."""
        now = self._clock()
        seconds = now - self._at
        if seconds >= LEAST:
            ended = self._holdings.ended()
            share = min(1.0, seconds / LATELY)
            for source, count in ended.items():
                lately = (count - self._before.get(source, 0)) / seconds
                before = self._pace.get(source, 0.0)
                self._pace[source] = before + share * (lately - before)
            self._at, self._before = now, ended
        return self._pace
