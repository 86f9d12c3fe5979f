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

Fenced = tuple[UUID, int]
"""One claim of one check: a process may hold a check twice, once in a lookup that hangs."""

_HELD = frozenset({"55P03", "40P01"})
"""What PostgreSQL says of a row that somebody holds: lock_not_available, deadlock_detected."""

HARDLY_WAIT: Statement = ("SELECT set_config('lock_timeout', '100', true)", {})


def is_held(error: Exception) -> bool:
    """Whether a statement failed because somebody held a row for too long: the database itself is well."""
    return isinstance(error, DBAPIError) and state_of(error) in _HELD


def taking_free(entries: Sequence[CheckResult]) -> list[Statement]:
    """What takes the rows of those checks that nobody holds, and has whatever follows wait for hardly any time."""
    rows = [{"id": str(check), "fence": fence} for check, fence in {fenced(entry): None for entry in entries}]
    return [HARDLY_WAIT, (_TAKE_FREE, {"rows": rows_json(rows)})]


def skipped(connection: Connection, entries: Sequence[CheckResult], free: Rows) -> set[Fenced]:
    """The claims of `entries` that still are ours, and whose check's row somebody holds."""
    ours = {(id_of(row[0]), row[1]) for row in free}
    others = {fenced(entry) for entry in entries} - ours
    if not others:
        return set()
    rows = [{"id": str(check), "fence": fence} for check, fence in sorted(others)]
    (found,) = run(connection, (_STILL_OURS, {"rows": rows_json(rows)}))
    return {(id_of(row[0]), row[1]) for row in found}


def id_of(value: Any) -> UUID:
    """The id in a column: SQLite gives text."""
    return value if isinstance(value, UUID) else UUID(value)


def fenced(entry: CheckResult) -> Fenced:
    """One claim of one check: a process may hold a check twice, once in a lookup that hangs."""
    return entry.held.id, entry.held.fence


_STILL_OURS = f"""
    SELECT c.id, c.fence FROM {POSTGRESQL.rowset("id uuid, fence bigint")}
    JOIN jurat_checks c ON c.id = r.id AND c.fence = r.fence WHERE c.state = 'leased'"""

_TAKE_FREE = f"{_STILL_OURS} FOR NO KEY UPDATE OF c SKIP LOCKED"
