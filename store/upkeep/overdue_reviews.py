"""Ends reviews that are overdue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from store.dialects import dialect_of
from store.in_parts import in_parts
from store.requests.reviews import end_reviews
from store.upkeep.pieces import work_through
from store.verdicts.access import AccessRows

ANY = "EXISTS (SELECT 1 FROM jurat_reviews WHERE decided_at IS NULL AND due_at <= {now})"
"""SQL that is true while a review is overdue."""


def end_overdue_reviews(engine: Engine, access: AccessRows) -> int:
    """End the reviews that are overdue; how many. A check that never had a verdict returns to the workers, past its
    deadline, and settles undetermined; one that had keeps its verdict.

    Those of participants whose access row another transaction holds are left for the next turn.
    """
    failures: list[Exception] = []

    def end(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[UUID]:
        over = {UUID(str(row[0])): (row[1], row[2]) for row in rows}
        free = access.lock(connection, set(over.values()))
        ours = [check for check, key in over.items() if key in free]

        def end_some(checks: Sequence[UUID]) -> list[UUID]:
            return end_reviews(connection, access, {check: over[check] for check in checks})

        return in_parts(connection, ours, end_some, failures)

    sql = f"""
        SELECT c.id, c.consultation, c.participant FROM jurat_reviews v
        JOIN jurat_checks c ON c.id = v.check_id AND c.state = 'review'
        WHERE v.decided_at IS NULL AND v.due_at <= {dialect_of(engine).now()} ORDER BY v.due_at LIMIT :limit"""
    ended = work_through(engine, sql, end)
    if failures:
        raise failures[0]
    return len(ended)
