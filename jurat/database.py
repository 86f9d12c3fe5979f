"""How jurat opens the shared database: settings that both the client and the workers need.

PostgreSQL is opened through psycopg 3, without start-up options, so PgBouncer in transaction mode may be in between.
Server-side prepared statements are used only without a pooler. SQLite is in WAL mode with full durability. Each of our
transactions there starts with BEGIN IMMEDIATE, because a reader that becomes a writer fails at once and does not wait.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from jurat.batches import Statement, raise_error, travel
from jurat.dialects import BY_NAME, dialect_of
from jurat.errors import ConfigurationError
from jurat.forks import reconnect_in_children
from jurat.silence import is_silence, limit_silence

_BUSY = 5.0
_BUSY_REST = 0.001
"""Seconds that a transaction waits for another writer of a SQLite file, and seconds between two tries."""

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

_NOT_COMPILED = {"jit": "off"}
"""PostgreSQL compiles a statement that it takes for long, where the tables have grown. Ours read a few rows each, and
compiling one took up to 1.7 s."""

_BOUND_OF_ALL = {"transaction_timeout": 12_000}
_HAS_BOUND_OF_ALL = 170_000
"""From version 17 on PostgreSQL limits a transaction as a whole. That ends one whose last message arrived only in part:
no other limit holds in the middle of a message, and it would keep its locks for hours."""

_PREPARED_AFTER = 1
"""How often a statement runs on a connection before it is prepared."""

_PLANS_KEPT = {"plan_cache_mode": "force_generic_plan"}

_PLANS_LAST = 3.0
"""Seconds for which PostgreSQL keeps the plan of a prepared statement. A plan made for an empty table would read all of
a full one, and PostgreSQL itself makes a new plan only after its next ANALYZE, which may be a minute away."""

_NOT_PREPARED = frozenset({"26000", "42P05", "0A000"})
"""SQLSTATEs for a prepared statement that does not exist, exists already, or no longer fits its tables:
invalid_sql_statement_name, duplicate_prepared_statement, feature_not_supported."""

_READ_ONLY = "25006"
"""SQLSTATE of a write to a server that takes none: read_only_sql_transaction."""

_SEVERAL_HOSTS = re.compile(r"(?P<before>postgres[a-z0-9+]*://(?:[^:/@]*(?::[^@]*)?@)?+)(?P<hosts>[^/?@]*,[^/?@]*)")
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d*))?")

ESCAPES = "in a password write @ as %40, / as %2F, : as %3A and % as %25"
"""Advice for a URL that cannot be read."""


def parse_url(text: str) -> URL:
    """The database's URL with the driver that jurat uses. It may name several hosts (`h1:5432,h2`), as for libpq.

    Raises ConfigurationError; the message never holds the URL, which may hold a password.
    """
    try:
        url = _with_several_hosts(text) or make_url(text)
    except (ArgumentError, TypeError, ValueError):
        raise ConfigurationError(
            f"the database URL cannot be read; expected postgresql://… or sqlite:///…; {ESCAPES}"
        ) from None
    match url.get_backend_name():
        case "postgresql" | "postgres":
            if text.partition("?")[0].count("@") > (url.username is not None):
                # A part of the password would be taken for a host, sent to the name server, and shown in errors.
                raise ConfigurationError(f"the database URL has an @ too many; {ESCAPES}")
            return url.set(drivername="postgresql+psycopg")
        case "sqlite":
            return url.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(
        "the database URL names neither PostgreSQL nor SQLite; expected postgresql://… or sqlite:///…"
    )


def _with_several_hosts(text: str) -> URL | None:
    """SQLAlchemy's form of a URL with several hosts; None if there is only one. Raises ValueError."""
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
    found = _SEVERAL_HOSTS.match(text)
    if found is None:
        return None
    each = [_HOST.fullmatch(part) for part in found["hosts"].split(",")]
    if not all(each):
        raise ValueError
    hosts = ",".join(host["host"].strip("[]") for host in each if host)
    ports = ",".join(host["port"] or "" for host in each if host)
    return make_url(found["before"] + text[found.end() :]).update_query_dict({"host": hosts, "port": ports})


