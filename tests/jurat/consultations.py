"""A database with an invented consultation, and what `config apply` and the workers would write into it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg
import psycopg.rows
from sqlalchemy import Connection, TextClause, create_engine, make_url, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason

ADDRESS = {"number": "8", "street": "quai des Tanneurs", "postcode": "99310", "city": "Valmont"}
ADDRESS_SCHEMA = {
    "type": "object",
    "required": ["street", "postcode"],
    "properties": {
        "number": {"type": "string", "maxLength": 10},
        "street": {"type": "string", "minLength": 2, "maxLength": 200, "titles": {"en": "Street", "fr": "Rue"}},
        "postcode": {"type": "string", "pattern": "^[0-9]{5}$"},
        "city": {"type": "string"},
    },
}
CODE_SCHEMA = {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "minLength": 4}}}
FREE_SCHEMA = {"type": "object", "additionalProperties": {"type": "string"}}

_ASK = text(
    "INSERT INTO jurat_questions (consultation, question, position, criterion, source, sources, rounds, deadline_s,"
    " answer_schema, title, consultation_title, contact, config_version, valid_s, renew_s) VALUES (:consultation,"
    " :question, :position, 'lives-in', :source, :sources, :rounds, 3600, :schema, '{}', '{}', '{}', 1, :valid_s,"
    " :renew_s)"
)


def plain(url: str) -> Any:
    """A DB-API connection as anybody could open it: the driver's own defaults, nothing of jurat."""
    if url.startswith("sqlite"):
        return sqlite3.connect(make_url(url).database or "", timeout=5.0)
    return psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


