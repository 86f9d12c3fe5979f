"""Writes the health file each second, whatever the database and the broker do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.engine.threads import EngineThread
from worker.health import Facts, Health


@dataclass(eq=False)
class Heartbeat(EngineThread):
    """Writes the facts of the engine to this worker's health file."""

    _facts: Callable[[], Facts]

    def __post_init__(self) -> None:
        super().__init__("heartbeat")
        self._health: Health | None = None

    def step(self) -> None:
        if self._health is None:  # not before: an engine that is made and never started is no worker
            self._health = Health()
        self._health.write(self._facts())
        if self.stopping.wait(1.0):
            self._health.close()
