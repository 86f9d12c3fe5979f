"""How long a page waits for PostgreSQL: a server that has stopped answering must not hold every thread with it.

`rights.sql` has PostgreSQL end each statement of the web tier after 8 s. A server that hangs ends nothing, and its
kernel still acknowledges what it is sent, so that neither keep-alives nor `tcp_user_timeout` notice. Then only the
waiting side can give up.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine, event

PATIENCE_S = 9.0
"""Seconds to wait for an answer: more than `statement_timeout`, so that only a server that hangs takes so long."""

REST_S = 5.0
"""Seconds in which a server that did not answer is not asked: pages apologise at once, and threads stay free."""

Kept = TypeVar("Kept")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up. All of a process share what one of them has found out."""

    _rests_until = 0.0

    @classmethod
    def connect(cls, *arguments: Any, **values: Any) -> Any:
        """As of psycopg, whose `connect_timeout` holds here."""
        cls._rest()
        try:
            return super().connect(*arguments, **values)
        except psycopg.errors.ConnectionTimeout:
            cls._begin_rest()
            raise

    def wait(self, gen: Any, *arguments: Any, **values: Any) -> Any:
        """As of psycopg, which looks up ten times a second while nothing comes."""
        try:
            self._rest()
            return super().wait(self._bounded(gen), *arguments, **values)
        except _GivenUp:
            self.pgconn.finish()  # what is under way on it is unknown
            raise

    def _bounded(self, gen: Generator[Any, Any, Kept]) -> Generator[Any, Any, Kept]:
        end = time.monotonic() + PATIENCE_S
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    self._begin_rest()
                    raise _GivenUp("the database does not answer")
                wanted = gen.send(ready)
        except StopIteration as ended:
            kept: Kept = ended.value
            return kept

    @classmethod
    def _begin_rest(cls) -> None:
        PatientConnection._rests_until = time.monotonic() + REST_S

    @classmethod
    def _rest(cls) -> None:
        if time.monotonic() < cls._rests_until:
            raise _GivenUp("the database did not answer a moment ago")


class _GivenUp(psycopg.OperationalError):
    """Which SQLAlchemy takes for a connection that is lost, as it is."""


def be_patient() -> None:
    """For all engines of this process, also that of jurat's client."""
    event.listen(Engine, "do_connect", _connect)


def _connect(dialect: Any, _record: Any, arguments: Any, values: Any) -> Any:
    return PatientConnection.connect(*arguments, **values) if dialect.name == "postgresql" else None
