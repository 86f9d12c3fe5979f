"""Registers workers: which run, what each serves, which keys it has, and which keys are missing.

A worker reports every `SEEN_EVERY` seconds. Commands and pages read about the fleet from these rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from config.logger import get_logger
from jurat.database import reader
from jurat.statements import rows_json
from jurat.times import instant
from jurat.vocabulary import State
from store.answer_keys import sealed_answers
from store.dialects import StoreDialect, dialect_of
from store.hash_keys import hash_keys
from store.queue.pauses import KEPT as SPANS_KEPT
from store.rows import columns_of, row_of
from store.schema.status import SchemaStatus, schema_of
from store.verdicts.records import WORKER, add_audit_row
from tasks.rules.source_limits import Span

log = get_logger("jurat.engine")

SEEN_EVERY = 10.0
"""Seconds between two reports of a worker."""

LIVE = 30.0
"""Seconds after which a worker without a report counts as gone."""

KEPT = 86_400.0
"""Seconds for which the row of a worker is kept that did not delete it itself."""

MOST_ANSWERS = 100
"""Waiting answers are counted up to so many, for each key and source."""

VANISHED = "worker vanished"
"""The action in the audit row of a worker that ended without a goodbye and came back."""

SAME_SPAN = 600.0
"""Seconds without a look by any worker, after which a missing key begins a new span."""

SourceKey = tuple[str, str]
"""A source and the id of the key that opens an answer waiting there."""


@dataclass(frozen=True, slots=True)
class Member:
    """A worker's report. `sources` is None when it serves all, `revision` its newest migration; keys are ids only."""

    id: UUID
    host: str
    name: str
    version: str
    revision: str
    slots: int
    held: int = 0
    sources: tuple[str, ...] | None = None
    config_version: int | None = None
    unseal_keys: tuple[str, ...] = ()
    hash_keys: tuple[str, ...] = ()
    ready: bool = False
    stopping: bool = False

    def is_for(self, source: str) -> bool:
        """Whether it serves the source while it runs."""
        return self.sources is None or source in self.sources


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow(Member):
    """A worker by its row. It was last seen `age` seconds ago, at `seen_at`."""

    started_at: datetime
    seen_at: datetime
    age: float

    @property
    def live(self) -> bool:
        """Whether it was seen lately."""
        return self.age <= LIVE

    def serves(self, source: str) -> bool:
        """Whether it now looks up what waits for a source. Without a configuration it looks nothing up."""
        return self.live and not self.stopping and self.config_version is not None and self.is_for(source)


class Keyholders:
    """The keys that workers have for the answers of each source. `own` are those of a worker that has no row yet."""

    def __init__(self, workers: Iterable[WorkerRow], own: Collection[str] = ()) -> None:
        self._live = [worker for worker in workers if worker.live]
        self._own = frozenset(own)

    @classmethod
    def read(cls, connection: Connection, own: Collection[str] = ()) -> Keyholders:
        return cls(workers(connection), own)

    def of(self, source: str) -> frozenset[str]:
        """The keys of the live workers that serve a source; if none serves it, those of all."""
        serving = [worker for worker in self._live if worker.is_for(source)] or self._live
        keys = frozenset(key for worker in serving for key in worker.unseal_keys)
        return keys if serving else self._own

    def lack(self, wanted: Iterable[SourceKey]) -> set[SourceKey]:
        """Those of `wanted` whose key no worker has for their source."""
        return {(source, key) for source, key in wanted if key not in self.of(source)}


