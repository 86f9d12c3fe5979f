"""Shows each second that this worker is alive, whatever the database and the broker do."""

from __future__ import annotations

import time
from collections.abc import Sequence

from worker.engine.holdings import Holdings
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread
from worker.health import Facts, Health


class Pulse(EngineThread):
    """Writes the facts of the engine to this worker's health file."""

    def __init__(self, holdings: Holdings, plans: Plans, threads: Sequence[EngineThread]) -> None:
        super().__init__("pulse")
        self._holdings = holdings
        self._plans = plans
        self._threads = threads
        self._health: Health | None = None

    def step(self) -> None:
        if self._health is None:  # not before: an engine that is made and never started is no worker
            self._health = Health()
        now, plan = time.monotonic(), self._plans.current()
        self._health.write(
            Facts(
                slots=self._holdings.slots,
                held=len(self._holdings),
                database=not any(thread.away for thread in self._threads),
                config_version=plan.version if plan else None,
                threads={thread.name: round(now - thread.beat, 1) for thread in self._threads},
            )
        )
        if self.stopping.wait(1.0):
            self._health.close()
