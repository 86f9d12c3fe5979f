"""Handles a database's clock that was put back: times in its future count as now.

Otherwise nothing that waits for its time would happen until the clock gets there again: no upkeep, no start at a source
with a rate, no probe, no lookup of what was submitted. Deadlines, reviews and retention times are left as they are:
they end as much later.
"""

from __future__ import annotations

from functools import partial

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
    now = dialect.now()
    sql = f"SELECT {dialect.seconds_between('max(ran_at)', now)} FROM jurat_upkeep"
    ahead = connection.execute(text(sql)).scalar()
    # A worker that waited for this row lock finds no such row any more.
    reset = f"""
        UPDATE jurat_upkeep SET ran_at = CASE WHEN ran_at > {now} THEN {now} ELSE ran_at END, hold_until = NULL
        WHERE ran_at > {dialect.now(str(APART))}"""
    if ahead is None or ahead <= APART or not connection.execute(text(reset)).rowcount:
        return 0.0
    return float(ahead)


def move_times(connection: Connection, seconds: float) -> None:
    """Move times that workers have written so many seconds back, and no further than to now. Starts at sources, probes
    and pauses are as far ahead as before, so that no source is asked more than it allows. Pauses and missing keys began
    as long ago as before, so that deadlines move on by as much. Leases end as new ones do.
    """
    dialect = dialect_of(connection)
    now, lease, lock = dialect.now(), dialect.now(str(LEASE)), dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    # Otherwise a worker that is gone would count as live, and its keys as present.
    connection.execute(text(f"UPDATE jurat_workers SET seen_at = {now} WHERE seen_at > {now}"))
    times = ("next_start_at", "probe_at", "paused_until", "last_success_at", "last_failure_at", "figures_at")
    sources = ", ".join(_moved(dialect, column) for column in times)
    pauses = f"{_moved(dialect, 'began_at', to_now=False)}, {_moved(dialect, 'until')}"
    spans = ", ".join(_moved(dialect, column, to_now=False) for column in ("since", "seen_at"))
    for sql in (
        f"UPDATE jurat_sources SET {sources}",
        f"UPDATE jurat_pauses SET {pauses} WHERE until > {now}",
        f"UPDATE jurat_missing_keys SET {spans} WHERE seen_at > {now}",
    ):
        connection.execute(text(sql), {"seconds": seconds})
    # A live worker renews its lease long before that; a dead one loses it as always.
    too_long = f"SELECT id FROM jurat_checks WHERE state = 'leased' AND lease_until > {lease} {lock}"
    leased = connection.execute(text(too_long)).scalars().all()
    failures: list[Exception] = []  # a lease that cannot be changed ends later
    change = f"UPDATE jurat_checks SET lease_until = {lease}"
    in_parts(connection, leased, partial(change_checks, connection, change), failures)


def make_due(engine: Engine) -> bool:
    """Make due what would be due far in the future; whether there may be more of it."""
    failures: list[Exception] = []
    dialect = dialect_of(engine)
    find = f"""
        SELECT id FROM jurat_checks WHERE state = 'pending' AND due_at > {dialect.now(str(APART))}
        LIMIT :limit {dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")}"""
    change = f"UPDATE jurat_checks SET due_at = {dialect.now()}"
    for _ in range(BATCHES):
        with engine.begin() as connection:
            ahead = connection.execute(text(find), {"limit": BATCH}).scalars().all()
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
