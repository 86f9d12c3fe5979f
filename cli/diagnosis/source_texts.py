"""Says how a source stands, in English and as data."""

from __future__ import annotations

from typing import Any

from cli.output import count_text, fields_of, time_text
from config.durations import duration_text
from store.monitoring.fleet import SourceState
from store.monitoring.source_status import SourceStatus
from store.queue.backlog import MOST_COUNTED


def status_text(status: SourceStatus) -> str:
    """All of it in one line."""
    parts = (state_text, answers_text, quota_text, waiting_text, servers_text, age_text)
    return "; ".join(filter(None, (part(status) for part in parts)))


def servers_text(status: SourceStatus) -> str:
    """The live workers that serve it."""
    if not status.servers:
        return "no live worker serves it"
    shown = ", ".join(status.servers[:3]) + (" …" if len(status.servers) > 3 else "")
    return f"served by {count_text(len(status.servers), 'worker')} ({shown})"


def age_text(status: SourceStatus) -> str:
    """How old the workers' figures are; empty if they are fresh."""
    return f"the workers' figures are {status.age:.0f} s old" if status.is_stale else ""


def state_text(status: SourceStatus) -> str:
    """Everything that keeps it from being asked, or "open"."""
    row, parts = status.row, []
    if since := row.opened_at:
        failures = count_text(row.failures, "failure")
        parts.append(f"broken since {time_text(since)}: {failures} in a row, the last {row.last_failure}")
    if since := row.suspect_since:
        shares = f"{row.suspect_share or 0:.0%}, usually {row.usual_share or 0:.0%}"
        parts.append(f"suspect since {time_text(since)}: {row.suspect_reason} {shares}")
    if until := status.paused_until:
        why = "today's requests are used up" if status.is_used_up else row.pause_reason
        parts.append(f"paused until {time_text(until)} ({why})")
    if until := status.closed_until:
        parts.append(f"closed until {time_text(until)}")
    if until := status.moved_to:
        parts.append(f"not asked until {time_text(until)}, by a time that no limit explains")
    return ", ".join(parts) or SourceState.OPEN


def answers_text(status: SourceStatus) -> str:
    """When it last answered, and when it last failed."""
    row = status.row
    if not row.last_success_at and not row.last_failure_at:
        return "never asked"
    last = f"last answer {time_text(row.last_success_at)}" if row.last_success_at else "never answered"
    if not row.last_failure_at:
        return last
    return f"{last}, last failure {time_text(row.last_failure_at)} ({row.last_failure})"


def quota_text(status: SourceStatus) -> str:
    """How many of today's requests are used; empty if they are not counted."""
    daily = status.model.daily
    return f"{status.used_today:,} of {count_text(daily, 'request')} used today" if daily is not None else ""


def waiting_text(status: SourceStatus) -> str:
    """How many checks wait, and for about how long."""
    waiting = status.row.waiting
    if not waiting:
        return "nothing waits"
    # Workers stop counting there, as counting more costs more.
    more = " or more" if waiting >= MOST_COUNTED else ""
    verb = "waits" if waiting == 1 else "wait"
    how_long = "" if status.wait is None else f", about {duration_text(status.wait)}"
    return f"{count_text(waiting, 'check')}{more} {verb}{how_long}"


def data_of(status: SourceStatus) -> dict[str, Any]:
    """The same as data."""
    row = status.row
    return {
        "source": status.name,
        "type": status.model.type,
        "state": status.state,
        "broken_since": row.opened_at,
        "failures": row.failures,
        "probe_at": row.probe_at if row.opened_at else None,
        "paused_until": status.paused_until,
        "pause_reason": row.pause_reason if status.paused_until else None,
        "closed_until": status.closed_until,
        "suspect_since": row.suspect_since,
        "suspect_reason": row.suspect_reason if row.suspect_since else None,
        **fields_of(row, "last_success_at", "last_failure_at", "last_failure"),
        "used_today": status.used_today,
        "daily": status.model.daily,
        **fields_of(row, "waiting", "oldest_due_at"),
        "wait_s": None if status.is_stale else row.wait_s,
        "drift": row.drift,
        "figures_at": row.figures_at,
        "figures_age_s": None if status.age is None else round(status.age, 3),
        "workers": status.servers,
    }
