"""What PostgreSQL and SQLite write differently: one small interface, with an object for each engine.

A function that builds SQL takes a dialect and asks it for the pieces that differ. Each dialect has one object, so that
what is built for it can be cached.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine

Choice = TypeVar("Choice")


class SqlDialect(ABC):
    """How one engine writes SQL, and what it can do."""

    name: str
    """As SQLAlchemy names it."""

    title: str
    """As it names itself."""

    in_a_file = False
    """The database is a file on this machine, without a server: a statement costs almost nothing."""

    has_functions = False
    """The schema has functions such as `jurat_try_ask`. Otherwise Python does the same in several statements."""

    decodes_hex = False
    """A rowset can carry bytes, as hexadecimal text."""

    driver_begins = False
    """Python's driver may begin a transaction by itself before it writes."""

    @abstractmethod
    def choose(self, *, postgresql: Choice, sqlite: Choice) -> Choice:
        """One of two values, most often pieces of SQL."""

    def now(self, seconds: str = "") -> str:
        """SQL for the database's clock, `seconds` (an SQL expression) later."""
        return self.choose(
            postgresql="statement_timestamp()" + (f" + make_interval(secs => {seconds})" if seconds else ""),
            sqlite="strftime('%Y-%m-%d %H:%M:%f', 'now'" + (f", ({seconds}) || ' seconds')" if seconds else ")"),
        )

    def time_text(self, moment: datetime) -> str:
        """A time as text, in the form that the engine keeps and compares."""
        at = moment.astimezone(UTC)
        return self.choose(postgresql=at.isoformat(), sqlite=at.strftime("%Y-%m-%d %H:%M:%S.%f")[:23])

    def parameter(self, name: str, kind: str) -> str:
        """SQL for the parameter `name`. PostgreSQL has to know its type, `kind`; SQLite takes any."""
        return self.choose(postgresql=f"CAST(:{name} AS {kind})", sqlite=f":{name}")

    def uuid(self, name: str = "id") -> str:
        """SQL for the UUID in a parameter."""
        return self.parameter(name, "uuid")

    def rowset(self, columns: str, parameter: str = "rows") -> str:
        """SQL for the JSON array in `:rows` as a table expression `r` with `columns` ("id uuid, fence bigint").

        One parameter carries any number of rows, on both engines.
        """
        names = [column.split()[0] for column in columns.split(", ")]
        fields = ", ".join(f"value ->> '{name}' AS {name}" for name in names)
        return self.choose(
            postgresql=f"jsonb_to_recordset(CAST(:{parameter} AS jsonb)) AS r({columns})",
            sqlite=f"(SELECT {fields} FROM json_each(:{parameter})) AS r",
        )

    def join_each(self, table: str, where: str, columns: str, *, left: bool = False) -> str:
        """SQL that joins to each row so far the rows of `table` ("jurat_checks c") for which `where` is true.

        PostgreSQL looks them up row by row, and reads only `columns`: a platform may not read all. By itself it assumes
        that a rowset has a hundred rows, and for those it would scan a table of some thousand. SQLite goes row by row
        anyway.
        """
        rows = f"LATERAL (SELECT {columns} FROM {table} WHERE {where} OFFSET 0) {table.rsplit(maxsplit=1)[-1]}"
        return self.choose(
            postgresql=f"LEFT JOIN {rows} ON true" if left else f"CROSS JOIN {rows}",
            sqlite=f"{'LEFT JOIN' if left else 'JOIN'} {table} ON {where}",
        )

    def has_table(self, name: str) -> str:
        """A query that gives 1 if the table exists, else 0, and does not fail."""
        return self.choose(
            postgresql=f"SELECT count(to_regclass('{name}'))",
            sqlite=f"SELECT count(*) FROM sqlite_master WHERE name = '{name}'",
        )


class PostgreSql(SqlDialect):
    """PostgreSQL."""

    name = "postgresql"
    title = "PostgreSQL"
    has_functions = True
    decodes_hex = True

    def choose(self, *, postgresql: Choice, sqlite: Choice) -> Choice:
        return postgresql


class Sqlite(SqlDialect):
    """SQLite."""

    name = "sqlite"
    title = "SQLite"
    in_a_file = True
    driver_begins = True

    def choose(self, *, postgresql: Choice, sqlite: Choice) -> Choice:
        return sqlite


POSTGRESQL, SQLITE = PostgreSql(), Sqlite()

BY_NAME: Mapping[str, SqlDialect] = {dialect.name: dialect for dialect in (POSTGRESQL, SQLITE)}


def dialect_of(bind: Engine | Connection) -> SqlDialect:
    """The dialect of a database that SQLAlchemy has open."""
    return BY_NAME[bind.dialect.name]
