"""Reads the whole fleet from the database, in one short transaction and in bounded time, whatever waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.vocabulary import State
from store.answer_keys import is_key_id, sealed_answers
from store.dialects import StoreDialect, dialect_of
from store.monitoring.fleet import MOST_SEALED, NO_KEY, FleetReading, KeyReading, Observation, SourceReading, Waiting
from store.monitoring.notes import BACKUP_NOTE, KEYS_CHECK
from store.queue import backlog
from store.rows import row_of
from store.schema.status import schema_status
from store.seal_keys import seal_key_left
from store.workers import LIVE, VANISHED, Keyholders, SourceKey, WorkerRow, workers

MOST = backlog.MOST_COUNTED
"""Whatever waits is counted up to so many."""

TABLES = ("jurat_checks", "jurat_verdicts", "jurat_attempts", "jurat_access", "jurat_requests", "jurat_audit")


class FleetReader:
    """Reads the fleet again and again. Not thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reader(engine)
        self._dialect = dialect_of(engine)
        self._named_at: int | None = None
        self._names: frozenset[str] = frozenset()

    def observe(self) -> Observation:
        """Look at the database once. Raises SQLAlchemy's errors where it does not answer within seconds."""
        with self._engine.begin() as connection:
            if self._dialect.watches:
                connection.exec_driver_sql(self._dialect.watches)
            writable = bool(connection.execute(text(f"SELECT {self._dialect.takes_writes}")).scalar())
            schema = schema_status(connection)
            return Observation(writable, schema, self.read(connection) if schema.usable else None)

    def read(self, connection: Connection) -> FleetReading:
        registered = workers(connection)
        live = [worker for worker in registered if worker.live]
        answers, waiting = _answers(connection)
        lack = Keyholders(live).lack(waiting) if live else set()
        missing = {lock: count for lock, count in waiting.items() if lock in lack}
        holders = Counter(key for worker in live for key in worker.unseal_keys)
        config_version = connection.execute(text("SELECT max(version) FROM jurat_configs")).scalar()
        backup_age, keys_age, came_back = connection.execute(text(_noted(self._dialect))).one()
        return FleetReading(
            workers=registered,
            sources=[_met(each, registered, missing) for each in self._sources(connection, config_version, live)],
            keys={key: KeyReading(answers.get(key, 0), holders[key]) for key in sorted({*answers, *holders})},
            missing=missing,
            upkeep=_upkeep(connection),
            reviews=_reviews(connection),
            requests=_requests(connection),
            publications=connection.execute(text(_PUBLICATIONS)).scalar() or 0,
            config_version=config_version,
            tables=_tables(connection),
            backup_age=backup_age,
            keys_age=keys_age,
            seal_key_left=seal_key_left(connection),
            vanished=came_back + sum(LIVE < worker.age <= _HOUR for worker in registered),
        )

    def _sources(
        self, connection: Connection, config_version: int | None, live: Sequence[WorkerRow]
    ) -> list[SourceReading]:
        """The sources of the applied configuration, and others for which something waits."""
        if config_version != self._named_at:
            rows = connection.execute(text(_names(self._dialect)))
            self._named_at, self._names = config_version, frozenset(row[0] for row in rows)
        rows = connection.execute(text(_source_rows(self._dialect)))
        found = [row_of(SourceReading, row) for row in rows]
        stale = {each.name for each in found if not live or each.figures_age is None or each.figures_age > LIVE}
        if stale:
            found = _counted(connection, found, stale)
        return [each for each in found if each.unsettled or each.name in self._names]


_HOUR = 3600.0

_NOTED = f"action IN ('{BACKUP_NOTE}', '{KEYS_CHECK}', '{VANISHED}')"
"""The condition of the index `jurat_audit_noted`. SQLite uses it only where a statement repeats that."""

_PUBLICATIONS = "SELECT count(*) FROM jurat_consultations WHERE coalesce(answered_revision, 0) < revision"


def _answers(connection: Connection) -> tuple[dict[str, int], dict[SourceKey, int]]:
    """How many stored answers are sealed for each key, and how many of them wait for each source."""
    stored: dict[str, int] = {}
    waiting: dict[SourceKey, int] = {}
    for each in sealed_answers(connection, MOST_SEALED):
        # A platform may write any text there, and what watches shows no one's words.
        key = each.key if is_key_id(each.key) else NO_KEY
        stored[key] = min(MOST_SEALED, stored.get(key, 0) + each.count)
        if each.state != State.REVIEW:
            waiting[each.source, key] = min(MOST_SEALED, waiting.get((each.source, key), 0) + each.count)
    return stored, waiting


def _met(source: SourceReading, registered: Sequence[WorkerRow], missing: Mapping[SourceKey, int]) -> SourceReading:
    """The source with the workers that serve it, and its answers that none of them opens."""
    serving = sum(worker.serves(source.name) for worker in registered)
    strange = sum(count for (name, _), count in missing.items() if name == source.name)
    return replace(source, workers=serving, key_missing=min(MOST_SEALED, strange))


