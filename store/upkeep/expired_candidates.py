"""Erases the candidates of ambiguous addresses whose time is over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from jurat.statements import now
from store.in_parts import in_parts
from store.upkeep.pieces import change_checks, work_through

ANY = "EXISTS (SELECT 1 FROM jurat_checks WHERE candidates_until <= {now})"
"""SQL that is true where candidates are past their time."""

_ERASE = "UPDATE jurat_checks SET candidates = NULL, candidates_until = NULL"


def erase_candidates(engine: Engine) -> int:
    """Erase the candidates of ambiguous addresses whose time is over; of how many checks."""
    failures: list[Exception] = []

    def erase(connection: Connection, over: Sequence[Sequence[Any]]) -> list[UUID]:
        checks = [row[0] for row in over]
        return in_parts(connection, checks, partial(change_checks, connection, _ERASE), failures)

    erased = work_through(engine, _candidates_over(engine.dialect.name), erase)
    if failures:
        raise failures[0]
    return len(erased)


@lru_cache
def _candidates_over(dialect: str) -> str:
    lock = "FOR NO KEY UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    return f"""
        SELECT id FROM jurat_checks WHERE candidates_until <= {now(dialect)}
        ORDER BY candidates_until LIMIT :limit {lock}"""