def open_engine(text: str, *, pool_size: int = 5, deadline: float | None = None) -> Engine:
    """An engine on the shared database. It connects lazily, and commits nothing by itself. A process that is forked off
    later opens connections of its own.

    With a `deadline`, nothing waits longer than so many seconds for an answer of PostgreSQL or a free connection. After
    that it raises OperationalError, or the pool's TimeoutError; `is_away` recognises both. The connection is closed,
    because its state is unknown, and so are all others of the pool before they are used again.

    Use it with `begin()`, which replaces a connection that was cut while it was idle. A statement that begins a
    transaction by itself comes too late for that.

    Raises ConfigurationError if the URL cannot be read or PostgreSQL's driver is not installed.
    """
    engine = _open(parse_url(text), pool_size, deadline)
    reconnect_in_children(engine)
    return engine


def _open(url: URL, pool_size: int, deadline: float | None) -> Engine:
    try:
        if not BY_NAME[url.get_backend_name()].in_a_file:
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
            event.listen(engine, "connect", _refuse_encodings, insert=True)  # before SQLAlchemy reads the first text
            event.listen(engine, "connect", _look_who_answers)
            event.listen(engine, "begin", _begin_postgresql)
            event.listen(engine, "handle_error", _drop_useless)
            event.listen(engine, "do_execute", raise_error)
            return engine
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 5.0, "check_same_thread": False})
    except ImportError:  # also psycopg without its C library
        raise ConfigurationError("PostgreSQL needs psycopg 3: pip install 'psycopg[binary]'") from None
    event.listen(engine, "do_connect", make_private)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def bounded(engine: Engine) -> Engine:
    """The same engine and connections, for the short transactions of workers: PostgreSQL ends one that is idle or slow.

    Otherwise a worker that was stopped, or whose connection was cut, would keep its row locks for hours, and those
    checks would wait as long. The limits are set for each transaction, because behind PgBouncer no session is ours.
    """
    return engine.execution_options(jurat_bounded=True)


def preparing(engine: Engine) -> Engine:
    """The same engine and connections, for a few statements that run all the time. Without a pooler, PostgreSQL plans
    each only once in a few seconds, whatever its parameters. Planning takes far longer than running them.

    Write a LIMIT into such a statement: PostgreSQL assumes that one in a parameter is a tenth of the table.
    """
    return engine.execution_options(jurat_prepares=True)


def reader(engine: Engine) -> Engine:
    """The same engine and connections, for transactions that only read: on SQLite they do not wait for writers."""
    return engine.execution_options(jurat_reads_only=True)


def as_role(engine: Engine, role: str) -> Engine:
    """The same engine and connections, for transactions with the rights of `role` alone, of which the user is a member.

    PostgreSQL takes them back at the end of each transaction. SQLite has no roles.
    """
    return engine.execution_options(jurat_role=role)


def is_away(error: Exception) -> bool:
    """Whether an error means that the database is down, hangs, is full or read-only, or ended our connection."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and (error.connection_invalidated or is_read_only(error))


def is_read_only(error: Exception) -> bool:
    """Whether the database takes no writes: it is a standby, a former primary, or was set to read-only."""
    return state_of(error) == _READ_ONLY


def state_of(error: Exception) -> str:
    """The SQLSTATE of a database's error; "" if it has none, as on SQLite."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def is_unfit(error: Exception) -> bool:
    """Whether the database lacks what a statement names, or this user may not use it: the schema is missing or older
    than this code, or it is the wrong user. Or the URL has an option that the driver does not know.
    """
    # insufficient_privilege, undefined_column, undefined_function, undefined_table, invalid_schema_name
    if state_of(error) in ("42501", "42703", "42883", "42P01", "3F000"):
        return True
    return isinstance(error, DBAPIError) and "invalid connection option" in str(error.orig)


def is_too_much(error: DBAPIError) -> bool:
    """Whether a statement failed because of its values: one that the database cannot hold, more than it takes, or so
    many that it ran out of memory or time.
    """
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: data_exception, program_limit_exceeded,
    # internal_error (of a size), and the states of time and memory. SQLite says DataError, and Python that it is long.
    return is_out_of_time(error) or state_of(error)[:2] in ("22", "54", "XX") or isinstance(error, DataError)


def is_out_of_time(error: DBAPIError) -> bool:
    """Whether a statement or transaction ended because it took longer, or more memory, than it may."""
    return state_of(error) in ("25P03", "25P04", "53200", "57014")


NO_FILE = "there is no database"
"""How the error of a missing SQLite file begins."""


def is_missing_table(error: DBAPIError) -> bool:
    """Whether a statement failed because a table or view that it names is not there."""
    # https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined_table. SQLite has only the text.
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _refuse_encodings(connection: Any, _record: Any) -> None:
    encoding = connection.info.parameter_status("server_encoding") or "UTF8"  # a pooler may not say
    if encoding != "UTF8":
        # Other encodings hold only some texts, and SQL_ASCII holds any bytes. Raised as an error of the driver's own.
        raise connection.OperationalError(
            f"the database has the encoding {encoding}, which cannot hold every text; make one with "
            "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
        )


