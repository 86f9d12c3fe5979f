"""Writes the health file each second, whatever the database and the broker do."""

from __future__ import annotations

import time
from collections.abc import Sequence

from store.workers import Member
from worker.engine.in_flight import InFlight
from worker.engine.plans import Plans
from worker.engine.registration import MissingKeys
from worker.engine.threads import EngineThread
from worker.health import MOST_KEYS, Facts, Health


class Heartbeat(EngineThread):
    """Writes the facts of the engine to this worker's health file. `database` tells its database from others."""

    def __init__(
        self,
        in_flight: InFlight,
        plans: Plans,
        threads: Sequence[EngineThread],
        missing_keys: MissingKeys,
        member: Member | None = None,
        database: str = "",
    ) -> None:
        super().__init__("heartbeat")
        self._in_flight = in_flight
        self._plans = plans
        self._threads = threads
        self._missing_keys = missing_keys
        self._named = (member.name, member.version) if member else ("", "")
        self._database = database
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
                name=self._named[0],
                version=self._named[1],
                installation=self._database,
            )
        )
        if self.stopping.wait(1.0):
            self._health.close()
