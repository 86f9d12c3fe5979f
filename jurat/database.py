"""How jurat opens the shared database: settings that both the client and the workers need.

PostgreSQL through psycopg 3 without start-up options, and with server-side prepared statements only where no pooler
stands between: PgBouncer in transaction mode may. SQLite in WAL mode with full durability; every transaction of ours
starts with BEGIN IMMEDIATE, because a reader that becomes a writer fails at once instead of waiting.
"""

from __future__ import annotations

import sqlite3
import time
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jurat.batches import Statement, raise_error, travel
from jurat.errors import ConfigurationError
from jurat.forks import connect_anew_in_children
from jurat.silence import is_silence, limit_silence

_BUSY = 5.0
_BUSY_REST = 0.001
"""Seconds that a transaction waits for another writer of a SQLite file, and between two tries."""

_POSTGRESQL_ARGUMENTS: dict[str, Any] = {
    "prepare_threshold": None,  # until `_begin_postgresql` says otherwise
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

_POOL_TIMEOUT = 30.0
"""Seconds to wait for a free connection, which is SQLAlchemy's own default."""

_BOUNDS = {"idle_in_transaction_session_timeout": 5_000, "lock_timeout": 3_000, "statement_timeout": 10_000}
"""A transaction of a worker lasts milliseconds. Its locks must be free again long before a lease (15 s) is over."""

_BOUND_OF_ALL = {"transaction_timeout": 12_000}
_HAS_BOUND_OF_ALL = 170_000
"""PostgreSQL bounds a transaction as a whole from 17 on: also one whose statements arrived and whose end, sent with
them, did not. That stands in the middle of a message, where no other bound holds, and keeps its locks for hours."""

_PREPARED_AFTER = 1
"""A statement is prepared once it has run so often on a connection."""

_PLANS_KEPT = {"plan_cache_mode": "force_generic_plan"}

_PLANS_LAST = 3.0
"""Seconds that PostgreSQL keeps the plan of a prepared statement. Made for an empty table, it would read all of a full
one; PostgreSQL itself makes it anew only after its next ANALYZE, which may be a minute away."""

_NOT_PREPARED = frozenset({"26000", "42P05", "0A000"})
"""What PostgreSQL says where a prepared statement is not there, is there already, or no longer fits its tables:
invalid_sql_statement_name, duplicate_prepared_statement, feature_not_supported."""


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


def open_engine(text: str, *, pool_size: int = 5, deadline: float | None = None) -> Engine:
    """An engine on the shared database. Connects lazily; commits nothing by itself. A process that is forked off later
    opens connections of its own.

    With a `deadline`, no answer of PostgreSQL and no free connection is waited for longer than so many seconds: what
    waits raises OperationalError then, or the pool's TimeoutError. `is_away` knows both. The connection is closed, for
    nobody knows what is under way on it, and so are all others of the pool before they are used again.

    For `begin()`, which replaces a connection that was cut while it was idle. Where a statement begins the transaction
    by itself, it is too late for that.

    Raises ConfigurationError when the URL can not be read or PostgreSQL's driver is not installed.
    """
    engine = _open(parse_url(text), pool_size, deadline)
    connect_anew_in_children(engine)
    return engine


def _open(url: URL, pool_size: int, deadline: float | None) -> Engine:
    try:
        if url.get_backend_name() == "postgresql":
            engine = create_engine(
                url,
                pool_size=pool_size,
                max_overflow=2,
                pool_timeout=_POOL_TIMEOUT if deadline is None else deadline,
                pool_use_lifo=True,  # few connections do most of the work, and have its statements prepared
                isolation_level="AUTOCOMMIT",  # the driver starts no transactions of its own; _begin_postgresql does
                use_native_hstore=False,  # or each new connection asks for the type, in a transaction of its own
                hide_parameters=True,  # errors are logged, and parameters name participants
                connect_args=_POSTGRESQL_ARGUMENTS,
            )
            if deadline is not None:
                limit_silence(engine, deadline)
            event.listen(engine, "connect", _look_who_answers)
            event.listen(engine, "begin", _begin_postgresql)
            event.listen(engine, "handle_error", _drop_unprepared)
            event.listen(engine, "do_execute", raise_error)
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


def preparing(engine: Engine) -> Engine:
    """The same engine and connections, for a few statements that run all the time: PostgreSQL plans each once in a few
    seconds, whatever its parameters, where the connection is its own. Planning takes far longer than running them.

    A limit is to be written into such a statement: PostgreSQL takes one that is a parameter for a tenth of a table.
    """
    return engine.execution_options(jurat_prepares=True)


def reader(engine: Engine) -> Engine:
    """The same engine and connections, for transactions that only read: on SQLite these wait for no writer."""
    return engine.execution_options(jurat_reads_only=True)


def is_away(error: Exception) -> bool:
    """Whether the database is down, hung or full, or has ended our connection: what SQLAlchemy raises for that."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def state_of(error: Exception) -> str:
    """The SQLSTATE of what the database said; "" where it has none, as on SQLite."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def is_too_much(error: DBAPIError) -> bool:
    """Whether a statement failed because of what was given to it: a value that the database can not hold, more of them
    than it takes, or so many that it ran out of memory or time.
    """
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: data_exception, program_limit_exceeded,
    # internal_error (of a size), and the states of time and memory. SQLite says DataError, and Python that it is long.
    return is_out_of_time(error) or state_of(error)[:2] in ("22", "54", "XX") or isinstance(error, DataError)


def is_out_of_time(error: DBAPIError) -> bool:
    """Whether a statement or transaction ended because it took longer, or more memory, than it may."""
    return state_of(error) in ("25P03", "25P04", "53200", "57014")


def is_missing_table(error: DBAPIError) -> bool:
    """Whether a statement failed because a table or view that it names is not there."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined_table. SQLite has only the text.
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _look_who_answers(connection: Any, record: Any) -> None:
    # A pooler has a session of its own with us, under a number of its own, and ours with PostgreSQL may be another's
    # next time: what is prepared in it would be lost, or somebody else's.
    (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    record.info["jurat_direct"] = pid == connection.info.backend_pid
    record.info["jurat_bounds"] = _BOUNDS
    if connection.info.server_version >= _HAS_BOUND_OF_ALL:
        record.info["jurat_bounds"] = _BOUNDS | _BOUND_OF_ALL
        record.info["jurat_travels"] = record.info["jurat_direct"]


def _begin_postgresql(connection: Connection) -> None:
    """Begin, which also shows whether the connection is alive: one that was cut while it was idle is replaced."""
    if "isolation_level" in connection.get_execution_options():
        return  # the driver begins as it was told to
    try:
        _send_begin(connection)
    except DBAPIError as error:
        if not error.connection_invalidated or is_silence(error):
            raise
        _send_begin(connection)


def _send_begin(connection: Connection) -> None:
    """BEGIN, with what holds for this transaction alone and what it begins with: all in one round trip."""
    options, info = connection.get_execution_options(), connection.info
    raw: Any = connection.connection.dbapi_connection
    settings: dict[str, Any] = {**info["jurat_bounds"]} if options.get("jurat_bounded") else {}
    plan_anew = False
    raw.prepare_threshold = None
    if options.get("jurat_prepares") and info["jurat_direct"]:
        raw.prepare_threshold = _PREPARED_AFTER
        settings |= _PLANS_KEPT
        now = time.monotonic()
        plan_anew = now - info.setdefault("jurat_planned", now) >= _PLANS_LAST
        if plan_anew:
            info["jurat_planned"] = now
    if first := options.get("jurat_first"):
        before = ("BEGIN", *["DISCARD PLANS"] * plan_anew, *_set(tuple(settings.items())))
        begin: list[Statement] = [(sql, {}) for sql in before]
        first.found = travel(connection, [*begin, *first.statements])[len(begin) :]
    else:
        if plan_anew:  # apart, for it takes a snapshot, and no transaction that has one may choose its isolation
            connection.exec_driver_sql("DISCARD PLANS")
        local = (f"SET LOCAL {name} = {value}" for name, value in settings.items())
        connection.exec_driver_sql(";".join(("BEGIN", *local)))


@lru_cache
def _set(settings: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    """SQL that sets all of them for a transaction, where only one statement is sent at a time."""
    each = (f"set_config('{name}', '{value}', true)" for name, value in settings)
    return (f"SELECT {', '.join(each)}",) if settings else ()


def _drop_unprepared(context: ExceptionContext) -> None:
    # The connection goes, with all that was prepared on it, and whoever used it tries again.
    if getattr(context.original_exception, "sqlstate", None) in _NOT_PREPARED:
        raw: Any = context.connection and context.connection.connection.dbapi_connection
        if raw is not None and raw.prepare_threshold is not None:
            context.is_disconnect = True


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
