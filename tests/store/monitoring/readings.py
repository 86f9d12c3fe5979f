"""Readings of a fleet, as no database is needed for: a healthy one, with whatever a test changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from store.monitoring.fleet import FleetReading, KeyReading, Observation, SourceReading, Waiting
from store.schema.status import SchemaStatus
from store.upkeep.schedule import EVERY
from store.workers import WorkerRow

KEY = "0123456789abcdef"
NOW = datetime(2026, 3, 1, tzinfo=UTC)

TOWNS = SourceReading(
    name="towns",
    due=3,
    later=2,
    leased=1,
    oldest_due_age=1.0,
    next_deadline=3600.0,
    paused=None,
    pause_reason=None,
    closed=None,
    broken_age=None,
    failures=0,
    last_failure=None,
    success_age=0.5,
    failure_age=None,
    next_start=None,
    used=None,
    limit=None,
    wait=2.0,
    figures_age=3.0,
    workers=1,
)

WORKER = WorkerRow(
    id=UUID(int=1),
    host="here",
    name="w@here",
    version="1.0",
    revision="r",
    slots=8,
    config_version=4,
    unseal_keys=(KEY,),
    ready=True,
    started_at=NOW,
    seen_at=NOW,
    age=2.0,
)

HEALTHY = FleetReading(
    workers=[WORKER],
    sources=[TOWNS],
    keys={KEY: KeyReading(6, 1)},
    missing={},
    upkeep=dict.fromkeys(EVERY, 1.0),
    reviews=Waiting(2, 0, 0.0),
    requests={"erase": Waiting(1, 1, 2.0)},
    publications=0,
    config_version=4,
    tables={"jurat_checks": (8192, 0)},
    backup_age=3600.0,
    keys_age=86_400.0,
    seal_key_left=110 * 86_400.0,
    vanished=0,
)


def observed(fleet: FleetReading | None = HEALTHY, **given: Any) -> Observation:
    """What was seen of a database."""
    return Observation(**{"writable": True, "schema": SchemaStatus.CURRENT, "fleet": fleet, **given})


def with_source(**given: Any) -> Observation:
    """A fleet with one source, which differs from a healthy one."""
    return observed(replace(HEALTHY, sources=[replace(TOWNS, **given)]))


def with_worker(**given: Any) -> Observation:
    """A fleet with one worker, which differs from a healthy one."""
    return observed(replace(HEALTHY, workers=[replace(WORKER, **given)]))


def with_fleet(**given: Any) -> Observation:
    """A fleet that differs from a healthy one."""
    return observed(replace(HEALTHY, **given))
