"""Reads the audit: who did what, when, and with which login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from jurat.database import reader
from store.dialects import dialect_of
from store.rows import columns_of, row_of


@dataclass(frozen=True, slots=True)
class AuditRow:
    """What `actor` says to have done to `subject`. `login` is the user of PostgreSQL, and null on SQLite."""

    id: UUID
    at: datetime
    login: str | None
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def read_audit(
    engine: Engine,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, UUID] | None = None,
    **exactly: str | None,
) -> list[AuditRow]:
    """The newest rows, the oldest of them first: from `since` on, before `until`, older than the row of this time and
    id, and with these columns.
    """
    dialect = dialect_of(engine)
    times = {"since": since, "until": until}
    parameters: dict[str, Any] = {name: dialect.time_text(time) for name, time in times.items() if time is not None}
    wanted = {name: value for name, value in exactly.items() if value is not None}
    signs = {"since": ">=", "until": "<"}
    conditions = [f"at {signs[name]} {dialect.parameter(name, 'timestamptz')}" for name in parameters]
    conditions += [f"{name} = :{name}" for name in wanted]
    if before is not None:
        conditions.append(f"(at, id) < ({dialect.parameter('before_at', 'timestamptz')}, {dialect.uuid('before_id')})")
        parameters |= {"before_at": dialect.time_text(before[0]), "before_id": str(before[1])}
    sql = f"""
        SELECT {columns_of(AuditRow)} FROM jurat_audit WHERE {" AND ".join(conditions or ["true"])}
        ORDER BY at DESC, id DESC LIMIT :limit"""
    with reader(engine).begin() as connection:
        rows = connection.execute(text(sql), {**parameters, **wanted, "limit": limit}).all()
    return [row_of(AuditRow, row) for row in reversed(rows)]
