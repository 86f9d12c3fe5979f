"""The statements of the contract as SQL, and the connections that they run on.

The text is the contract: a platform in another language sends the same. It differs between the engines only in the
clock, in casts and in how a JSON array becomes rows: see `jurat.dialects`. Nothing here opens, commits or rolls back a
transaction: the platform does that.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection, TextClause, text

from jurat.dialects import BY_NAME, POSTGRESQL, SQLITE, SqlDialect
from jurat.errors import InvalidSubmission, SchemaMissing

CONTRACT_VERSION = 1
"""Raised when a platform built on an earlier version would break. A migration within a version only adds."""


def rows_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """The parameter of a `rowset`. Raises ValueError, TypeError or RecursionError for what is no JSON, such as NaN."""
    return json.dumps(rows, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)


def in_force(alias: str) -> str:
    """SQL that is true for a row of `jurat_requests` that was applied and affects the access."""
    kinds = f"{alias}.kind IN ('reopen', 'revoke', 'restore')"
    return f"{kinds} AND {alias}.applied_at IS NOT NULL AND {alias}.refused IS NULL"


def ended_by(dialect: SqlDialect) -> str:
    """SQL for the accepted questions that have ended `q.question` for `r.participant`, as JSON; null if none have.

    The row of `jurat_access` counts only while neither time nor a changed configuration has outdated it, and while all
    questions that it names are accepted.
    """
    found, names, state = dialect.choose(
        postgresql=(
            "a.ended -> q.question",
            "jsonb_array_elements_text({}) AS b (name)",
            "a.questions ->> b.name",
        ),
        sqlite=(
            "(SELECT e.value FROM json_each(a.ended) e WHERE e.key = q.question)",
            "json_each({}) AS b",
            "(SELECT s.value FROM json_each(a.questions) s WHERE s.key = b.value)",
        ),
    )
    return f"""(
        SELECT CAST({found} AS text) FROM jurat_access a
        WHERE a.consultation = q.consultation AND a.participant = r.participant
          AND a.config_version >= q.config_version AND (a.changes_at IS NULL OR a.changes_at > {dialect.now()})
          AND NOT EXISTS (SELECT 1 FROM {names.format(found)} WHERE coalesce({state}, '') <> 'accepted'))"""


@lru_cache
def accepted(dialect: SqlDialect) -> str:
    """The newest accepted check of a participant to one of the questions in `:rows`."""
    return f"""
        SELECT c.id FROM {dialect.rowset("question text")}
        JOIN jurat_checks c ON c.consultation = :consultation AND c.participant = :participant
          AND c.question = r.question
        JOIN jurat_verdicts v ON v.check_id = c.id AND v.outcome = 'accepted'
          AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        ORDER BY v.decided_at DESC, c.id DESC LIMIT 1"""


@lru_cache
def history(dialect: SqlDialect) -> str:
    """For each (position, consultation, participant, question) in `:rows`: the question, the earlier answers, and the
    accepted questions that have ended it.

    Further rows, without a source, have the requests of persons that count there; their state is the kind of request.
    """
    schema = "CAST(q.answer_schema AS text)"
    theirs = "c.consultation = r.consultation AND c.participant = r.participant AND c.question = r.question"
    about = f"""s.consultation = r.consultation AND s.participant = r.participant
             AND (s.question = r.question OR s.kind <> 'reopen') AND {in_force("s")}"""
    checks = dialect.join_each("jurat_checks c", theirs, "c.id, c.round, c.state", left=True)
    requests = dialect.join_each("jurat_requests s", about, "s.id, s.kind, s.applied_at, s.asked_at")
    rows = dialect.rowset("position int, consultation text, participant text, question text")
    return f"""
        SELECT r.position AS position, q.source, q.rounds, {schema}, c.id AS id, c.round AS round, c.state, v.outcome,
               v.reason, v.decided_at AS at, {dialect.now()}, q.valid_s, q.renew_s, NULL AS asked_at, 0 AS asked,
               {ended_by(dialect)}
        FROM {rows}
        LEFT JOIN jurat_questions q ON q.consultation = r.consultation AND q.question = r.question
        {checks}
        LEFT JOIN jurat_verdicts v ON v.check_id = c.id
             AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        UNION ALL
        SELECT r.position, NULL, NULL, NULL, s.id, NULL, s.kind, NULL,
               NULL, s.applied_at, {dialect.now()}, NULL, NULL, s.asked_at, 1, NULL
        FROM {rows}
        {requests}
        ORDER BY position, asked, round, at, asked_at, id"""


@lru_cache
def taken(dialect: SqlDialect) -> str:
    """Of the (id, consultation, participant, question) in `:rows`, the ids that belong to another answer already."""
    return f"""
        SELECT c.id FROM {dialect.rowset("id uuid, consultation text, participant text, question text")}
        JOIN jurat_checks c ON c.id = r.id
        WHERE c.consultation <> r.consultation OR c.participant <> r.participant OR c.question <> r.question"""


_COLUMNS = (
    "id, consultation, participant, question, round, priority, answer, answer_key, reply_key, traceparent, "
    "source, due_at, submitted_at, deadline_at"
)


@lru_cache
def insert(dialect: SqlDialect) -> str:
    """The documented INSERT: one confirmed answer becomes a check. It writes no row if the answer was confirmed before.

    On PostgreSQL it takes any number of answers in `:rows` and returns the ids that were written.
    """
    if dialect.decodes_hex:
        columns = (
            "id uuid, consultation text, participant text, question text, round int, priority text, answer text, "
            "answer_key text, reply_key text, traceparent text"
        )
        values = (
            "r.id, q.consultation, r.participant, q.question, r.round, r.priority, decode(r.answer, 'hex'), "
            "r.answer_key, decode(r.reply_key, 'hex'), r.traceparent"
        )
        origin = f"{dialect.rowset(columns)} JOIN jurat_questions q USING (consultation, question)"
        # The order in which Python sorts, as the caller's chunks do.
        order = 'ORDER BY r.consultation COLLATE "C", r.participant COLLATE "C", r.question COLLATE "C"'
        returning = " RETURNING id"
    else:
        values = (
            ":id, q.consultation, :participant, q.question, :round, :priority, :answer, :answer_key, :reply_key, "
            ":traceparent"
        )
        origin = "jurat_questions q WHERE q.consultation = :consultation AND q.question = :question"
        order = returning = ""
    clock = f"{dialect.now()}, {dialect.now()}, {dialect.now('q.deadline_s')}"
    return f"""
        INSERT INTO jurat_checks ({_COLUMNS})
        SELECT {values}, q.source, {clock}
        FROM {origin} {order}
        ON CONFLICT DO NOTHING{returning}"""


class Statements(Protocol):
    """Runs SQL with named parameters inside someone else's transaction."""

    dialect: SqlDialect
    connection: Any
    """What the platform gave, or the connection of its Session."""

    def run(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of a SELECT."""
        ...

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Number of rows that an INSERT, UPDATE or DELETE touched."""
        ...


class OnSqlAlchemy:
    """A SQLAlchemy Connection, or a Session's."""

    def __init__(self, connection: Connection, dialect: SqlDialect) -> None:
        self.connection = connection
        self.dialect = dialect

    def run(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.execute(prepared(sql), dict(parameters))]

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        return self.connection.execute(prepared(sql), dict(parameters)).rowcount


@lru_cache(maxsize=256)
def prepared(sql: str) -> TextClause:
    """SQL that SQLAlchemy has parsed once. For the few statements that run all the time."""
    return text(sql)


class OnDbApi:
    """A DB-API connection: psycopg, sqlite3, or one that Django wraps around them."""

    def __init__(self, connection: Any, dialect: SqlDialect) -> None:
        self.connection = connection
        self._driver = _driver(connection)
        self.dialect = dialect

    def run(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        cursor = self._execute(sql, parameters)
        rows = [tuple(row.values() if isinstance(row, Mapping) else row) for row in cursor.fetchall()]
        cursor.close()
        return rows

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        cursor = self._execute(sql, parameters)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def _execute(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        cursor = self.connection.cursor()
        if self._driver in _TUPLES:
            cursor.row_factory = _TUPLES[self._driver]
        # Only sqlite3 itself takes :name; Django takes %(name)s for SQLite too.
        cursor.execute(sql if self._driver == "sqlite3" else percent(sql, tuple(parameters)), parameters)
        return cursor


_INDENTATION = re.compile(r"\n\s+")


@lru_cache(maxsize=256)
def percent(sql: str, names: tuple[str, ...]) -> str:
    """SQL in the `%(name)s` style of psycopg and Django, from the `:name` style."""
    sql = _INDENTATION.sub("\n", sql).replace("%", "%%")  # psycopg keeps what it has parsed up to 4,096 characters
    for name in sorted(names, key=len, reverse=True):
        sql = sql.replace(f":{name}", f"%({name})s")
    return sql


_DIALECTS = {
    "psycopg": POSTGRESQL,
    "psycopg2": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "sqlite3": SQLITE,
    "sqlite": SQLITE,
}


_TUPLES: Mapping[str, Any] = {"psycopg": lambda _cursor: tuple, "sqlite3": None}
"""Row factories that give tuples, whatever the platform has set on its connection."""


def _driver(connection: Any) -> str:
    """Whose connection it is: the vendor that Django names, or the package of its class or of a parent class."""
    if vendor := getattr(connection, "vendor", None):
        return str(vendor)
    if inspect.iscoroutinefunction(getattr(connection, "commit", None)):
        return ""
    packages = (kind.__module__.partition(".")[0] for kind in type(connection).__mro__)
    return next((package for package in packages if package in _DIALECTS), "")


def require_tables(statements: Statements) -> None:
    """Raise SchemaMissing unless the tables of our contract version are there. No statement fails for it."""
    if not statements.run(statements.dialect.has_table("jurat_contract"), {})[0][0]:
        raise SchemaMissing("the database has no jurat tables; run `bin/jurat db upgrade`")
    version = statements.run("SELECT max(version) FROM jurat_contract", {})[0][0]
    if version != CONTRACT_VERSION:
        raise SchemaMissing(
            f"the database has contract version {version} and this client speaks {CONTRACT_VERSION}; "
            "update the older of the two"
        )


def without_session(connection: Any) -> Any:
    """The connection of a SQLAlchemy Session; what is none as it is."""
    # Who has a Session has loaded the ORM. We need it for nothing else: 6 MB, and a seventh of the time to start.
    orm: Any = sys.modules.get("sqlalchemy.orm")
    if orm is not None and isinstance(connection, orm.Session | orm.scoped_session):
        return connection.connection()
    return connection


def statements_on(connection: Any) -> Statements:
    """What runs statements on a platform's connection. Raises InvalidSubmission if jurat knows none of its kind."""
    connection = without_session(connection)
    if isinstance(connection, Connection):
        if dialect := BY_NAME.get(connection.dialect.name):
            return OnSqlAlchemy(connection, dialect)
    elif dialect := _DIALECTS.get(_driver(connection)):
        return OnDbApi(connection, dialect)
    raise InvalidSubmission(
        f"{type(connection).__name__} is no connection that can be used: give a SQLAlchemy Connection or Session, "
        "or a connection of psycopg, sqlite3 or Django"
    )
