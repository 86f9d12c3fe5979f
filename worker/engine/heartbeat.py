"""Writes the health file each second, whatever the database and the broker do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from store.workers import Member
from worker.engine.in_flight import InFlight
from worker.engine.plans import Plans
from worker.engine.registration import MissingKeys
from worker.engine.threads import EngineThread
from worker.health import MOST_KEYS, Facts, Health


@dataclass(eq=False)
class Heartbeat(EngineThread):
    """Writes the facts of the engine to this worker's health file. `_database` tells its database from others."""

    _in_flight: InFlight
    _plans: Plans
    _threads: Sequence[EngineThread]
    _missing_keys: MissingKeys
    _member: Member | None = None
    _database: str = ""

    def __post_init__(self) -> None:
        super().__init__("heartbeat")
        self._health: Health | None = None

    def step(self) -> None:
        if self._health is None:  # not before: an engine that is made and never started is no worker
            self._health = Health()
        now, plan = time.monotonic(), self._plans.current()
        self._health.write(
            Facts(
                slots=self._in_flight.slots,
                held=len(self._in_flight),
                database=not any(thread.away for thread in self._threads),
                config_version=plan.version if plan else None,
                threads={thread.name: round(now - thread.beat, 1) for thread in self._threads},
                strange=dict(list(self._missing_keys.counts.items())[:MOST_KEYS]),
                name=self._member.name if self._member else "",
                version=self._member.version if self._member else "",
                installation=self._database,
            )
        )
        if self.stopping.wait(1.0):
            self._health.close()
