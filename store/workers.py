"""Registers workers: which run, what each serves, which keys it has, and which keys are missing.

A worker says every `SEEN_EVERY` seconds that it is there. What is told of a fleet is read from these rows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.columns import instant
from jurat.seal import KEY_ID_LENGTH
from jurat.statements import rows_json
from store.dialects import POSTGRESQL, StoreDialect, dialect_of
from store.queue.pauses import KEPT as SPANS_KEPT
from store.queue.turns import queues, waiting
from tasks.rules.rate_limits import Span

SEEN_EVERY = 10.0
"""Seconds in which a worker says that it is there."""

LIVE = 30.0
"""Seconds after which a worker that said nothing counts as gone."""

KEPT = 86_400.0
"""Seconds that the row of a worker stays which did not take it away itself."""

HEADS = 100
"""Checks at the head of each queue whose keys are looked at. What nobody opens stays there, what follows goes by."""

SAME_SPAN = 600.0
"""Seconds without a worker that looked, after which a key that is missing counts as missing again."""

SourceKey = tuple[str, str]
"""A source and the id of the key that opens an answer which waits there."""


@dataclass(frozen=True, slots=True)
class Member:
    """What a worker says of itself. `sources` is None where it serves all; `revision` is the newest migration that it
    knows. The keys are ids alone.
    """

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
        """Whether it serves a source while it runs."""
        return self.sources is None or source in self.sources


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow(Member):
    """A worker as its row tells it: `age` seconds have gone by since it was `seen_at`."""

    started_at: datetime
    seen_at: datetime
    age: float

    @property
    def live(self) -> bool:
        """Whether it was seen of late."""
        return self.age <= LIVE

    def serves(self, source: str) -> bool:
        """Whether it looks up what waits for a source, now. Without a configuration it looks nothing up."""
        return self.live and not self.stopping and self.config_version is not None and self.is_for(source)


class Keyholders:
    """Which keys are there for the answers of each source. `own` are those of a worker that is in no row yet."""

    def __init__(self, workers: Iterable[WorkerRow], own: Collection[str] = ()) -> None:
        self._live = [worker for worker in workers if worker.live]
        self._own = frozenset(own)

    @classmethod
    def read(cls, connection: Connection, own: Collection[str] = ()) -> Keyholders:
        """Those of the register."""
        return cls(workers(connection), own)

    def of(self, source: str) -> frozenset[str]:
        """The keys of the live workers that serve a source; where none serves it, those of all."""
        serving = [worker for worker in self._live if worker.is_for(source)] or self._live
        keys = frozenset(key for worker in serving for key in worker.unseal_keys)
        return keys if serving else self._own

    def lack(self, wanted: Iterable[SourceKey]) -> set[SourceKey]:
        """Those of `wanted` whose key is not there for their source."""
        return {(source, key) for source, key in wanted if key not in self.of(source)}


class Fleet:
    """A worker's own row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._entered = False

    def tell(self, member: Member) -> Mapping[str, int]:
        """Say that this worker is there; how many answers of its sources, at the heads of the queues or with other
        workers, are sealed for each key that is not its own. Keys that no live worker has which serves the source are
        written down as missing.
        """
        with self._engine.begin() as connection:
            if not self._entered:
                _forget_before(connection, member)
            connection.execute(text(_tell(dialect_of(connection))), {"row": json.dumps(_row(member))})
            found = _at_heads(connection)
            if missing := Keyholders.read(connection).lack(found) if found else ():
                _note_missing(connection, sorted(missing))
        self._entered = True
        strange: dict[str, int] = {}
        for (source, key), count in found.items():
            if member.is_for(source) and key not in member.unseal_keys:
                strange[key] = strange.get(key, 0) + count
        return strange

    def leave(self, member: UUID) -> None:
        """Take the row of a worker away that ends."""
        with self._engine.begin() as connection:
            connection.execute(
                text(f"DELETE FROM jurat_workers WHERE id = {dialect_of(connection).uuid()}"), {"id": str(member)}
            )


def workers(connection: Connection) -> list[WorkerRow]:
    """The workers of which there is a row, live or not, by host and name."""
    dialect = dialect_of(connection)
    columns = [each.name for each in fields(WorkerRow) if each.name != "age"]
    age = dialect.seconds_between(dialect.now(), "seen_at")
    rows = connection.execute(
        text(f"SELECT {', '.join(columns)}, {age} AS age FROM jurat_workers ORDER BY host, name, started_at")
    )
    return [_worker(dict(row)) for row in rows.mappings()]


def _worker(row: dict[str, Any]) -> WorkerRow:
    as_stored = {
        "id": UUID(str(row["id"])),
        "sources": None if row["sources"] is None else _list(row["sources"]),
        **{name: _list(row[name]) for name in ("unseal_keys", "hash_keys")},
        **{name: bool(row[name]) for name in ("ready", "stopping")},
        **{name: instant(row[name]) for name in ("started_at", "seen_at")},
    }
    return WorkerRow(**{**row, **as_stored})


def missing_spans(connection: Connection) -> dict[SourceKey, list[Span]]:
    """When each key was missing at a source, no span overlapping another: answers there that are sealed for it stood
    still meanwhile.
    """
    rows = connection.execute(text("SELECT source, answer_key, since, seen_at FROM jurat_missing_keys ORDER BY since"))
    spans: dict[SourceKey, list[Span]] = {}
    for source, key, since, seen in rows:
        spans[source, key] = merged([*spans.get((source, key), []), (instant(since), instant(seen))])
    return spans


