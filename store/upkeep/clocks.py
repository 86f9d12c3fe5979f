"""Handles a database's clock that was put back: times in its future count as now.

Else nothing that waits for its time would be done until the clock is there again: no upkeep, no start at a source that
has a rate, no probe, no look-up of what was submitted. Deadlines, reviews and whatever else is kept for a time are left
as they are: they end as much later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Connection, Engine, text

from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.in_parts import in_parts
from store.queue.leases import LEASE

APART = 5.0
"""Seconds in the future that are no sign of a clock that was put back: it is waited for."""

BATCH = 5_000
BATCHES = 10
"""Waiting checks that are made due in one transaction, and transactions in one turn."""


def put_back(connection: Connection) -> float:
    """By how many seconds the clock was put back, as the newest turn of upkeep tells; 0.0 where it was not.

    Told to one worker alone, and only once: what this transaction then does not move is not moved.
    """
    dialect = dialect_of(connection)
    ahead = connection.execute(text(_ahead(dialect))).scalar()
    if ahead is None or ahead <= APART or not connection.execute(text(_turns(dialect))).rowcount:
        return 0.0
    return float(ahead)


def move(connection: Connection, seconds: float) -> None:
    """Move what workers have written so many seconds back, and no further than to now: starts at sources, probes and
    pauses lie as far ahead as before, so that no source is asked more than it allows. Pauses and missing keys began as
    long ago as before, so that deadlines stand still for as long. Leases end as new ones do.
    """
    dialect = dialect_of(connection)
    # Or a worker that is gone would count as live, and its keys as there.
    connection.execute(text(f"UPDATE jurat_workers SET seen_at = {dialect.now()} WHERE seen_at > {dialect.now()}"))
    for statement in (_sources(dialect), _pauses(dialect), _missing_keys(dialect)):
        connection.execute(text(statement), {"seconds": seconds})
    leased = connection.execute(text(_leased_too_long(dialect))).scalars().all()
    failures: list[Exception] = []  # such a lease ends later
    in_parts(connection, leased, partial(_change, connection, _lease(dialect)), failures)


def make_due(engine: Engine) -> bool:
    """Make due what would be due far in the future; whether there may be more of it."""
    failures: list[Exception] = []
    for _ in range(BATCHES):
        with engine.begin() as connection:
            ahead = connection.execute(text(_ahead_of_time(dialect_of(engine))), {"limit": BATCH}).scalars().all()
            in_parts(connection, ahead, partial(_change, connection, _due(dialect_of(engine))), failures)
        if len(ahead) < BATCH:
            break
    else:
        return True
    if failures:
        raise failures[0]
    return False


def _change(connection: Connection, sql: str, checks: Sequence[Any]) -> list[None]:
    connection.execute(text(sql), {"rows": rows_json([{"id": str(check)} for check in checks])})
    return []


def _moved(dialect: StoreDialect, column: str, *, to_now: bool = True) -> str:
    """SQL for a time, moved back by `:seconds` where it lies in the future; `to_now`, no further than to now."""
    earlier = dialect.earlier(column, dialect.parameter("seconds", "float8"))
    if to_now:
        earlier = dialect.greatest(earlier, dialect.now())
    return f"{column} = CASE WHEN {column} > {dialect.now()} THEN {earlier} ELSE {column} END"


@lru_cache
def _ahead(dialect: StoreDialect) -> str:
    return f"SELECT {dialect.seconds_between('max(ran_at)', dialect.now())} FROM jurat_upkeep"


@lru_cache
def _turns(dialect: StoreDialect) -> str:
    # A worker that waited for this finds no such row any more.
    return f"""
        UPDATE jurat_upkeep SET ran_at = CASE WHEN ran_at > {dialect.now()} THEN {dialect.now()} ELSE ran_at END,
          hold_until = NULL
        WHERE ran_at > {dialect.now(str(APART))}"""


@lru_cache
def _sources(dialect: StoreDialect) -> str:
    moved = ("next_start_at", "probe_at", "paused_until", "last_success_at", "last_failure_at", "figures_at")
    return f"UPDATE jurat_sources SET {', '.join(_moved(dialect, column) for column in moved)}"


@lru_cache
def _pauses(dialect: StoreDialect) -> str:
    began = _moved(dialect, "began_at", to_now=False)
    return f"UPDATE jurat_pauses SET {began}, {_moved(dialect, 'until')} WHERE until > {dialect.now()}"


@lru_cache
def _missing_keys(dialect: StoreDialect) -> str:
    spans = ", ".join(_moved(dialect, column, to_now=False) for column in ("since", "seen_at"))
    return f"UPDATE jurat_missing_keys SET {spans} WHERE seen_at > {dialect.now()}"


@lru_cache
def _leased_too_long(dialect: StoreDialect) -> str:
    # A live worker renews it long before that; a dead one loses it as always.
    lock = dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    return f"SELECT id FROM jurat_checks WHERE state = 'leased' AND lease_until > {dialect.now(str(LEASE))} {lock}"


@lru_cache
def _lease(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_checks SET lease_until = {dialect.now(str(LEASE))}
        WHERE id IN (SELECT r.id FROM {dialect.rowset("id uuid")})"""


@lru_cache
def _ahead_of_time(dialect: StoreDialect) -> str:
    lock = dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    return f"""
        SELECT id FROM jurat_checks WHERE state = 'pending' AND due_at > {dialect.now(str(APART))}
        LIMIT :limit {lock}"""


@lru_cache
def _due(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_checks SET due_at = {dialect.now()}
        WHERE id IN (SELECT r.id FROM {dialect.rowset("id uuid")})"""
