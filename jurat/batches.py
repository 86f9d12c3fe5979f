"""Sends several statements together. On PostgreSQL they cost one round trip.

A round trip makes two processes wait for each other, and this thread wait behind all others of its process. That, and
what SQLAlchemy does around each statement, takes longer than most of our statements run. So they go to the driver as
they are, and SQLAlchemy is used only if something goes wrong. Statements run one after the other on SQLite, behind a
pooler, while someone listens to statements, and where PostgreSQL cannot limit the duration of a whole transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine

from jurat.statements import percent, prepared

Statement = tuple[str, Mapping[str, Any]]
"""SQL with `:name` parameters, and their values."""

Rows = Sequence[Any]


@dataclass(slots=True)
class First:
    """The statements that a transaction begins with, and the rows of each once it has begun."""

    statements: Sequence[Statement]
    found: list[Rows] = field(default_factory=list)


@contextmanager
def begin(engine: Engine, *statements: Statement) -> Iterator[tuple[Connection, list[Rows]]]:
    """A transaction as of `engine.begin()`, and the rows of the `statements` that it begins with."""
    with engine.connect() as connection:
        if statements and _travels(connection):
            first = First(statements)
            connection.execution_options(jurat_first=first)  # `jurat.database` sends them with BEGIN
            with connection.begin():
                yield connection, first.found
        else:
            with connection.begin():
                yield connection, run(connection, *statements)


def run(connection: Connection, *statements: Statement) -> list[Rows]:
    """Run statements one after the other; the rows of each. Each sees what the ones before it did.

    Raises SQLAlchemy's errors. Nothing runs after a statement that fails.
    """
    if not statements:
        return []
    if _travels(connection):
        return travel(connection, statements)
    results = (connection.execute(prepared(sql), parameters) for sql, parameters in statements)
    return [result.all() if result.returns_rows else [] for result in results]


def commit(connection: Connection, *statements: Statement) -> None:
    """Run the last statements of a transaction, and commit it in the same round trip if possible.

    Otherwise the end of the transaction's block commits. As there, an error that says the database is away leaves open
    whether the transaction was committed.
    """
    if statements and _travels(connection) and not connection.dispatch.commit:
        travel(connection, [*statements, ("COMMIT", {})])
    else:
        run(connection, *statements)


def travel(connection: Connection, statements: Sequence[Statement]) -> list[Rows]:
    """Run statements in one round trip of psycopg's; the rows of each."""
    raw: Any = connection.connection.dbapi_connection
    psycopg: Any = connection.dialect.loaded_dbapi
    try:
        # A libpq older than 14 cannot: they run one after the other then.
        with raw.pipeline() if len(statements) > 1 and psycopg.Pipeline.is_supported() else nullcontext():
            cursors = [
                raw.execute(percent(sql, tuple(parameters)), parameters) if parameters else raw.execute(sql)
                for sql, parameters in statements
            ]
        return [[] if cursor.rownumber is None else cursor.fetchall() for cursor in cursors]
    except psycopg.Error as error:
        _fail(connection, error)
    except BaseException as error:
        connection.invalidate(error)  # its state is unknown
        raise


def raise_error(_cursor: Any, _statement: str, _parameters: Any, context: Any) -> None:
    """Listens to `do_execute` of an engine whose statements travel: raises the error that `_fail` passes on."""
    if error := context.execution_options.get("jurat_error"):
        raise error


def _travels(connection: Connection) -> bool:
    dialect, options = connection.dialect, connection.get_execution_options()
    return (
        dialect.driver == "psycopg"
        and connection.info.get("jurat_travels", False)  # poolers have had trouble with pipelines
        and not connection.dispatch.before_cursor_execute
        and options.get("jurat_bounded", False)  # else one whose end never arrives keeps its locks for hours
        and "isolation_level" not in options
    )


def _fail(connection: Connection, error: Exception) -> NoReturn:
    """Raise the driver's error as SQLAlchemy would, had it run the statement."""
    connection.exec_driver_sql("", execution_options={"jurat_error": error})
    raise error
