"""Looks at the fleet when someone asks, at most every few seconds, and remembers what it saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from store.monitoring.conditions import Condition, away, findings
from store.monitoring.fleet import Observation
from store.monitoring.fleet_reader import FleetReader
from worker.database import advice_on, first_line

PATIENCE = 5.0
"""Seconds until a database that says nothing counts as away."""

FRESH = 5.0
"""Seconds for which a look counts: however many ask, the database is read no more often."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen `age` seconds ago, and the conditions that hold; `seen` is None where the database is away."""

    seen: Observation | None
    found: Sequence[Condition]
    age: float


class FleetWatch:
    """Thread-safe: two who ask at the same moment get the same look."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = FleetReader(engine)
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, Observation | None, Sequence[Condition]] | None = None

    def look(self) -> Look:
        """What there is to see, at most `FRESH` seconds old. Never raises for a database that is away."""
        with self._lock:
            if self._last is None or self._clock() - self._last[0] >= FRESH:
                self._last = (self._clock(), *look_at(self._reader))
            at, seen, found = self._last
            return Look(seen, found, self._clock() - at)


def look_at(reader: FleetReader) -> tuple[Observation | None, list[Condition]]:
    """One look at the fleet: what was seen, None where the database does not answer, and what needs attention."""
    try:
        seen = reader.observe()
    except SQLAlchemyError as error:
        said = first_line(getattr(error, "orig", None) or error)
        return None, [away(said, advice_on(said))]
    return seen, findings(seen)
