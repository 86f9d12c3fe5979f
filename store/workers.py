"""Registers workers: which run, what each serves, which keys it has, and which keys are missing.

A worker reports every `SEEN_EVERY` seconds. Commands and pages read about the fleet from these rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.seal import KEY_ID_LENGTH
from jurat.statements import rows_json
from jurat.times import instant
from store.dialects import POSTGRESQL, StoreDialect, dialect_of
from store.hash_keys import hash_keys
from store.queue.pauses import KEPT as SPANS_KEPT
from store.queue.turns import queues, waiting
from store.rows import columns_of, row_of
from store.schema.status import SchemaStatus, schema_of
from tasks.rules.source_limits import Span

SEEN_EVERY = 10.0
"""Seconds between two reports of a worker."""

LIVE = 30.0
"""Seconds after which a worker without a report counts as gone."""

KEPT = 86_400.0
"""Seconds for which the row of a worker is kept that did not delete it itself."""

HEADS = 100
"""Checks at the head of each queue whose keys are read. Answers that no worker can open stay there; others move on."""

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
        """Those of the registered workers."""
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
        """Write this worker's row; returns how many answers of its sources, at the heads of the queues or held by other
        workers, are sealed for each key that it lacks. Keys that no live worker of their source has are recorded as
        missing.
        """
        with self._engine.begin() as connection:
            dialect = dialect_of(connection)
            # The vanished runs of this worker go: one that is killed again and again would fill the table.
            if not self._entered:
                sql = "DELETE FROM jurat_workers WHERE host = :host AND name = :name AND seen_at < "
                same = {"host": member.host, "name": member.name}
                connection.execute(text(sql + dialect.now(str(-LIVE))), same)
            connection.execute(text(_report(dialect)), {"row": json.dumps({**asdict(member), "id": str(member.id)})})
            found = _at_heads(connection)
            if missing := Keyholders.read(connection).lack(found) if found else ():
                _record_missing(connection, sorted(missing))
        self._entered = True
        strange: dict[str, int] = {}
        for (source, key), count in found.items():
            if member.is_for(source) and key not in member.unseal_keys:
                strange[key] = strange.get(key, 0) + count
        return strange

    def schema(self) -> SchemaStatus:
        """How the schema fits this program."""
        return schema_of(self._engine)

    def hash_keys(self) -> set[str]:
        """The ids of all keys that codes and numbers in the database were hashed with."""
        with reader(self._engine).begin() as connection:
            return hash_keys(connection)

    def leave(self, member: UUID) -> None:
        """Delete the row of a worker that ends."""
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
    changed = ("slots", "held", "sources", "config_version", "ready", "stopping", "seen_at")
    return f"""
        INSERT INTO jurat_workers ({names}, started_at, seen_at) {select}
        ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in changed)}"""


def _at_heads(connection: Connection) -> Mapping[SourceKey, int]:
    """How many due answers at the heads of the queues, and held ones, are sealed for each key."""
    dialect = dialect_of(connection)
    if dialect.has_lateral:
        rows = connection.execute(text(_HEADS), {"most": HEADS}).all()
    else:
        found = connection.execute(text(f"{_every(dialect)} SELECT * FROM queues WHERE consultation IS NOT NULL")).all()
        rows = [
            row
            for source, priority, consultation in found
            for row in connection.execute(
                text(_head(dialect)),
                {"source": source, "priority": priority, "consultation": consultation, "most": HEADS},
            )
        ]
    counts: dict[SourceKey, int] = {}
    for source, key, count in (*rows, *connection.execute(text(_HELD))):
        counts[source, key] = counts.get((source, key), 0) + count
    return counts


_HELD = f"""
    SELECT c.source, c.answer_key, count(*) FROM jurat_checks c
    WHERE c.state = 'leased' AND c.answer IS NOT NULL AND length(c.answer_key) = {KEY_ID_LENGTH}
    GROUP BY c.source, c.answer_key"""


def _every(dialect: StoreDialect) -> str:
    return f"WITH RECURSIVE every AS (SELECT name AS source FROM jurat_sources), {queues(dialect, 'every')}"


def _head(dialect: StoreDialect, of: str = ":") -> str:
    """SQL for the keys at the head of one queue, whose columns are parameters or those of the alias in `of`."""
    same = " AND ".join(f"c.{name} = {of}{name}" for name in ("source", "priority", "consultation"))
    return f"""
        SELECT h.source, h.answer_key, count(*) FROM (
          SELECT c.source, c.answer_key, c.answer IS NOT NULL AS answered FROM jurat_checks c
          WHERE {waiting()} AND {same} AND c.due_at <= {dialect.now()} ORDER BY c.due_at LIMIT :most) AS h
        WHERE h.answered AND length(h.answer_key) = {KEY_ID_LENGTH} GROUP BY h.source, h.answer_key"""


_HEADS = f"""{_every(POSTGRESQL)}
    SELECT k.source, k.answer_key, CAST(sum(k.count) AS int)
    FROM queues q CROSS JOIN LATERAL ({_head(POSTGRESQL, "q.")}) AS k
    GROUP BY k.source, k.answer_key"""


def _record_missing(connection: Connection, keys: Iterable[SourceKey]) -> None:
    """Record that these keys, in their order, are missing now: prolong their spans, or begin new ones."""
    dialect = dialect_of(connection)
    now, wanted = dialect.now(), dialect.rowset("source text, key text")
    is_open = f"m.source = r.source AND m.answer_key = r.key AND m.seen_at >= {dialect.now(str(-SAME_SPAN))}"
    rows = rows_json([{"source": source, "key": key} for source, key in keys])
    for sql in (
        f"UPDATE jurat_missing_keys AS m SET seen_at = {now} FROM {wanted} WHERE {is_open}",
        f"""
        INSERT INTO jurat_missing_keys (source, answer_key, since, seen_at)
        SELECT r.source, r.key, {now}, {now} FROM {wanted}
        WHERE NOT EXISTS (SELECT 1 FROM jurat_missing_keys m WHERE {is_open}) ON CONFLICT DO NOTHING""",
    ):
        connection.execute(text(sql), {"rows": rows})
