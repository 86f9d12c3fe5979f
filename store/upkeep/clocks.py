"""Handles a database's clock that was put back: times in its future count as now.

Otherwise nothing that waits for its time would happen until the clock gets there again: no upkeep, no start at a source
with a rate, no probe, no lookup of what was submitted. Deadlines, reviews and retention times are left as they are:
they end as much later.
"""

from __future__ import annotations

from functools import lru_cache, partial

from sqlalchemy import Connection, Engine, text

from store.dialects import StoreDialect, dialect_of
from store.in_parts import in_parts
from store.queue.leases import LEASE
from store.upkeep.pieces import change_checks

APART = 5.0
"""A time so many seconds in the future is no sign of a clock that was put back."""

BATCH = 5_000
BATCHES = 10
"""Waiting checks that are made due in one transaction, and transactions in one turn."""


def detect_setback(connection: Connection) -> float:
    """By how many seconds the clock was put back, by the newest turn of upkeep; 0.0 where it was not.

    Only one worker gets the answer, once: what its transaction does not move is never moved.
    """
    dialect = dialect_of(connection)
    ahead = connection.execute(text(_ahead(dialect))).scalar()
    if ahead is None or ahead <= APART or not connection.execute(text(_turns(dialect))).rowcount:
        return 0.0
    return float(ahead)


def move_times(connection: Connection, seconds: float) -> None:
    """Move times that workers have written so many seconds back, and no further than to now. Starts at sources, probes
    and pauses are as far ahead as before, so that no source is asked more than it allows. Pauses and missing keys began
    as long ago as before, so that deadlines move on by as much. Leases end as new ones do.
    """
    dialect = dialect_of(connection)
    # Otherwise a worker that is gone would count as live, and its keys as present.
    connection.execute(text(f"UPDATE jurat_workers SET seen_at = {dialect.now()} WHERE seen_at > {dialect.now()}"))
    for statement in (_sources(dialect), _pauses(dialect), _missing_keys(dialect)):
        connection.execute(text(statement), {"seconds": seconds})
    leased = connection.execute(text(_leased_too_long(dialect))).scalars().all()
    failures: list[Exception] = []  # a lease that cannot be changed ends later
    change = f"UPDATE jurat_checks SET lease_until = {dialect.now(str(LEASE))}"
    in_parts(connection, leased, partial(change_checks, connection, change), failures)


def make_due(engine: Engine) -> bool:
    """Make due what would be due far in the future; whether there may be more of it."""
    failures: list[Exception] = []
    change = f"UPDATE jurat_checks SET due_at = {dialect_of(engine).now()}"
    for _ in range(BATCHES):
        with engine.begin() as connection:
            ahead = connection.execute(text(_ahead_of_time(dialect_of(engine))), {"limit": BATCH}).scalars().all()
            in_parts(connection, ahead, partial(change_checks, connection, change), failures)
        if len(ahead) < BATCH:
            break
    else:
        return True
    if failures:
        raise failures[0]
    return False


def _moved(dialect: StoreDialect, column: str, *, to_now: bool = True) -> str:
    """SQL that moves a time in the future back by `:seconds`; `to_now`, no further than to now."""
    moved = dialect.later(column, f"(-{dialect.parameter('seconds', 'float8')})")
    if to_now:
        moved = dialect.greatest(moved, dialect.now())
    return f"{column} = CASE WHEN {column} > {dialect.now()} THEN {moved} ELSE {column} END"


@lru_cache
def _ahead(dialect: StoreDialect) -> str:
    return f"SELECT {dialect.seconds_between('max(ran_at)', dialect.now())} FROM jurat_upkeep"


@lru_cache
def _turns(dialect: StoreDialect) -> str:
    # A worker that waited for this row lock finds no such row any more.
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
    # A live worker renews its lease long before that; a dead one loses it as always.
    lock = dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    return f"SELECT id FROM jurat_checks WHERE state = 'leased' AND lease_until > {dialect.now(str(LEASE))} {lock}"


@lru_cache
def _ahead_of_time(dialect: StoreDialect) -> str:
    lock = dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    return f"""
        SELECT id FROM jurat_checks WHERE state = 'pending' AND due_at > {dialect.now(str(APART))}
        LIMIT :limit {lock}"""