class Town:
    """The shared database of one invented town, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)
        self._now = "now()" if self.engine.dialect.name == "postgresql" else "strftime('%Y-%m-%d %H:%M:%f', 'now')"

    def furnish(self) -> None:
        """Clear all, and publish two consultations. `notes` is a table of the platform's own."""
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS notes (body text)"))
            connection.execute(text("UPDATE jurat_checks SET state = 'settled'"))  # others may not be deleted
            connection.execute(text(f"UPDATE jurat_requests SET applied_at = {self._now} WHERE applied_at IS NULL"))
            for table in (
                "notes",
                "jurat_requests",
                "jurat_verdicts",
                "jurat_checks",
                "jurat_access",
                "jurat_questions",
                "jurat_sources",
            ):
                connection.execute(text(f"DELETE FROM {table}"))
            for row in (
                self._question("budget", "residence", position=1),
                self._question("budget", "profession", position=2, schema=FREE_SCHEMA, source="rpps"),
                self._question("budget", "code", position=3, schema=CODE_SCHEMA, rounds=3, source="spring"),
                self._question("budget-2027", "residence"),
            ):
                connection.execute(_ASK, row)

    def ask(self, consultation: str, question: str, **given: Any) -> None:
        """Publish a question, as `config apply` does."""
        self.write(_ASK, **self._question(consultation, question, **given))

    def _question(
        self,
        consultation: str,
        question: str,
        *,
        schema: Mapping[str, Any] = ADDRESS_SCHEMA,
        rounds: int = 1,
        position: int = 1,
        source: str = "towns",
        valid_s: float | None = None,
        renew_s: float | None = None,
    ) -> dict[str, Any]:
        return {
            "consultation": consultation,
            "question": question,
            "position": position,
            "source": source,
            "sources": json.dumps([source]),
            "rounds": rounds,
            "schema": json.dumps(schema),
            "valid_s": valid_s,
            "renew_s": renew_s,
        }

    def settle(
        self,
        check: UUID,
        outcome: Outcome,
        reason: Reason | str,
        revision: int = 1,
        by: str = "worker",
        days_ago: float = 0,
        evidence: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write a verdict, as a worker or a reviewer does, without its part in `jurat_access`. It need not be kept."""
        self.write(
            "INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version,"
            f" source, fence, decided_at, retain_until) VALUES (:id, :revision, :outcome, :reason, :evidence, :by, 1,"
            f" 'towns', 1, {self.ago(days_ago)}, {self._now})",
            id=str(check),
            revision=revision,
            outcome=outcome.value,
            reason=str(reason),
            by=by,
            evidence=json.dumps(dict(evidence)),
        )
        self.write(
            f"UPDATE jurat_checks SET state = 'settled', answer = NULL, settled_at = {self._now} WHERE id = :id",
            id=str(check),
        )

    def word(
        self, participant: str, kind: str, question: str | None = None, *, applied: bool = True, **given: Any
    ) -> None:
        """What a person asked for, as a worker has applied it, without what it adds to `jurat_access`."""
        self.write(
            "INSERT INTO jurat_requests (id, kind, consultation, participant, question, by_whom, asked_at, applied_at,"
            " refused) VALUES (:id, :kind, 'budget', :participant, :question, 'a clerk',"
            f" {self.ago(given.get('days_ago', 0))}, {self.ago(given.get('days_ago', 0)) if applied else 'NULL'},"
            " :refused)",
            id=str(uuid7()),
            kind=kind,
            participant=participant,
            question=question,
            refused=given.get("refused"),
        )
        time.sleep(0.001)  # SQLite counts milliseconds: what is decided next is decided later

    def ago(self, days: float) -> str:
        """SQL for a time so many days ago."""
        if self.engine.dialect.name == "postgresql":
            return f"now() - make_interval(secs => {days * 86400})"
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '{-days:+} days')"

    def write(self, sql: str | TextClause, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(sql) if isinstance(sql, str) else sql, parameters)

    def read(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(sql), parameters)]

    def count(self, table: str) -> int:
        return int(self.read(f"SELECT count(*) FROM {table}")[0][0])

    def close(self) -> None:
        self.engine.dispose()


@contextlib.contextmanager
def _sqlalchemy(url: str, wrap: Callable[[Connection], Any]) -> Iterator[Any]:
    driver = "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"
    engine = create_engine(make_url(url).set(drivername=driver))  # the platform's own engine, not jurat's
    try:
        with engine.connect() as connection, connection.begin():
            yield wrap(connection)
    finally:
        engine.dispose()


@contextlib.contextmanager
def _session(url: str) -> Iterator[Any]:
    with _sqlalchemy(url, Session) as session:
        yield session
        session.flush()


@contextlib.contextmanager
def _scoped_session(url: str) -> Iterator[Any]:
    with _sqlalchemy(url, lambda connection: scoped_session(sessionmaker(connection))) as session:
        yield session
        session.flush()


@contextlib.contextmanager
def _sqlite(url: str, set_up: Callable[[sqlite3.Connection], Any], *, begin: str | None = None) -> Iterator[Any]:
    with contextlib.closing(plain(url)) as connection:
        set_up(connection)
        if begin:
            connection.execute(begin)
        with connection:
            yield connection


@contextlib.contextmanager
def _psycopg(url: str, row_factory: Any) -> Iterator[Any]:
    with plain(url) as connection:
        connection.row_factory = row_factory
        yield connection


class _PlatformConnection(sqlite3.Connection):
    """A platform may have a class of its own."""


@contextlib.contextmanager
def _sqlite_subclass(url: str) -> Iterator[Any]:
    path = make_url(url).database or ""
    with contextlib.closing(sqlite3.connect(path, factory=_PlatformConnection)) as connection, connection:
        yield connection


def _named(cursor: Any, row: Sequence[Any]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


WAYS: dict[str, Callable[[str], contextlib.AbstractContextManager[Any]]] = {
    "sqlite: SQLAlchemy connection": lambda url: _sqlalchemy(url, lambda connection: connection),
    "sqlite: SQLAlchemy session": _session,
    "sqlite: SQLAlchemy scoped session": _scoped_session,
    "sqlite: sqlite3": lambda url: _sqlite(url, lambda _: None),
    "sqlite: sqlite3 without isolation": lambda url: _sqlite(
        url, lambda connection: setattr(connection, "isolation_level", None), begin="BEGIN"
    ),
    "sqlite: sqlite3 with Row": lambda url: _sqlite(
        url, lambda connection: setattr(connection, "row_factory", sqlite3.Row)
    ),
    "sqlite: sqlite3 with dicts": lambda url: _sqlite(
        url, lambda connection: setattr(connection, "row_factory", _named)
    ),
    "sqlite: a subclass of sqlite3": _sqlite_subclass,
    "postgresql: SQLAlchemy connection": lambda url: _sqlalchemy(url, lambda connection: connection),
    "postgresql: SQLAlchemy session": _session,
    "postgresql: SQLAlchemy scoped session": _scoped_session,
    "postgresql: psycopg": lambda url: _psycopg(url, psycopg.rows.tuple_row),
    "postgresql: psycopg with dicts": lambda url: _psycopg(url, psycopg.rows.dict_row),
    "postgresql: psycopg with scalars": lambda url: _psycopg(url, psycopg.rows.scalar_row),
}
"""The kinds of connection that a platform may hand over: each opens a transaction, commits it or rolls it back."""


def execute(connection: Any, sql: str) -> Any:
    """The platform's own statement in the same transaction."""
    return connection.execute(sql if isinstance(connection, sqlite3.Connection | psycopg.Connection) else text(sql))
