"""How jurat opens the shared database: settings that both the client and the workers need.

PostgreSQL through psycopg 3 without server-side prepared statements and without start-up options, so that PgBouncer in
transaction mode may stand in between. SQLite in WAL mode with full durability; every transaction of ours starts with
BEGIN IMMEDIATE, because a reader that becomes a writer fails at once instead of waiting.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from jurat.errors import ConfigurationError

_BUSY = 5.0
_BUSY_REST = 0.001
"""Seconds that a transaction waits for another writer of a SQLite file, and between two tries."""

_POSTGRESQL_ARGUMENTS: dict[str, Any] = {
    "prepare_threshold": None,
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

_BOUNDS = "".join(
    f"SET LOCAL {name} = {milliseconds};"
    for name, milliseconds in {
        "idle_in_transaction_session_timeout": 5_000,
        "lock_timeout": 3_000,
        "statement_timeout": 10_000,
    }.items()
)
"""A transaction of a worker lasts milliseconds. Its locks must be free again long before a lease (15 s) is over."""


def parse_url(text: str) -> URL:
    """The database's URL with the driver that jurat uses.

    Raises ConfigurationError; the message never holds the URL, which may hold a password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the database URL can not be read; expected postgresql://… or sqlite:///…") from None
    match url.get_backend_name():
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case "sqlite":
            return url.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(
        "the database URL names neither PostgreSQL nor SQLite; expected postgresql://… or sqlite:///…"
    )


def open_engine(text: str, *, pool_size: int = 5) -> Engine:
    """An engine on the shared database. Connects lazily; commits nothing by itself.

    Raises ConfigurationError when the URL can not be read or PostgreSQL's driver is not installed.
    """
    url = parse_url(text)
    try:
        if url.get_backend_name() == "postgresql":
            engine = create_engine(
                url,
                pool_size=pool_size,
                max_overflow=2,
                pool_pre_ping=True,
                use_native_hstore=False,  # or each new connection asks for the type, in a transaction of its own
                hide_parameters=True,  # errors are logged, and parameters name participants
                connect_args=_POSTGRESQL_ARGUMENTS,
            )
            event.listen(engine, "begin", _bound)
            return engine
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 5.0, "check_same_thread": False})
    except ImportError:  # also psycopg without its C library
        raise ConfigurationError("PostgreSQL needs psycopg 3: pip install 'psycopg[binary]'") from None
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def bounded(engine: Engine) -> Engine:
    """The same engine and connections, for the short transactions of workers: PostgreSQL ends each that stands still.

    A worker whose connection was cut, or that was stopped, would else keep its row locks for hours, and those checks
    would wait as long. Set for each transaction, because behind PgBouncer a session is not ours.
    """
    return engine.execution_options(jurat_bounded=True)


def reader(engine: Engine) -> Engine:
    """The same engine and connections, for transactions that only read: on SQLite these wait for no writer."""
    return engine.execution_options(jurat_reads_only=True)


def is_missing_table(error: DBAPIError) -> bool:
    """Whether a statement failed because a table or view that it names is not there."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined_table. SQLite has only the text.
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _bound(connection: Connection) -> None:
    if connection.get_execution_options().get("jurat_bounded"):
        connection.exec_driver_sql(_BOUNDS)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver starts no transactions of its own; _begin does
    for pragma in (f"busy_timeout={_BUSY * 1000:.0f}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    # Of several that open a new file at once, SQLite lets one switch to WAL and has the others fail without waiting.
    end = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(_BUSY_REST)
        else:
            return


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("jurat_reads_only"):
        connection.exec_driver_sql("BEGIN")
        return
    # SQLite's own waiting sleeps up to 0.1 s at a time; threads of one process that write in turn would crawl.
    raw: Any = connection.connection.dbapi_connection
    end = time.monotonic() + _BUSY
    raw.execute("PRAGMA busy_timeout=0").close()
    try:
        while time.monotonic() < end:
            try:
                raw.execute("BEGIN IMMEDIATE").close()
            except sqlite3.OperationalError:
                time.sleep(_BUSY_REST)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what SQLAlchemy makes of it
    finally:
        raw.execute(f"PRAGMA busy_timeout={_BUSY * 1000:.0f}").close()
