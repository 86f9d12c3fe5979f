"""Makes a new database from the SQL in `migrations/sql/`, the current schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection

from store.dialects import BY_NAME, dialect_of
from store.schema.grants import creating

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

_FILES = ("tables", "functions", "guards", "views")
"""In the order in which they build on each other. SQLite has no functions."""


def scripts(dialect: str, migrations: Path) -> list[str]:
    """The SQL files of an engine, in order. Missing roles are made last: other upgrades on the server wait for that."""
    paths = (migrations / "sql" / dialect / f"{name}.sql" for name in _FILES)
    files = [path.read_text("utf-8") for path in paths if path.exists()]
    return [*files, f"{creating().strip()};\n"] if BY_NAME[dialect].has_users else files


def run(connection: Connection, scripts: list[str]) -> None:
    """Run SQL as it is written, in the connection's transaction: nothing in it is a parameter."""
    whole = dialect_of(connection).runs_scripts
    for script in scripts:
        for statement in [script] if whole else _statements(script):
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _statements(script: str) -> Iterator[str]:
    """The statements of a script for SQLite, whose driver takes one at a time. Triggers contain semicolons.

    Raises ValueError where the last one does not end.
    """
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise ValueError(f"a statement does not end: {statement[:80]}")
