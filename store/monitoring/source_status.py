"""The status of a source: whether it is asked now, how it answers, and what waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from config.hours import Hours
from config.sources import SourceModel
from jurat.vocabulary import Reason
from store.monitoring.fleet import SourceState
from store.queries import Queries, SourceRow
from store.workers import LIVE

_FAR = 3600.0
"""Seconds that the next lookup of a source is never ahead of what its limits say: the longest `probe`."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source at the moment `now` of the database's clock. `servers` are the live workers that serve it."""

    name: str
    model: SourceModel
    row: SourceRow
    now: datetime
    servers: tuple[str, ...] = ()

    @property
    def paused_until(self) -> datetime | None:
        """When its pause ends, if it is paused for `row.pause_reason`."""
        until = self.row.paused_until
        return until if until is not None and until > self.now else None

    @property
    def closed_until(self) -> datetime | None:
        """When its hours open it, if they keep it closed."""
        return self._hours.closed_until(self.now)

    @property
    def moved_to(self) -> datetime | None:
        """When it gets its next lookup, if that is later than any of its limits would have it."""
        row = self.row
        starts = [at for at in (row.next_start_at, row.probe_at if row.opened_at else None) if at is not None]
        usual = _FAR + (self.model.interval or 0.0) * self.model.lookups_at_once
        return max((at for at in starts if (at - self.now).total_seconds() > usual), default=None)

    @property
    def state(self) -> SourceState:
        if self.row.opened_at:
            return SourceState.BROKEN
        if self.paused_until:
            return SourceState.PAUSED
        return SourceState.CLOSED if self.closed_until else SourceState.OPEN

    @property
    def is_failing(self) -> bool:
        """Whether the last lookup of a source that is asked failed. Its breaker opens only after several."""
        failed, answered = self.row.last_failure_at, self.row.last_success_at
        failed_last = failed is not None and (answered is None or failed > answered)
        return self.state is SourceState.OPEN and (self.row.failures > 0 or failed_last)

    @property
    def used_today(self) -> int:
        return self.row.used * self.model.requests if self.row.day == self._hours.day(self.now) else 0

    @property
    def is_used_up(self) -> bool:
        return self.model.daily is not None and self.used_today + self.model.requests > self.model.daily

    @property
    def is_throttled(self) -> bool:
        """Whether it pauses because it said that it is asked too often."""
        return bool(self.paused_until) and self.row.pause_reason == Reason.SOURCE_THROTTLED and not self.is_used_up

    @property
    def age(self) -> float | None:
        """How many seconds ago workers counted what waits; None if they never did."""
        return None if self.row.figures_at is None else (self.now - self.row.figures_at).total_seconds()

    @property
    def is_stale(self) -> bool:
        """Whether workers once counted what waits, and no longer do."""
        return self.age is not None and self.age > LIVE

    @property
    def is_unserved(self) -> bool:
        """Whether something waits and no live worker serves it."""
        return not self.servers and self.row.waiting > 0

    @property
    def wait(self) -> float | None:
        """In about how many seconds all that waits is looked up, to what a reader needs; None if no one knows."""
        seconds = self.row.wait_s
        if seconds is None or self.state is SourceState.BROKEN or self.is_stale:
            return None
        unit = next((unit for unit in (3600, 60) if seconds >= unit), 1)
        return float(unit * max(1, round(seconds / unit)))

    @property
    def _hours(self) -> Hours:
        return self.model.hours.parsed if self.model.hours else Hours()


def read_statuses(models: Mapping[str, SourceModel], queries: Queries) -> list[SourceStatus]:
    """The status of each of these sources. If no worker counts what waits for one, it is counted here."""
    now, workers = queries.clock(), queries.workers()
    rows = {row.name: row for row in queries.sources()}
    found = []
    for name, model in models.items():
        servers = tuple(worker.name for worker in workers if worker.serves(name))
        found.append(SourceStatus(name, model, rows[name], now, servers))
    uncounted = {each.name for each in found if each.age is None or each.is_stale or not each.servers}
    if not uncounted:
        return found
    counted = queries.waiting()
    return [
        replace(each, row=replace(each.row, waiting=counted[each.name][0], oldest_due_at=counted[each.name][1]))
        if each.name in uncounted
        else each
        for each in found
    ]
