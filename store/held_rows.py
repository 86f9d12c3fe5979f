"""Passes over rows that another transaction holds, instead of waiting for them.

A platform's transaction may stay open for as long as the platform likes. One that holds the row of a check (a login
that owns the tables may) would keep a whole batch of others waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from jurat.batches import Rows, Statement, run
from jurat.database import state_of
from jurat.statements import rows_json
from store.dialects import POSTGRESQL
from tasks.checks import CheckResult

Claim = tuple[UUID, int]
"""The id and fence of a claimed check. A process may hold a check twice, once in a lookup that hangs."""

_HELD = frozenset({"55P03", "40P01"})
"""PostgreSQL's codes for a row that another transaction holds: lock_not_available, deadlock_detected."""

HARDLY_WAIT: Statement = ("SELECT set_config('lock_timeout', '100', true)", {})


def is_held(error: Exception) -> bool:
    """Whether a statement failed because another transaction held a row for too long: the database itself is well."""
    return isinstance(error, DBAPIError) and state_of(error) in _HELD


def lock_free_statements(entries: Sequence[CheckResult]) -> list[Statement]:
    """What locks the rows of those checks that no one holds, and has later statements hardly wait."""
    return [HARDLY_WAIT, (_LOCK_FREE, {"rows": claim_rows(entries)})]


def held_by_others(connection: Connection, entries: Sequence[CheckResult], free: Rows) -> set[Claim]:
    """The claims of `entries` that still are ours, but whose check's row another transaction holds."""
    ours = claims_in(free)
    if not (others := [entry for entry in entries if claim_of(entry) not in ours]):
        return set()
    (found,) = run(connection, (_STILL_OURS, {"rows": claim_rows(others)}))
    return claims_in(found)


def id_of(value: Any) -> UUID:
    """The id in a column: SQLite gives text."""
    return value if isinstance(value, UUID) else UUID(value)


def claim_of(entry: CheckResult) -> Claim:
    """The claim that a result belongs to."""
    return entry.held.id, entry.held.fence


def claims_in(rows: Rows) -> set[Claim]:
    """The claims in rows that begin with an id and a fence."""
    return {(id_of(row[0]), row[1]) for row in rows}


def claim_rows(entries: Sequence[CheckResult]) -> str:
    """The parameter of a `rowset` of claims, each once."""
    claims = {claim_of(entry): None for entry in entries}
    return rows_json([{"id": str(check), "fence": fence} for check, fence in claims])


_STILL_OURS = f"""
    SELECT c.id, c.fence FROM {POSTGRESQL.rowset("id uuid, fence bigint")}
    JOIN jurat_checks c ON c.id = r.id AND c.fence = r.fence WHERE c.state = 'leased'"""

_LOCK_FREE = f"{_STILL_OURS} FOR NO KEY UPDATE OF c SKIP LOCKED"
