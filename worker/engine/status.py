"""Says how this worker is: one answer for the health file, the health endpoints, the metrics and the table of workers.

It asks neither database nor broker: it reports what the engine's threads found last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jurat.statements import CONTRACT_VERSION
from store.workers import Member
from worker.engine.claimer import Claimer
from worker.engine.in_flight import InFlight
from worker.engine.lookup_queue import LookupQueue
from worker.engine.plans import Plans
from worker.engine.registration import Lacks
from worker.engine.threads import EngineThread
from worker.engine.watchdog import Watchdog
from worker.health import MOST_KEYS, Facts
from worker.metrics.tallies import Tallies

ANSWERED = 15.0
"""Seconds after which a database that has not answered counts as away. Claims and upkeep ask it each second."""


@dataclass(frozen=True, slots=True)
class Status:
    """The facts of one engine, as of now. `installation` identifies its database."""

    in_flight: InFlight
    plans: Plans
    lookups: LookupQueue
    claimer: Claimer
    watched: Sequence[EngineThread]
    watchdog: Watchdog
    lacks: Lacks
    tallies: Tallies
    member: Member | None = None
    installation: str = ""
    hears_bells: list[Callable[[], bool]] = field(default_factory=list)
    """Whether the broker is connected; empty where none is needed."""

    @property
    def info(self) -> Mapping[str, str]:
        """What identifies this worker's program and machine."""
        known = self.member
        return {
            "version": known.version if known else "",
            "contract": str(CONTRACT_VERSION),
            "revision": known.revision if known else "",
            "hostname": known.host if known else "",
        }

    def facts(self) -> Facts:
        now, plan = time.monotonic(), self.plans.current()
        answered = now - self.tallies.answered_at <= ANSWERED and not any(thread.away for thread in self.watched)
        return Facts(
            slots=self.in_flight.slots,
            held=len(self.in_flight),
            database=answered,
            config_version=plan.version if plan else None,
            threads={thread.name: round(max(0.0, now - thread.beat), 1) for thread in self.watched},
            strange=_first(self.lacks.unseal_keys),
            name=self.member.name if self.member else "",
            version=self.member.version if self.member else "",
            installation=self.installation,
            busy=len(self.in_flight.running()),
            broker=all(connected() for connected in self.hears_bells),
            started=self.claimer.has_tried,
            looked=self.lacks.known,
            stopping=self.lookups.closed,
            hash_keys=tuple(self.lacks.hash_keys[:MOST_KEYS]),
            schema=self.lacks.schema,
            standstill=self.watchdog.found or "",
        )


def _first(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(list(counts.items())[:MOST_KEYS])