def missing_since(connection: Connection) -> dict[SourceKey, datetime]:
    """The keys that are missing now, at which source, and since when."""
    dialect = dialect_of(connection)
    rows = connection.execute(
        text(
            "SELECT source, answer_key, min(since) FROM jurat_missing_keys "
            f"WHERE seen_at >= {dialect.now(str(-LIVE))} GROUP BY source, answer_key"
        )
    )
    return {(source, key): instant(since) for source, key, since in rows}


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that do not overlap, in their order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def forget(connection: Connection) -> None:
    """Delete the rows of workers that went without a word, and what was missing long ago."""
    dialect = dialect_of(connection)
    connection.execute(text(f"DELETE FROM jurat_workers WHERE seen_at < {dialect.now(str(-KEPT))}"))
    connection.execute(text(f"DELETE FROM jurat_missing_keys WHERE seen_at < {dialect.now(str(-SPANS_KEPT))}"))


def _forget_before(connection: Connection, member: Member) -> None:
    """Delete what runs of the same worker left that went without a word: one that is killed again and again would fill
    the table.
    """
    gone = f"seen_at < {dialect_of(connection).now(str(-LIVE))}"
    same = {"host": member.host, "name": member.name}
    connection.execute(text(f"DELETE FROM jurat_workers WHERE host = :host AND name = :name AND {gone}"), same)


def _row(member: Member) -> Mapping[str, Any]:
    fields = ("host", "name", "version", "revision", "slots", "held", "sources", "config_version")
    lists = ("unseal_keys", "hash_keys", "ready", "stopping")
    return {"id": str(member.id), **{name: getattr(member, name) for name in (*fields, *lists)}}


def _list(value: Any) -> tuple[str, ...]:
    return tuple(json.loads(value) if isinstance(value, str) else value)


@lru_cache
def _tell(dialect: StoreDialect) -> str:
    given = "id, host, name, version, revision, slots, held, sources, config_version, unseal_keys, hash_keys, ready, "
    given += "stopping"
    if dialect.has_jsonb:
        values = given.replace("sources", "CASE WHEN jsonb_typeof(sources) = 'array' THEN sources END")
        types = (
            "id uuid, host text, name text, version text, revision text, slots int, held int, sources jsonb, "
            "config_version int, unseal_keys jsonb, hash_keys jsonb, ready boolean, stopping boolean"
        )
        source = (
            f"SELECT {values}, {dialect.now()}, {dialect.now()} FROM jsonb_to_record(CAST(:row AS jsonb)) AS r({types})"
        )
    else:
        names = (f":row ->> '{name}'" for name in given.split(", "))
        source = f"SELECT {', '.join(names)}, {dialect.now()}, {dialect.now()} WHERE true"
    changed = ("slots", "held", "sources", "config_version", "ready", "stopping", "seen_at")
    return f"""
        INSERT INTO jurat_workers ({given}, started_at, seen_at) {source}
        ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in changed)}"""


def _at_heads(connection: Connection) -> Mapping[SourceKey, int]:
    """How many of the due answers at the heads of the queues, and of those that are held, are sealed for each key."""
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
          SELECT c.source, c.answer_key, c.answer IS NOT NULL AS there FROM jurat_checks c
          WHERE {waiting()} AND {same} AND c.due_at <= {dialect.now()} ORDER BY c.due_at LIMIT :most) AS h
        WHERE h.there AND length(h.answer_key) = {KEY_ID_LENGTH} GROUP BY h.source, h.answer_key"""


_HEADS = f"""{_every(POSTGRESQL)}
    SELECT k.source, k.answer_key, CAST(sum(k.count) AS int)
    FROM queues q CROSS JOIN LATERAL ({_head(POSTGRESQL, "q.")}) AS k
    GROUP BY k.source, k.answer_key"""


def _note_missing(connection: Connection, wanted: Iterable[SourceKey]) -> None:
    """Keep that the keys of these sources, in their order, are missing now."""
    dialect = dialect_of(connection)
    rows = rows_json([{"source": source, "key": key} for source, key in wanted])
    connection.execute(text(_prolong(dialect)), {"rows": rows})
    connection.execute(text(_begin(dialect)), {"rows": rows})


def _is_open(dialect: StoreDialect) -> str:
    return f"m.source = r.source AND m.answer_key = r.key AND m.seen_at >= {dialect.now(str(-SAME_SPAN))}"


@lru_cache
def _prolong(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_missing_keys AS m SET seen_at = {dialect.now()}
        FROM {dialect.rowset("source text, key text")} WHERE {_is_open(dialect)}"""


@lru_cache
def _begin(dialect: StoreDialect) -> str:
    return f"""
        INSERT INTO jurat_missing_keys (source, answer_key, since, seen_at)
        SELECT r.source, r.key, {dialect.now()}, {dialect.now()} FROM {dialect.rowset("source text, key text")}
        WHERE NOT EXISTS (SELECT 1 FROM jurat_missing_keys m WHERE {_is_open(dialect)}) ON CONFLICT DO NOTHING"""
