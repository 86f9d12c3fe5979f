"""PostgreSQL as the service connects to it: a server that has stopped answering holds nobody for long.

A server that hangs ends nothing: its own bounds of a statement and a transaction hold no more. Its kernel still
acknowledges what it is sent, so neither keepalives nor `tcp_user_timeout` notice. Only who waits can give up.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, event

PATIENCE = 13.0
"""Seconds to wait for the end of a statement of a bounded transaction: more than the server's own bounds, so that only
one that hangs takes so long. As long for what every connection begins with."""

LONGER = 30.0
"""Seconds for all other statements of a worker. Less than a thread of its engine may stand still."""

LONGEST = 600.0
"""Seconds for those of a command, which may import a whole country's addresses."""

_Kept = TypeVar("_Kept")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up, and is closed then: nobody knows what is under way on it."""

    patience = PATIENCE

    def wait(self, gen: Any, *arguments: Any, **values: Any) -> Any:
        """As of psycopg, which looks up ten times a second while nothing comes."""
        return super().wait(self._bounded(gen), *arguments, **values)

    def _bounded(self, gen: Generator[Any, Any, _Kept]) -> Generator[Any, Any, _Kept]:
        end = time.monotonic() + self.patience
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the database has not answered for {self.patience:.0f} s")
                wanted = gen.send(ready)
        except StopIteration as ended:
            kept: _Kept = ended.value
            return kept


def give_up(engine: Engine, longest: float) -> None:
    """Have statements on this engine's connections fail, as of a database that is away, when no answer comes within
    `PATIENCE` in transactions that are bounded, and within `longest` seconds in others.
    """

    def connect(_dialect: Any, _record: Any, arguments: Any, values: Any) -> Any:
        return PatientConnection.connect(*arguments, **values)

    def begin(connection: Connection) -> None:
        _raw(connection).patience = PATIENCE  # of BEGIN, and of what travels with it

    def begun(connection: Connection) -> None:
        if not connection.get_execution_options().get("jurat_bounded"):
            _raw(connection).patience = longest

    event.listen(
        engine, "do_connect", lambda _dialect, _record, args, values: PatientConnection.connect(*args, **values)
    )
    event.listen(engine, "begin", begin, insert=True)
    event.listen(engine, "begin", begun)


def _raw(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
