"""Lists and withdraws transfers and erasures that a platform asked for and that still have to wait.

Where an administrator set `delay_s` of a user of the database in `jurat_allowances`, what that user asks for can be
withdrawn for so long: a stolen password then erases no one at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from store.dialects import dialect_of
from store.requests.request_rows import mark_applied
from store.rows import columns_of, row_of
from store.verdicts.records import add_audit_row

WITHDRAWN = "it was withdrawn"
"""What the platform reads then as the reason why nothing was done."""


@dataclass(frozen=True, slots=True)
class DelayedRequest:
    """A transfer or an erasure, without the participant. From `apply_from` on, a worker does it."""

    id: UUID
    kind: str
    consultation: str | None
    login: str | None
    asked_at: datetime
    apply_from: datetime


def delayed_requests(engine: Engine) -> list[DelayedRequest]:
    """What can be withdrawn now, the first to be done first. None on SQLite, which knows no users."""
    with reader(engine).begin() as connection:
        return _delayed(connection)


def withdraw(engine: Engine, who: str, ids: Collection[UUID] = (), login: str | None = None) -> list[DelayedRequest]:
    """Withdraw these, and all that `login` asked for; which they were. What a worker has begun stays."""
    with engine.begin() as connection:
        chosen = [each for each in _delayed(connection, lock=True) if each.id in ids or each.login == login is not None]
        for each in chosen:
            mark_applied(connection, each.id, WITHDRAWN)
            add_audit_row(connection, who, "withdraw", str(each.id), {"kind": each.kind, "login": each.login})
    return chosen


def _delayed(connection: Connection, *, lock: bool = False) -> list[DelayedRequest]:
    dialect = dialect_of(connection)
    sql = f"""
        SELECT {columns_of(DelayedRequest)} FROM jurat_requests
        WHERE applied_at IS NULL AND apply_from > {dialect.now()} AND kind IN ('erase', 'transfer')
        ORDER BY apply_from, id
        {dialect.row_lock("FOR UPDATE SKIP LOCKED") if lock else ""}"""
    return [row_of(DelayedRequest, row) for row in connection.execute(text(sql))]
