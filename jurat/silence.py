"""Limits how long PostgreSQL may stay silent: a server that hangs must not block its callers for ever.

A server that hangs ends no statement, so its own time limits do not help. Its kernel still acknowledges what it is
sent, so neither keep-alives nor `tcp_user_timeout` notice. Only the caller can give up. psycopg 3 has no time limit for
an answer, but it waits in one place, `Connection.wait`.
"""

from __future__ import annotations

import math
import select
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from weakref import ref

from sqlalchemy import Connection, Engine, event

from jurat.errors import ConfigurationError
from jurat.statements import without_session


class Silence(Exception):
    """The database has been silent for too long. What is raised is also an OperationalError of the driver."""


def limit_silence(engine: Engine, seconds: float) -> None:
    """Make each new connection of an engine on PostgreSQL give up after `seconds` of silence, and close it then.

    What waits raises OperationalError, as if the connection had been cut. The time starts again with each answer.
    """
    event.listen(engine, "connect", lambda raw, _record: limit(raw, seconds), insert=True)


@contextmanager
def silence_limited(connection: Any, seconds: float | None) -> Iterator[None]:
    """The same for a connection of someone else, during the block.

    It works for connections of psycopg 3, also if SQLAlchemy or Django wraps them. Any other connection has no limit.
    """
    raw = psycopg_of(connection)
    if raw is None or seconds is None or "wait" in vars(raw):  # limited already, by its engine or by another thread
        yield
        return
    limit(raw, seconds)
    try:
        yield
    finally:
        vars(raw).pop("wait", None)


def is_silence(error: Exception) -> bool:
    """Whether SQLAlchemy raised this error because the database was silent for too long."""
    return isinstance(getattr(error, "orig", None), Silence)


def seconds_of(deadline: object) -> float | None:
    """A deadline that a platform gave, in seconds; None for none. Raises ConfigurationError."""
    if deadline is None:
        return None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 < deadline < float("inf"):
        raise ConfigurationError("deadline must be a number of seconds above 0, or None to wait without end")
    return float(deadline)


def limit(raw: Any, seconds: float) -> None:
    """The same for one connection of psycopg 3, from now on. One that is limited already gets the new limit."""
    if not type(raw).wait.__module__.startswith("psycopg"):
        return  # a class of the platform's own, which waits in its own way
    # A weak reference, so that a connection without users goes at once, and not at the next garbage collection.
    raw.wait = partial(_wait_within, ref(raw), seconds)


def _wait_within(connection: Any, seconds: float, answering: Any, *arguments: Any, **values: Any) -> Any:
    raw = connection()
    if arguments or values:  # with limits of its own, as when it listens or cancels
        return type(raw).wait(raw, answering, *arguments, **values)
    return _wait(answering, raw, seconds)


def _wait(answering: Generator[int, int, Any], raw: Any, seconds: float) -> Any:
    """Do what psycopg's own `wait` does: let `answering` go on whenever the socket is ready for what it wants.

    That function has no time limit in most releases of psycopg, and never returns during a pause in older ones.
    """
    socket = raw.pgconn.socket
    try:
        wanted = next(answering)
        while True:
            try:
                ready = _ready(socket, wanted, seconds)
            except BaseException:
                raw.pgconn.finish()  # its state is unknown
                raise
            if not ready:
                raw.pgconn.finish()
                raise _silence(raw.OperationalError)(f"the database has not answered for {seconds:g} s")
            wanted = answering.send(ready)
    except StopIteration as ended:
        return ended.value


def _ready(socket: int, wanted: int, seconds: float) -> int:
    """What the socket is ready for of `wanted`: 1 to read, 2 to write, as in psycopg; 0 after `seconds` without any."""
    if not hasattr(select, "poll"):  # on Windows, and where it was replaced by a library of green threads
        readable, writable, _ = select.select([socket] * (wanted & 1), [socket] * (wanted >> 1), [], seconds)
        return bool(readable) | bool(writable) << 1
    poll = select.poll()
    poll.register(socket, select.POLLIN * (wanted & 1) | select.POLLOUT * (wanted >> 1))
    found = poll.poll(math.ceil(seconds * 1000))
    if not found:
        return 0
    events = found[0][1]
    told = bool(events & select.POLLIN) | bool(events & select.POLLOUT) << 1
    return told or wanted  # it was closed, or broke: the next read or write says so


@cache
def _silence(driver_error: type[Exception]) -> type[Exception]:
    return type("Silence", (Silence, driver_error), {"__doc__": Silence.__doc__, "__module__": __name__})


def psycopg_of(connection: Any) -> Any:
    """The connection of psycopg 3 itself; None if it is another driver's, or asynchronous."""
    psycopg: Any = sys.modules.get("psycopg")  # loaded by now, if this is a connection of it
    if psycopg is None:
        return None
    connection = without_session(connection)
    if isinstance(connection, Connection):
        connection = connection.connection.dbapi_connection
    elif getattr(connection, "vendor", None) == "postgresql":  # Django's, which connects when it is first used
        connection.ensure_connection()
        connection = connection.connection
    return connection if isinstance(connection, psycopg.Connection) else None
