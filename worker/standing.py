"""How a source stands: whether it is asked now, how it answers, and what waits for it, in data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from config.durations import duration_text
from config.hours import Hours
from jurat.words import Reason
from tasks.ledger.figures import MOST_COUNTED
from worker.output import count_text, time_text

if TYPE_CHECKING:
    from config.sources import SourceModel
    from tasks.ledger.reading import SourceRow


class State(StrEnum):
    """Whether a source is asked. What keeps the most people busy comes first where several hold."""

    BROKEN = "broken"
    PAUSED = "paused"
    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Standing:
    """One source as it stands at a moment of the database's clock.

    `used` counts requests of today; `daily` is how many there may be.
    """

    name: str
    model: SourceModel
    row: SourceRow
    now: datetime

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
    def state(self) -> State:
        """The first that holds."""
        if self.broken_since:
            return State.BROKEN
        if self.paused_until:
            return State.PAUSED
        return State.CLOSED if self.closed_until else State.OPEN

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
        return ", ".join(parts) or State.OPEN

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
            "wait_s": row.wait_s,
        }

    def _how_long(self) -> str:
        if self.row.wait_s is None or self.state is State.BROKEN:
            return ""
        unit = next((unit for unit in (3600, 60) if self.row.wait_s >= unit), 1)
        return f", some {duration_text(unit * max(1, round(self.row.wait_s / unit)))}"

    @property
    def _hours(self) -> Hours:
        return self.model.hours.parsed if self.model.hours else Hours()
