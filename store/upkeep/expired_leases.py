"""Gives back the checks whose leases are over: their workers are gone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from store.dialects import StoreDialect, dialect_of
from store.in_parts import in_parts
from store.upkeep.pieces import change_checks, work_through
from tasks.crash_points import crash_point

ANY = "EXISTS (SELECT 1 FROM jurat_checks WHERE state = 'leased' AND lease_until <= {now})"
"""SQL that is true while a lease is over."""

_END = "UPDATE jurat_checks SET state = 'pending', lease_until = NULL, lost_leases = lost_leases + 1"


def end_leases(engine: Engine) -> list[UUID]:
    """Give back the checks whose leases are over; each counts one lost lease. They keep their due time, and so come
    before later ones.
    """
    failures: list[Exception] = []

    def end(connection: Connection, over: Sequence[Sequence[Any]]) -> list[UUID]:
        checks = [row[0] for row in over]
        ended = in_parts(connection, checks, partial(change_checks, connection, _END), failures)
        crash_point("leases.ended")
        return ended

    ended = work_through(engine, _leases_over(dialect_of(engine)), end)
    crash_point("leases.committed")
    if failures and not ended:
        raise failures[0]
    return ended


@lru_cache
def _leases_over(dialect: StoreDialect) -> str:
    lock = dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    return f"""
        SELECT id FROM jurat_checks WHERE state = 'leased' AND lease_until <= {dialect.now()}
        ORDER BY lease_until LIMIT :limit {lock}"""