class Fleet:
    """A worker's own row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._entered = False

    def report(self, member: Member) -> Mapping[str, int]:
        """Write this worker's row; returns how many waiting answers of its sources (up to `MOST_ANSWERS` of each) are
        sealed for each key that it lacks. Keys that no live worker of their source has are recorded as missing.

        A worker of this host and name that vanished leaves an audit row.
        """
        with self._engine.begin() as connection:
            dialect = dialect_of(connection)
            # The vanished runs of this worker go: one that is killed again and again would fill the table.
            if not self._entered:
                sql = "DELETE FROM jurat_workers WHERE host = :host AND name = :name AND seen_at < "
                same = {"host": member.host, "name": member.name}
                if connection.execute(text(sql + dialect.now(str(-LIVE))), same).rowcount:
                    add_audit_row(connection, WORKER, VANISHED, member.name, {"host": member.host})
            connection.execute(text(_report(dialect)), {"row": json.dumps({**asdict(member), "id": str(member.id)})})
            found = _waiting(connection)
            missing = Keyholders.read(connection).lack(found) if found else ()
            begun = _record_missing(connection, sorted(missing)) if missing else []
        self._entered = True
        for source, key in begun:
            log.error(
                "key missing",
                source=source,
                key=key,
                advice="no live worker opens these answers; bring back the key with this id",
            )
        strange: dict[str, int] = {}
        for (source, key), count in found.items():
            if member.is_for(source) and key not in member.unseal_keys:
                strange[key] = strange.get(key, 0) + count
        return strange

    def schema(self) -> SchemaStatus:
        return schema_of(self._engine)

    def hash_keys(self) -> set[str]:
        """The ids of all keys that a worker needs for codes and numbers."""
        with reader(self._engine).begin() as connection:
            return hash_keys(connection)

    def leave(self, member: UUID) -> None:
        with self._engine.begin() as connection:
            sql = f"DELETE FROM jurat_workers WHERE id = {dialect_of(connection).uuid()}"
            connection.execute(text(sql), {"id": str(member)})


def workers(connection: Connection) -> list[WorkerRow]:
    """All workers that have a row, live or not, by host and name."""
    dialect = dialect_of(connection)
    age = dialect.seconds_between(dialect.now(), "seen_at")
    sql = f"""
        SELECT {columns_of(WorkerRow)} FROM (SELECT *, {age} AS age FROM jurat_workers) AS w
        ORDER BY host, name, started_at"""
    return [row_of(WorkerRow, row) for row in connection.execute(text(sql))]


def missing_spans(connection: Connection) -> dict[SourceKey, list[Span]]:
    """When each key was missing at a source, in spans that do not overlap: its answers could not be looked up."""
    rows = connection.execute(text("SELECT source, answer_key, since, seen_at FROM jurat_missing_keys ORDER BY since"))
    spans: dict[SourceKey, list[Span]] = {}
    for source, key, since, seen in rows:
        spans[source, key] = merge([*spans.get((source, key), []), (instant(since), instant(seen))])
    return spans


def missing_since(connection: Connection) -> dict[SourceKey, datetime]:
    """The keys that are missing now by source, each with the time since when."""
    sql = f"""
        SELECT source, answer_key, min(since) FROM jurat_missing_keys
        WHERE seen_at >= {dialect_of(connection).now(str(-LIVE))} GROUP BY source, answer_key"""
    return {(source, key): instant(since) for source, key, since in connection.execute(text(sql))}


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same times in spans that do not overlap, in their order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def forget(connection: Connection) -> None:
    """Delete the rows of workers that vanished, and the spans of keys that were missing long ago."""
    dialect = dialect_of(connection)
    connection.execute(text(f"DELETE FROM jurat_workers WHERE seen_at < {dialect.now(str(-KEPT))}"))
    connection.execute(text(f"DELETE FROM jurat_missing_keys WHERE seen_at < {dialect.now(str(-SPANS_KEPT))}"))


@lru_cache
def _report(dialect: StoreDialect) -> str:
    columns = (
        "id uuid, host text, name text, version text, revision text, slots int, held int, sources jsonb, "
        "config_version int, unseal_keys jsonb, hash_keys jsonb, ready boolean, stopping boolean"
    )
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    now = dialect.now()
    if dialect.has_jsonb:
        values = names.replace("sources", "CASE WHEN jsonb_typeof(sources) = 'array' THEN sources END")
        select = f"SELECT {values}, {now}, {now} FROM jsonb_to_record(CAST(:row AS jsonb)) AS r({columns})"
    else:
        values = ", ".join(f":row ->> '{name}'" for name in names.split(", "))
        select = f"SELECT {values}, {now}, {now} WHERE true"
    changed = ("slots", "held", "sources", "config_version", "unseal_keys", "ready", "stopping", "seen_at")
    return f"""
        INSERT INTO jurat_workers ({names}, started_at, seen_at) {select}
        ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in changed)}"""


def _waiting(connection: Connection) -> dict[SourceKey, int]:
    """How many answers wait or are held by workers, by source and key. Those in review need no worker."""
    counts: dict[SourceKey, int] = {}
    for each in sealed_answers(connection, MOST_ANSWERS):
        if each.state != State.REVIEW:
            counts[each.source, each.key] = counts.get((each.source, each.key), 0) + each.count
    return counts


def _record_missing(connection: Connection, keys: Sequence[SourceKey]) -> list[SourceKey]:
    """Record that these keys, in their order, are missing now: prolong their spans, or begin new ones. Returns those
    whose span begins: of all workers, one gets each.
    """
    dialect = dialect_of(connection)
    now, wanted = dialect.now(), dialect.rowset("name text, key text")
    is_open = f"m.source = r.name AND m.answer_key = r.key AND m.seen_at >= {dialect.now(str(-SAME_SPAN))}"
    rows = {"rows": rows_json([{"name": source, "key": key} for source, key in keys])}
    prolong = f"""
        UPDATE jurat_missing_keys AS m SET seen_at = {now} FROM {wanted} WHERE {is_open}
        RETURNING source, answer_key"""
    if {(source, key) for source, key in connection.execute(text(prolong), rows)}.issuperset(keys):
        return []
    # Several workers may find it at once: one begins the span, and the others see it.
    lock = f"""
        SELECT name FROM jurat_sources WHERE name IN (SELECT r.name FROM {wanted})
        ORDER BY name {dialect.row_lock("FOR UPDATE")}"""
    connection.execute(text(lock), rows)
    begin = f"""
        INSERT INTO jurat_missing_keys (source, answer_key, since, seen_at)
        SELECT r.name, r.key, {now}, {now} FROM {wanted}
        WHERE NOT EXISTS (SELECT 1 FROM jurat_missing_keys m WHERE {is_open})
        ON CONFLICT DO NOTHING RETURNING source, answer_key"""
    return [(source, key) for source, key in connection.execute(text(begin), rows)]
