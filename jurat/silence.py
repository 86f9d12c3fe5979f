"""How long PostgreSQL may say nothing: a server that hangs must not hold for ever whoever waits for it.

A server that hangs ends no statement, so its own time limits do not help; and its kernel acknowledges what it is sent,
so that neither keep-alives nor `tcp_user_timeout` notice. Only who waits can give up. psycopg 3 has no time limit for
an answer, but it waits in one place, `Connection.wait`, and looks up ten times a second there while nothing comes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, scoped_session

from jurat.errors import ConfigurationError


class Silence(Exception):
    """The database has said nothing for too long. It is raised as the driver's own OperationalError as well."""


def limit_silence(engine: Engine, seconds: float) -> None:
    """Have each new connection of an engine on PostgreSQL give up after `seconds` without a word, and be closed then.

    What waits raises OperationalError, as with a connection that was cut. Each answer is waited for anew.
    """
    event.listen(engine, "connect", lambda raw, _record: _limit(raw, seconds))


@contextmanager
def silence_limited(connection: Any, seconds: float | None) -> Iterator[None]:
    """The same for a connection of somebody else, while the block lasts.

    For one of psycopg 3, also where SQLAlchemy or Django wraps it. Any other waits as long as it does by itself.
    """
    raw = _psycopg_of(connection)
    if raw is None or seconds is None:
        yield
        return
    before = vars(raw).get("wait")
    _limit(raw, seconds)
    try:
        yield
    finally:
        if before is None:
            del raw.wait
        else:
            raw.wait = before


def is_silence(error: Exception) -> bool:
    """Whether SQLAlchemy raises this because the database said nothing for too long."""
    return isinstance(getattr(error, "orig", None), Silence)


def seconds_of(deadline: object) -> float | None:
    """A deadline that a platform gave, in seconds; None for none.

    Raises ConfigurationError.
    """
    if deadline is None:
        return None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not 0 < deadline < float("inf"):
        raise ConfigurationError("deadline must be a number of seconds above 0, or None to wait without end")
    return float(deadline)


def _limit(raw: Any, seconds: float) -> None:
    wait = raw.wait

    def wait_within(answering: Any, *arguments: Any, **values: Any) -> Any:
        return wait(_within(answering, raw, seconds), *arguments, **values)

    raw.wait = wait_within


def _within(answering: Generator[Any, Any, Any], raw: Any, seconds: float) -> Generator[Any, Any, Any]:
    """What psycopg waits for, which ends in an error after `seconds` in which nothing could be read or written."""
    give_up_at = None
    try:
        wanted = next(answering)
        while True:
            ready = yield wanted
            if ready:
                give_up_at = None
            elif give_up_at is None:
                give_up_at = time.monotonic() + seconds
            elif time.monotonic() > give_up_at:
                raw.pgconn.finish()  # nobody knows what is under way on it
                raise _silence(raw.OperationalError)(f"the database has not answered for {seconds:g} s")
            wanted = answering.send(ready)
    except StopIteration as ended:
        return ended.value


@cache
def _silence(driver_error: type[Exception]) -> type[Exception]:
    return type("Silence", (Silence, driver_error), {"__doc__": Silence.__doc__, "__module__": __name__})


def _psycopg_of(connection: Any) -> Any:
    """The connection of psycopg 3 itself; None where it is another driver's, or asynchronous."""
    psycopg: Any = sys.modules.get("psycopg")  # who has a connection of it has loaded it
    if psycopg is None:
        return None
    if isinstance(connection, Session | scoped_session):
        connection = connection.connection()
    if isinstance(connection, Connection):
        connection = connection.connection.dbapi_connection
    elif getattr(connection, "vendor", None) == "postgresql":  # Django's, which connects when it is first used
        connection.ensure_connection()
        connection = connection.connection
    return connection if isinstance(connection, psycopg.Connection) else None