def _look_who_answers(connection: Any, record: Any) -> None:
    # A pooler gives us a session of its own, with a process id of its own, and may use another session of PostgreSQL
    # each time. What was prepared in one would be lost, or be someone else's.
    (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    record.info["jurat_direct"] = pid == connection.info.backend_pid
    record.info["jurat_bounds"] = _BOUNDS | _NOT_COMPILED
    if connection.info.server_version >= _HAS_BOUND_OF_ALL:
        record.info["jurat_bounds"] |= _BOUND_OF_ALL
        record.info["jurat_travels"] = record.info["jurat_direct"]


def _begin_postgresql(connection: Connection) -> None:
    """Begin a transaction. This also shows whether the connection is alive: one that was cut while idle is replaced."""
    if "isolation_level" in connection.get_execution_options():
        return  # the driver begins by itself
    try:
        _send_begin(connection)
    except DBAPIError as error:
        if not error.connection_invalidated or is_silence(error):
            raise
        _send_begin(connection)


def _send_begin(connection: Connection) -> None:
    """Send BEGIN, the settings of this transaction and its first statements, all in one round trip."""
    options, info = connection.get_execution_options(), connection.info
    raw: Any = connection.connection.dbapi_connection
    settings: dict[str, Any] = {**info["jurat_bounds"]} if options.get("jurat_bounded") else {}
    if role := options.get("jurat_role"):
        settings["role"] = role
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
        if plan_anew:  # apart: it takes a snapshot, and a transaction that has one can no longer choose its isolation
            connection.exec_driver_sql("DISCARD PLANS")
        local = (f"SET LOCAL {name} = {value}" for name, value in settings.items())
        connection.exec_driver_sql(";".join(("BEGIN", *local)))


@lru_cache
def _set(settings: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    """One statement that sets all of them for a transaction; none if there are none."""
    each = (f"set_config('{name}', '{value}', true)" for name, value in settings)
    return (f"SELECT {', '.join(each)}",) if settings else ()


def _drop_useless(context: ExceptionContext) -> None:
    # The connections are dropped, with everything prepared on them, and their users try again: of several hosts another
    # may be the primary by now.
    state = getattr(context.original_exception, "sqlstate", None)
    raw: Any = context.connection and context.connection.connection.dbapi_connection
    unprepared = state in _NOT_PREPARED and raw is not None and raw.prepare_threshold is not None
    if unprepared or state == _READ_ONLY:
        context.is_disconnect = True


def make_private(_dialect: Any, _record: Any, arguments: Any, options: Any) -> None:
    """Make a new SQLite file readable by its owner alone. Listens to `do_connect`."""
    # SQLite makes a new database with the umask, and gives the files next to it, -wal and -shm, the database's mode. It
    # holds who takes part in what: only its owner may read it, unless the operator changes that.
    name = str(arguments[0]) if arguments else str(options.get("database", ""))
    if name and name != ":memory:" and not options.get("uri"):
        with suppress(OSError):  # it exists, or cannot be made, which SQLite itself reports next
            os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def make_no_file(engine: Engine, why: Callable[[Path], str]) -> None:
    """Keep a SQLite engine from making a file: if there is none, connecting raises OperationalError with the text that
    `why` gives, which begins with NO_FILE. For everything but `db upgrade`: an empty file would hide that there is no
    database.
    """
    if not dialect_of(engine).in_a_file:
        return

    def refuse(_dialect: Any, _record: Any, arguments: Any, options: Any) -> None:
        name = str(arguments[0]) if arguments else ""
        if name and name != ":memory:" and not options.get("uri") and not Path(name).exists():
            raise sqlite3.OperationalError(why(Path(name)))

    event.listen(engine, "do_connect", refuse)
    if event.contains(engine, "do_connect", make_private):
        event.remove(engine, "do_connect", make_private)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver starts no transactions of its own; _begin does
    # Many builds of SQLite leave deleted bytes in the file: answers and erased participants would be among them.
    pragmas = (f"busy_timeout={_BUSY * 1000:.0f}", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").close()
    # If several open a new file at once, SQLite lets one switch to WAL, and the others fail without waiting.
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
    # SQLite itself waits up to 0.1 s at a time, which slows down threads of one process that write in turn.
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
