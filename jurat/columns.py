"""Reads times, and sends ids: the two engines store both differently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, Dialect, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine


def moment(value: Any) -> datetime | None:
    """A time as either engine returns it, in UTC."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def instant(value: Any) -> datetime:
    """The same for a time that is never null.

    Raises ValueError for null.
    """
    found = moment(value)
    if found is None:
        raise ValueError("a time is missing")
    return found


class CheckId(TypeDecorator[UUID]):
    """A check's id: `uuid` on PostgreSQL, the usual 36 characters on SQLite."""

    impl = CHAR(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Uuid(as_uuid=True))
        return dialect.type_descriptor(CHAR(36))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else str(value)
