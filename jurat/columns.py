"""Types of columns that the two engines store differently, and the metadata of all tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, JSON, Dialect, MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

from jurat.dialects import SQLITE

metadata = MetaData()
"""The tables of `jurat.tables`."""


class Moment(TypeDecorator[datetime]):
    """A time in UTC: `timestamptz` on PostgreSQL, 23 characters on SQLite that sort as times do."""

    impl = CHAR(23)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(CHAR(23))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return SQLITE.time_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return moment(value)


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

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        return value if value is None or isinstance(value, UUID) else UUID(value)


Document = JSON().with_variant(JSONB(), "postgresql")

Bytewise = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared byte by byte: it is only searched for, and sorts the same on every machine."""
