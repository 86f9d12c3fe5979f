"""The status of a source: whether it is asked now, how it answers, and what waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cli.output import count_text, time_text
from config.durations import duration_text
from config.hours import Hours
from jurat.vocabulary import Reason
from store.queue.source_health import MOST_COUNTED
from store.workers import LIVE

if TYPE_CHECKING:
    from config.sources import SourceModel
    from store.queries import Queries, SourceRow


class SourceState(StrEnum):
    """Whether a source is asked. What keeps the most people busy comes first where several hold."""

    BROKEN = "broken"
    PAUSED = "paused"
    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source as it stands at a moment of the database's clock.

    `used` counts requests of today; `daily` is how many there may be. `servers` are the names of the live workers that
    serve it, None where nobody looked.
    """

    name: str
    model: SourceModel
    row: SourceRow
    now: datetime
    servers: tuple[str, ...] | None = None

    @property
    def broken_since(self) -> datetime | None:
        """Since when its breaker is open."""
        return self.row.opened_at

    @property
    def paused_until(self) -> datetime | None:
        """Until when it pauses, for `row.pause_reason`."""
        until = self.row.paused_until
        return until if until is not None and until > self.now else None

    @property
    def closed_until(self) -> datetime | None:
        """Until when its hours keep it closed."""
        return self._hours.closed_until(self.now)

    @property
    def state(self) -> SourceState:
        """The first that holds."""
        if self.broken_since:
            return SourceState.BROKEN
        if self.paused_until:
            return SourceState.PAUSED
        return SourceState.CLOSED if self.closed_until else SourceState.OPEN

    @property
    def used(self) -> int:
        """The requests of today."""
        return self.row.used * self.model.requests if self.row.day == self._hours.day(self.now) else 0

    @property
    def spent(self) -> bool:
        """Whether today's requests are used up."""
        return self.model.daily is not None and self.used + self.model.requests > self.model.daily

    @property
    def throttled(self) -> bool:
        """Whether it said itself that it is asked too often, and pauses for that."""
        return bool(self.paused_until) and self.row.pause_reason == Reason.SOURCE_THROTTLED and not self.spent

    @property
    def age(self) -> float | None:
        """How many seconds ago workers counted what waits; None where they never did."""
        return None if self.row.figures_at is None else (self.now - self.row.figures_at).total_seconds()

    @property
    def stale(self) -> bool:
        """Whether workers once counted what waits, and do so no more."""
        return self.age is not None and self.age > LIVE

    @property
    def unserved(self) -> bool:
        """Whether something waits and no live worker serves it."""
        return self.servers == () and self.row.waiting > 0

    def served(self) -> str:
        """Who serves it, in words; empty where nobody looked."""
        if self.servers is None:
            return ""
        if not self.servers:
            return "no live worker serves it"
        shown = ", ".join(self.servers[:3]) + (" …" if len(self.servers) > 3 else "")
        return f"served by {count_text(len(self.servers), 'worker')} ({shown})"

    def told(self) -> str:
        """How old the figures are that workers wrote, in words; empty where they are fresh."""
        return f"the workers' figures are {self.age:.0f} s old" if self.stale else ""

    def said(self) -> str:
        """Whether it is asked, in words."""
        parts = []
        if since := self.broken_since:
            failures = count_text(self.row.failures, "failure")
            parts.append(f"broken since {time_text(since)}: {failures} in a row, the last {self.row.last_failure}")
        if until := self.paused_until:
            why = "today's requests are used up" if self.spent else self.row.pause_reason
            parts.append(f"paused until {time_text(until)} ({why})")
        if until := self.closed_until:
            parts.append(f"closed until {time_text(until)}")
        return ", ".join(parts) or SourceState.OPEN

    def answers(self) -> str:
        """When it last answered and last did not, in words."""
        row = self.row
        if not row.last_success_at and not row.last_failure_at:
            return "never asked"
        last = f"last answer {time_text(row.last_success_at)}" if row.last_success_at else "never answered"
        if not row.last_failure_at:
            return last
        return f"{last}, last failure {time_text(row.last_failure_at)} ({row.last_failure})"

    def quota(self) -> str:
        """What is used of today's requests, in words; empty where they are not counted."""
        daily = self.model.daily
        return f"{self.used:,} of {count_text(daily, 'request')} used today" if daily is not None else ""

    def waits(self) -> str:
        """What waits for it, and for how long, in words."""
        if not self.row.waiting:
            return "nothing waits"
        # Workers stop counting there, for a count's cost grows with what is counted.
        more = " or more" if self.row.waiting >= MOST_COUNTED else ""
        verb = "waits" if self.row.waiting == 1 else "wait"
        return f"{count_text(self.row.waiting, 'check')}{more} {verb}{self._how_long()}"

    def as_data(self) -> dict[str, Any]:
        """For programs."""
        row = self.row
        return {
            "source": self.name,
            "type": self.model.type,
            "state": self.state,
            "broken_since": self.broken_since,
            "failures": row.failures,
            "probe_at": row.probe_at if self.broken_since else None,
            "paused_until": self.paused_until,
            "pause_reason": row.pause_reason if self.paused_until else None,
            "closed_until": self.closed_until,
            "last_success_at": row.last_success_at,
            "last_failure_at": row.last_failure_at,
            "last_failure": row.last_failure,
            "used_today": self.used,
            "daily": self.model.daily,
            "waiting": row.waiting,
            "oldest_due_at": row.oldest_due_at,
            "wait_s": None if self.stale else row.wait_s,
            "figures_at": row.figures_at,
            "figures_age_s": None if self.age is None else round(self.age, 3),
            "workers": self.servers,
        }

    def _how_long(self) -> str:
        if self.row.wait_s is None or self.state is SourceState.BROKEN or self.stale:
            return ""
        unit = next((unit for unit in (3600, 60) if self.row.wait_s >= unit), 1)
        return f", some {duration_text(unit * max(1, round(self.row.wait_s / unit)))}"

    @property
    def _hours(self) -> Hours:
        return self.model.hours.parsed if self.model.hours else Hours()


def source_statuses(models: Mapping[str, SourceModel], queries: Queries) -> list[SourceStatus]:
    """How these sources stand. Where no worker counts what waits, it is counted here."""
    now, workers = queries.clock(), queries.workers()
    found = []
    rows = {row.name: row for row in queries.sources()}
    for name, model in models.items():
        servers = tuple(worker.name for worker in workers if worker.serves(name))
        found.append(SourceStatus(name, model, rows[name], now, servers))
    if all(map(_is_counted, found)):
        return found
    counted = queries.waiting()
    return [
        replace(each, row=replace(each.row, waiting=counted[each.name][0], oldest_due_at=counted[each.name][1]))
        if not _is_counted(each)
        else each
        for each in found
    ]


def _is_counted(status: SourceStatus) -> bool:
    """Whether workers count what waits for it: not where the last one that serves it has just ended."""
    return status.age is not None and not status.stale and bool(status.servers)
