"""Works through rows in short transactions, past rows that the database refuses to change."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.statements import rows_json
from store.dialects import dialect_of
from store.in_parts import in_parts

BATCH = 500
TURN_S = 1.0
"""Rows that are changed in one transaction, and seconds for which such transactions follow each other in one turn: with
one transaction in each turn, a million reviews would be ended after 17 hours."""


def work_through(
    engine: Engine, sql: str, do: Callable[[Connection, Sequence[Sequence[Any]]], Collection[UUID]]
) -> list[UUID]:
    """Have `do` change all checks that `sql` finds, in transactions of `BATCH`, for `TURN_S` seconds at most; returns
    those that it changed. Those that it could not change are passed over: they would keep all others waiting.
    """
    done, passed, end = list[UUID](), set[UUID](), time.monotonic() + TURN_S
    while True:
        limit = BATCH + len(passed)
        with engine.begin() as connection:
            found = connection.execute(text(sql), {"limit": limit}).all()
            rest = {UUID(str(row[0])): row for row in found if UUID(str(row[0])) not in passed}
            changed = do(connection, list(rest.values())) if rest else []
        done += changed
        passed |= rest.keys() - set(changed)
        if len(found) < limit or time.monotonic() >= end:
            return done


def change_all(
    engine: Engine, where: str, order: str, change: str, changed: Callable[[], object] = lambda: None
) -> tuple[list[UUID], list[Exception]]:
    """Change the checks `where` a condition is true, in order of a column; returns those that were changed, and the
    errors of the others. `changed` is called before each commit.
    """
    dialect, failures = dialect_of(engine), list[Exception]()

    def change_some(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[UUID]:
        done = in_parts(connection, [row[0] for row in rows], partial(change_checks, connection, change), failures)
        changed()
        return done

    sql = f"""
        SELECT id FROM jurat_checks WHERE {where.format(now=dialect.now())}
        ORDER BY {order} LIMIT :limit {dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")}"""
    return work_through(engine, sql, change_some), failures


def change_checks(connection: Connection, change: str, checks: Sequence[Any]) -> list[UUID]:
    """Change these checks; their ids."""
    rows = rows_json([{"id": str(check)} for check in checks])
    sql = f"{change} WHERE id IN (SELECT r.id FROM {dialect_of(connection).rowset('id uuid')}) RETURNING id"
    return [UUID(str(check)) for check in connection.execute(text(sql), {"rows": rows}).scalars()]