def _counted(connection: Connection, found: Sequence[SourceReading], stale: Collection[str]) -> list[SourceReading]:
    """The sources with what waits counted now, where no worker has done that lately, or will."""
    counted = {row["source"]: row for row in backlog.waiting_counts(connection)}
    return [
        replace(each, due=row["due"], later=row["waiting"] - row["due"], oldest_due_age=row["age"])
        if each.name in stale and (row := counted.get(each.name))
        else each
        for each in found
    ]


def _upkeep(connection: Connection) -> dict[str, float]:
    sql = f"SELECT task, {_age(dialect_of(connection), 'ran_at')} FROM jurat_upkeep ORDER BY task"
    return {task: float(age) for task, age in connection.execute(text(sql))}


def _reviews(connection: Connection) -> Waiting:
    """The reviews that nobody has decided, and since when the first of them is due."""
    dialect = dialect_of(connection)
    due = f"CASE WHEN due_at <= {dialect.now()} THEN {_age(dialect, 'due_at')} END"
    sql = f"""
        SELECT count(*), count(overdue), coalesce(max(overdue), 0.0) FROM (
          SELECT {due} AS overdue FROM jurat_reviews WHERE decided_at IS NULL ORDER BY due_at LIMIT {MOST}) AS r"""
    return Waiting(*connection.execute(text(sql)).one())


def _requests(connection: Connection) -> dict[str, Waiting]:
    dialect = dialect_of(connection)
    # The age of what can be withdrawn counts from when it no longer can.
    age = dialect.greatest("0.0", _age(dialect, "min(asked_at)"))
    sql = f"""
        SELECT kind, count(*), count(*), {age} FROM (
          SELECT kind, coalesce(apply_from, asked_at) AS asked_at FROM jurat_requests WHERE applied_at IS NULL
          ORDER BY jurat_requests.asked_at LIMIT {MOST}) AS r
        GROUP BY kind ORDER BY kind"""
    return {kind: Waiting(*row) for kind, *row in connection.execute(text(sql))}


def _tables(connection: Connection) -> dict[str, tuple[int, int]]:
    sql = dialect_of(connection).table_sizes
    if not sql:
        return {}
    rows = connection.execute(text(sql), {"tables": list(TABLES)})
    return {name: (size, dead) for name, size, dead in sorted(rows)}


def _age(dialect: StoreDialect, moment: str) -> str:
    return dialect.seconds_between(dialect.now(), f"({moment})")


@lru_cache
def _noted(dialect: StoreDialect) -> str:
    def last(action: str) -> str:
        return _age(dialect, f"SELECT max(at) FROM jurat_audit WHERE {_NOTED} AND action = '{action}'")

    return f"""
        SELECT {last(BACKUP_NOTE)}, {last(KEYS_CHECK)}, (
          SELECT count(*) FROM jurat_audit
          WHERE {_NOTED} AND action = '{VANISHED}' AND at > {dialect.now(str(-_HOUR))})"""


@lru_cache
def _names(dialect: StoreDialect) -> str:
    newest = "SELECT document FROM jurat_configs WHERE whole ORDER BY version DESC LIMIT 1"
    return dialect.choose(
        postgresql=f"SELECT jsonb_object_keys(d.document -> 'sources') FROM ({newest}) AS d",
        sqlite=f"SELECT s.key FROM ({newest}) AS d, json_each(d.document, '$.sources') AS s",
    )


@lru_cache
def _source_rows(dialect: StoreDialect) -> str:
    """SQL for the columns of `SourceReading`, in its order, without those that others fill in."""
    now = dialect.now()
    ages = {
        name: _age(dialect, f"s.{column}")
        for name, column in {
            "oldest_due_age": "oldest_due_at",
            "broken_age": "opened_at",
            "success_age": "last_success_at",
            "failure_age": "last_failure_at",
            "figures_age": "figures_at",
            "suspect_age": "suspect_since",
        }.items()
    }
    until = {
        name: dialect.seconds_between(f"s.{column}", now)
        for name, column in {"paused": "paused_until", "closed": "closed_until", "next_start": "next_start_at"}.items()
    }
    deadline = "SELECT min(c.deadline_at) FROM jurat_checks c WHERE c.state = 'pending' AND c.source = s.name"
    columns = {
        "name": "s.name",
        "due": "s.due",
        "later": "s.waiting - s.due",
        "leased": "coalesce(l.held, 0)",
        "next_deadline": dialect.seconds_between(f"({deadline})", now),
        "pause_reason": "s.pause_reason",
        "failures": "s.failures",
        "last_failure": "s.last_failure",
        "used": "s.day_used",
        "limit": "s.most_slots",
        "wait": "s.wait_s",
        "key_missing": "0",
        "workers": "0",
        **{name: f"s.{name}" for name in ("suspect_reason", "suspect_share", "usual_share")},
        **ages,
        **until,
    }
    return f"""
        SELECT {", ".join(columns[field.name] for field in fields(SourceReading))}
        FROM jurat_sources s
        LEFT JOIN (SELECT c.source, count(*) AS held FROM jurat_checks c WHERE c.state = 'leased' GROUP BY c.source) l
          ON l.source = s.name
        ORDER BY s.name"""
