"""An experiment: verdicts and attempts in partitions by month. No database of ours is like that, see decision 0032.

A UUIDv7 begins with its milliseconds, so a month is a range of ids, and keys and statements stay as they are.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from store.schema.status import MIGRATIONS
from tests.migrations.releases import made_by

TABLES = ("jurat_verdicts", "jurat_attempts")

AHEAD = 3
"""So many of the months are to come."""


def make_tables(engine: Engine, months: int) -> None:
    """Make the schema of now in an empty database, with so many months, and a partition for all other ids."""
    with tempfile.TemporaryDirectory() as folder:
        migrations = shutil.copytree(MIGRATIONS, Path(folder) / "migrations")
        file = migrations / "sql" / "tables.sql"
        file.write_text(by_month(file.read_text("utf-8"), months, datetime.now(UTC)), encoding="utf-8")
        made_by(migrations, engine)


def by_month(sql: str, months: int, now: datetime) -> str:
    """The text of all tables with those of `TABLES` partitioned."""
    last = now.year * 12 + now.month - 1 + AHEAD
    parts = []
    for table in TABLES:
        end = sql.index(";", sql.index(f"CREATE TABLE {table} ("))
        sql = f"{sql[:end]} PARTITION BY RANGE (check_id){sql[end:]}"
        parts.append(f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT;")
        parts += [
            f"CREATE TABLE {table}_{month // 12}_{month % 12 + 1:02} PARTITION OF {table} "
            f"FOR VALUES FROM ('{_first_id(month)}') TO ('{_first_id(month + 1)}');"
            for month in range(last - months + 1, last + 1)
        ]
    return "\n".join([sql, *parts, ""])


def _first_id(month: int) -> str:
    """The least id of a month; months are counted from the year 0."""
    at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def without_keys(connection: psycopg.Connection[Any]) -> None:
    """Let verdicts and attempts outlive their checks, as they would have to until their month is dropped."""
    for table in TABLES:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_check_id_fkey")


@contextmanager
def left_for_the_drop(engine: Engine) -> Iterator[None]:
    """Have a purge delete no verdict and no attempt meanwhile."""

    def leave(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        theirs = statement.startswith(tuple(f"DELETE FROM {table}" for table in TABLES))
        return ("SELECT" if theirs else statement), parameters

    event.listen(engine, "before_cursor_execute", leave, retval=True)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", leave)


def drop_largest(connection: psycopg.Connection[Any]) -> tuple[int, float]:
    """Drop the month with the most verdicts and that of its attempts; how many rows, and in how many seconds."""
    sql = """
        SELECT relid::text FROM pg_partition_tree(%s) WHERE isleaf AND relid::text NOT LIKE '%%_other'
        ORDER BY pg_relation_size(relid) DESC LIMIT 1"""
    rows, seconds = 0, 0.0
    for table in TABLES:
        ((name,),) = connection.execute(sql, (table,)).fetchall()
        ((count,),) = connection.execute(f"SELECT count(*) FROM {name}").fetchall()
        begun = time.monotonic()
        connection.execute(f"DROP TABLE {name}")
        rows, seconds = rows + count, seconds + time.monotonic() - begun
    return rows, seconds
