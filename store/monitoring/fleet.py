"""What operators watch: the sources, the workers, the keys, and whatever waits, at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store.schema.status import SchemaStatus
from store.workers import SourceKey, WorkerRow
from tasks.rules.wanted_slots import wanted_slots


class SourceState(StrEnum):
    """Whether a source is asked. If several apply, the first counts."""

    BROKEN = "broken"
    PAUSED = "paused"
    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class SourceReading:
    """One source. Times are in seconds from now, ages in seconds before now; None is unknown, or never.

    `due`, `later` and `leased` count its unsettled checks, `key_missing` those of them that no live worker opens.
    `used` is the share of its day that is used, `limit` how many lookups at once its limits allow. It has been suspect
    for `suspect_age`, because of a reason whose share was `usual_share` before.
    """

    name: str
    due: int
    later: int
    leased: int
    oldest_due_age: float | None
    next_deadline: float | None
    paused: float | None
    pause_reason: str | None
    closed: float | None
    broken_age: float | None
    failures: int
    last_failure: str | None
    success_age: float | None
    failure_age: float | None
    next_start: float | None
    used: float | None
    limit: int | None
    wait: float | None
    figures_age: float | None
    key_missing: int = 0
    workers: int = 0
    suspect_age: float | None = None
    suspect_reason: str | None = None
    suspect_share: float | None = None
    usual_share: float | None = None

    @property
    def state(self) -> SourceState:
        if self.broken_age is not None:
            return SourceState.BROKEN
        if (self.paused or 0) > 0:
            return SourceState.PAUSED
        return SourceState.CLOSED if (self.closed or 0) > 0 else SourceState.OPEN

    @property
    def stopped(self) -> bool:
        """Whether it is paused or closed. Meanwhile deadlines do not run."""
        return (self.paused or 0) > 0 or (self.closed or 0) > 0

    @property
    def unsettled(self) -> int:
        return self.due + self.later + self.leased

    @property
    def wanted(self) -> int:
        """Lookups at once that it could use now."""
        broken = self.broken_age is not None
        return wanted_slots(self.due, self.leased, self.limit, stopped=self.stopped, broken=broken)

    @property
    def lookup_age(self) -> float | None:
        """Seconds since a lookup ended."""
        return min((age for age in (self.success_age, self.failure_age) if age is not None), default=None)


MOST_SEALED: Final = 1_000
"""Answers are counted up to so many for each key: each is looked up in its table, unless a vacuum came by lately."""

NO_KEY = "unknown"
"""The key of answers that have something else in place of a key's id."""


@dataclass(frozen=True, slots=True)
class KeyReading:
    """One key by its id: how many stored answers are sealed for it, and how many live workers have it."""

    answers: int
    workers: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody: `count` in all, `due` of them by now, the oldest for `age` seconds."""

    count: int
    due: int
    age: float


@dataclass(frozen=True, slots=True)
class FleetReading:
    """The fleet at one moment.

    Ages are in seconds: of upkeep by job, and of the last `backup note` and `keys check` (None: never). `missing` has
    the answers that no live worker of their source opens. `tables` has bytes and dead rows. Platforms may seal with
    the newest key in the database for `seal_key_left` seconds (None: there is none). `vanished` counts the workers that
    ended in the last hour without a goodbye.
    """

    workers: Sequence[WorkerRow]
    sources: Sequence[SourceReading]
    keys: Mapping[str, KeyReading]
    missing: Mapping[SourceKey, int]
    upkeep: Mapping[str, float]
    reviews: Waiting
    requests: Mapping[str, Waiting]
    publications: int
    config_version: int | None
    tables: Mapping[str, tuple[int, int]]
    backup_age: float | None
    keys_age: float | None
    seal_key_left: float | None
    vanished: int

    @property
    def live(self) -> list[WorkerRow]:
        """The workers that were seen lately and were not told to stop."""
        return [worker for worker in self.workers if worker.live and not worker.stopping]

    @property
    def behind(self) -> list[WorkerRow]:
        """The live workers that have not taken the newest configuration."""
        newest = self.config_version
        return [each for each in self.live if newest is not None and (each.config_version or 0) < newest]

    @property
    def figures_age(self) -> float | None:
        """Seconds since workers counted what waits. A turn of upkeep whose count failed does not count."""
        ages = [source.figures_age for source in self.sources if source.figures_age is not None]
        return min(ages, default=self.upkeep.get("figures"))

    @property
    def slots(self) -> int:
        return sum(worker.slots for worker in self.live)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of a database that answered. Without a usable schema there is no fleet to read."""

    writable: bool
    schema: SchemaStatus
    fleet: FleetReading | None
