"""Makes a new database from the SQL in `migrations/sql/`, the current schema."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from store.dialects import BY_NAME, dialect_of
from store.schema.roles import closing

_FILES = (
    "functions",
    "request_functions",
    "publication_functions",
    "guards",
    "request_guards",
    "renames",
    "login_guards",
    "import_guards",
    "size_guards",
    "history",
    "openings",
    "inquiries",
    "views",
)
"""Those of each engine, in the order in which they build on each other and on the tables. SQLite has no functions."""

_TYPES = {"bytea": "BLOB", "float8": "FLOAT", "jsonb": "JSON", "timestamptz": "CHAR(23)", "uuid": "CHAR(36)"}
"""The types that SQLite names otherwise: it would take times, ids and bytes for numbers. Its own names for the other
two are kept."""

_ROWIDS = ("jurat_checks", "jurat_configs", "jurat_contract", "jurat_datasets")
"""The tables that have a rowid on SQLite: for an integer key is one, and rows as large as an answer are found sooner.
INSERT OR REPLACE could take over the rowid of a row that must stay: a trigger keeps those of checks."""


PATH = "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)"
"""On PostgreSQL, functions are made with this path (SET search_path FROM CURRENT). Temporary tables, which anyone may
make, come last in it."""


def scripts(dialect: str, migrations: Path) -> list[str]:
    """The SQL files of an engine, in order."""
    tables, views = tables_sql(migrations), _sql(migrations, "views")
    paths = (migrations / "sql" / dialect / f"{name}.sql" for name in _FILES)
    files = [path.read_text("utf-8") for path in paths if path.exists()]
    if BY_NAME[dialect].has_users:
        return [tables, *files, views, closing()]
    person = re.sub(r"^--.*\n", "", _sql(migrations, "sqlite/person"), flags=re.MULTILINE).strip()
    files = [file.replace("{person}", person) for file in files]
    return [tables_for_sqlite(tables), *files, views.replace("statement_timestamp()", BY_NAME[dialect].now())]


def tables_sql(migrations: Path) -> str:
    """The text of all tables, in PostgreSQL's words."""
    return "\n".join(_sql(migrations, name) for name in ("tables", "service_tables"))


def _sql(migrations: Path, name: str) -> str:
    return (migrations / "sql" / f"{name}.sql").read_text("utf-8")


def tables_for_sqlite(tables: str) -> str:
    """Tables in PostgreSQL's words, as SQLite takes them."""
    for known, own in _TYPES.items():
        tables = re.sub(rf"^(  \w+) {known}\b", rf"\1 {own}", tables, flags=re.MULTILINE)
    tables = re.sub(r' COLLATE "C"| INCLUDE \([^)]*\)|(?<=^\)) WITH \([^)]*\)', "", tables, flags=re.MULTILINE)
    return re.sub(
        r"^CREATE TABLE (\w+) [^;]*",
        lambda found: found[0] if found[1] in _ROWIDS else f"{found[0]} WITHOUT ROWID",
        tables,
        flags=re.MULTILINE,
    )


def run(connection: Connection, scripts: Sequence[str]) -> None:
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
