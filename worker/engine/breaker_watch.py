"""Looks whether sources fail for other workers, while checks of theirs wait here for their starts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from worker.engine.breaker import Gate
from worker.engine.delay_queue import Starter
from worker.engine.threads import EngineThread

LOOK_EVERY = 0.05
"""Seconds between two looks. With several workers each has some of a source's starts, up to a second ahead, and would
else find out about an outage by failures of its own."""


class _Failing(Protocol):
    def failing(self) -> Mapping[str, int]: ...


class Lookout(EngineThread):
    """Tells the gate what the ledger knows of failures, as long as starts are about to come. No start waits for it."""

    def __init__(self, keeping: _Failing, starter: Starter, gate: Gate) -> None:
        super().__init__("lookout")
        self._keeping = keeping
        self._starter = starter
        self._gate = gate

    def step(self) -> None:
        if self._starter.waits(2 * LOOK_EVERY):
            asked = time.monotonic()
            self._gate.seen(self._keeping.failing(), asked)
        self.stopping.wait(LOOK_EVERY)
