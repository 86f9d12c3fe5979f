"""Erases the candidates of ambiguous addresses whose time is over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from store.dialects import StoreDialect, dialect_of
from store.in_parts import in_parts
from store.upkeep.pieces import change_checks, work_through

ANY = "EXISTS (SELECT 1 FROM jurat_checks WHERE candidates_until <= {now})"
"""SQL that is true while candidates are past their time."""

_ERASE = "UPDATE jurat_checks SET candidates = NULL, candidates_until = NULL"


def erase_candidates(engine: Engine) -> int:
    """Erase the candidates of ambiguous addresses whose time is over; of how many checks."""
    failures: list[Exception] = []

    def erase(connection: Connection, over: Sequence[Sequence[Any]]) -> list[UUID]:
        checks = [row[0] for row in over]
        return in_parts(connection, checks, partial(change_checks, connection, _ERASE), failures)

    erased = work_through(engine, _candidates_over(dialect_of(engine)), erase)
    if failures:
        raise failures[0]
    return len(erased)


@lru_cache
def _candidates_over(dialect: StoreDialect) -> str:
    lock = dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")
    return f"""
        SELECT id FROM jurat_checks WHERE candidates_until <= {dialect.now()}
        ORDER BY candidates_until LIMIT :limit {lock}"""
