"""A database whose clock stands still until it is moved, without a change to the code that asks it.

On SQLite the functions of the clock are replaced in each connection. On PostgreSQL a schema that is searched before
the catalogue has a `statement_timestamp()` of its own, for every connection to this database that is opened later.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, text

START = datetime(2030, 1, 1, tzinfo=UTC)

_POSTGRESQL = (
    "CREATE SCHEMA IF NOT EXISTS standing",
    "CREATE TABLE IF NOT EXISTS standing.clock (at timestamptz NOT NULL)",
    "DELETE FROM standing.clock",
    f"INSERT INTO standing.clock VALUES ('{START.isoformat()}')",
    """CREATE OR REPLACE FUNCTION standing.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
       AS 'SELECT at FROM standing.clock'""",
    """DO $$ BEGIN
         EXECUTE format('ALTER DATABASE %I SET search_path = standing, public, pg_catalog', current_database());
       END $$""",
)


class StandingClock:
    """The clock of the database behind `engine`. `now` is its time."""

    def __init__(self, engine: Engine) -> None:
        self.now = START
        self._engine = engine
        self._postgresql = engine.dialect.name == "postgresql"
        if self._postgresql:
            with engine.begin() as connection:
                for statement in _POSTGRESQL:
                    connection.execute(text(statement))
        else:
            self._arithmetic = sqlite3.connect(":memory:", check_same_thread=False)
            event.listen(engine, "connect", self._replace)
        engine.dispose()

    def move(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._set(self.now + timedelta(seconds=seconds))

    def reset(self) -> None:
        """Back to the start."""
        self._set(START)

    def later(self, seconds: float) -> datetime:
        """What the database calls its time so many seconds later."""
        return self.now + timedelta(seconds=round(seconds, 3))

    def _set(self, time: datetime) -> None:
        self.now = time
        if self._postgresql:
            with self._engine.begin() as connection:
                connection.execute(text("UPDATE standing.clock SET at = :now"), {"now": time})

    def _replace(self, connection: Any, _record: Any) -> None:
        connection.create_function("strftime", -1, self._strftime)

    def _strftime(self, form: str, base: str = "now", *modifiers: str) -> Any:
        """SQLite's own arithmetic, from our time."""
        time = self.now.replace(tzinfo=None).isoformat(" ", "milliseconds") if base == "now" else base
        marks = ", ".join("?" * (2 + len(modifiers)))
        return self._arithmetic.execute(f"SELECT strftime({marks})", (form, time, *modifiers)).fetchone()[0]
