"""Watches the failures that other workers report, while checks wait here for their start times."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from worker.engine.delay_queue import DelayQueue
from worker.engine.local_breaker import LocalBreaker
from worker.engine.threads import EngineThread

LOOK_EVERY = 0.05
"""Seconds between two looks. With several workers, each has some of a source's start times, up to a second ahead, and
would otherwise learn of an outage only from failures of its own."""


class _Failing(Protocol):
    def failing(self) -> Mapping[str, int]: ...


class BreakerWatch(EngineThread):
    """Passes the failures in the database on to the local breaker while starts are near. No start waits for it."""

    def __init__(self, sources: _Failing, delay_queue: DelayQueue, breaker: LocalBreaker) -> None:
        super().__init__("breaker-watch")
        self._sources = sources
        self._delay_queue = delay_queue
        self._breaker = breaker

    def step(self) -> None:
        if self._delay_queue.waits(2 * LOOK_EVERY):
            asked = time.monotonic()
            self._breaker.update_seen(self._sources.failing(), asked)
        self.stopping.wait(LOOK_EVERY)
