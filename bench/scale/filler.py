"""Adds millions of rows in minutes, as the engine and a platform leave them; indexes are made afterwards.

Common triggers and foreign keys are off while rows are added (`session_replication_role = replica`): access rows are
written here as they would be there. The guards stay, for they refuse no rows that are added.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

from bench.rig import ROOT
from bench.scale import shape
from bench.scale.shape import Size
from jurat.seal import Seal

TABLES = (
    "jurat_checks",
    "jurat_verdicts",
    "jurat_attempts",
    "jurat_reviews",
    "jurat_openings",
    "jurat_claims",
    "jurat_access",
)

CHUNK = 250_000
"""Participants in one statement."""

_PAST_DAYS, _WAIT_HOURS = 90, 6
"""The past ones came within so many days, and those who wait within the last hours, until the base."""

_NOTE = "bench_scale"
"""A table next to ours that says what a database was filled with, and under which migrations."""

_MIGRATIONS = ROOT / "migrations"

_QUESTIONS = "ARRAY[" + ", ".join(f"'{name}'" for name in shape.SOURCES) + "]"
_SOURCES = "ARRAY[" + ", ".join(f"'{name}'" for name in shape.SOURCES.values()) + "]"
_OPEN = "'{" + ", ".join(f'"{name}": "open"' for name in shape.SOURCES) + "}'::jsonb"
_ROUNDS, _NO_ROUNDS = ("'{" + ", ".join(f'"{name}": {left}' for name in shape.SOURCES) + "}'::jsonb" for left in (1, 0))

_EVIDENCE = """'{"matched": "number", "name": "exact", "status": "active", "professions": ["10"]}'::jsonb"""


def _uuid(seconds: str, seed: str) -> str:
    """SQL for a UUIDv7 of that time (seconds since 1970), the same for the same seed."""
    digits = f"md5({seed})"
    return (
        f"(lpad(to_hex((({seconds}) * 1000)::bigint), 12, '0') || '7' || substr({digits}, 1, 3) "
        f"|| '8' || substr({digits}, 4, 15))::uuid"
    )


def _participant(number: str) -> str:
    """SQL for a platform's id of a participant: those of one day do not lie side by side."""
    return f"substr(md5('p' || {number}), 1, 20)"


def _consultation(number: str) -> str:
    """SQL for a participant's consultation; the first has the most."""
    hashed = f"(hashint8({number}) & 65535) / 65536.0"
    return f"'c' || lpad(floor({shape.CONSULTATIONS} * {hashed} * {hashed})::int::text, 2, '0')"


def _came(size: Size) -> str:
    """SQL for when participant `p.n` came, as seconds since 1970; from the base on for those who came after it."""
    past, waiting = max(1, size.past), size.pending
    wait = _WAIT_HOURS * 3600
    return f"""
        CASE WHEN p.n < {size.past} THEN :base - {wait} - (1 - p.n::float8 / {past}) * {_PAST_DAYS * 86400}
             WHEN p.n < {size.people} THEN :base - {wait} + (p.n - {size.past})::float8 / {waiting} * {wait}
             ELSE extract(epoch FROM statement_timestamp()) END"""


def rows(size: Size) -> str:
    """SQL that adds the participants from :first to before :last with all that belongs to them; returns how many checks
    there are of each state. :answer and :key are a sealed answer.
    """
    seed = "p.n || '-' || q.k"
    return f"""
        WITH people AS (
          SELECT p.n, p.n >= {size.past} AS waits, {_came(size)} AS came,
                 {_consultation("p.n")} AS consultation,
                 CASE WHEN hashint8(p.n + 7) & 3 = 0 THEN 'bulk' ELSE 'interactive' END AS priority
          FROM generate_series(:first::bigint, :last::bigint - 1) AS p(n)),
        wanted AS (
          SELECT {_uuid("p.came + q.k", seed)} AS id, p.n, p.consultation, p.priority, p.came + q.k AS at,
                 (p.n + q.k) % 3 + 1 AS question, p.waits AND q.k = 1 AS pending,
                 p.waits AND q.k = 1 AND p.n % {shape.LATER} = 0 AND p.n < {size.people} AS later
          FROM people p CROSS JOIN generate_series(0, 2) AS q(k) WHERE q.k < CASE WHEN p.waits THEN 2 ELSE 3 END),
        made AS (
          INSERT INTO jurat_checks (id, consultation, participant, question, priority, answer, answer_key, state,
                                    source, due_at, fence, lookups, submitted_at, deadline_at, settled_at)
          SELECT id, consultation, {_participant("n")}, ({_QUESTIONS})[question], priority,
                 CASE WHEN pending THEN :answer::bytea END, :key, CASE WHEN pending THEN 'pending' ELSE 'settled' END,
                 ({_SOURCES})[question],
                 to_timestamp(CASE WHEN later THEN :base + n % 3600 + 60 ELSE at END),
                 CASE WHEN pending AND NOT later THEN 0 ELSE 1 END, later::int, to_timestamp(at),
                 to_timestamp(at + 7 * 86400), CASE WHEN NOT pending THEN to_timestamp(at + 0.4) END
          FROM wanted ORDER BY n, at
          RETURNING id, consultation, participant, question, source, state, fence, submitted_at,
                    ('x' || left(participant, 4))::bit(16)::int % {shape.REFUSED} = 0 AS refused),
        verdicts AS (
          INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version,
                                      source, fence, decided_at, retain_until)
          SELECT id, 1, CASE WHEN refused THEN 'refused' ELSE 'accepted' END,
                 CASE WHEN refused THEN 'status_inactive' ELSE 'record_matches' END, {_EVIDENCE}, 'worker', 1,
                 source, fence, submitted_at + interval '0.4 s', submitted_at + interval '400 d'
          FROM made WHERE state = 'settled'),
        attempts AS (
          INSERT INTO jurat_attempts (check_id, fence, source, started_at, duration_ms, result, reason)
          SELECT id, fence, source, submitted_at + interval '0.1 s', 240,
                 CASE WHEN state = 'settled' THEN 'answered' ELSE 'failed' END,
                 CASE WHEN state = 'pending' THEN 'source_unavailable'
                      WHEN refused THEN 'status_inactive' ELSE 'record_matches' END
          FROM made WHERE fence > 0),
        reviews AS (
          INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at, decided_at)
          SELECT id, 'name_differs', {_EVIDENCE}, 1, submitted_at, submitted_at + interval '5 d',
                 submitted_at + interval '1 d'
          FROM made WHERE state = 'settled' AND right(id::text, 2) = '00'),
        access AS (
          INSERT INTO jurat_access (consultation, participant, access, questions, rounds_left, config_version,
                                    updated_at)
          SELECT consultation, participant,
                 CASE WHEN bool_or(refused AND state = 'settled') THEN 'blocked'
                      WHEN bool_or(state = 'pending') THEN 'pending' ELSE 'granted' END,
                 {_OPEN} || jsonb_object_agg(question, CASE WHEN state = 'pending' THEN 'pending'
                                                            WHEN refused THEN 'refused' ELSE 'accepted' END),
                 CASE WHEN bool_or(refused AND state = 'settled') THEN {_NO_ROUNDS} ELSE {_ROUNDS} END
                   || jsonb_object_agg(question, 0), 1, max(submitted_at)
          FROM made GROUP BY consultation, participant)
        SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'settled') FROM made"""


class Filler:
    """Adds rows to one database, whose tables the migrations have made and whose configuration is applied."""

    def __init__(self, connection: psycopg.Connection[Any], seal: Seal, say: Callable[[str], None]) -> None:
        self._connection = connection
        self._seal = seal
        self._say = say

    def fill(self, size: Size) -> None:
        """Everything, then what autovacuum would do in time: statistics, and which pages are all visible."""
        run = self._connection.execute
        columns = "pending bigint, settled bigint, base float8, next bigint, tables text, filled boolean"
        run(f"CREATE TABLE {_NOTE} ({columns})")
        run(
            f"INSERT INTO {_NOTE} SELECT %s, %s, floor(extract(epoch FROM now())), 0, %s, false",
            (size.pending, size.settled, _tables()),
        )
        run("SET work_mem = '128MB'")
        run("SET maintenance_work_mem = '1GB'")
        run("SET synchronous_commit = off")
        with without_indexes(self._connection, self._say):
            while (begin := self._next()) < size.people:
                self.add(size, min(CHUNK, size.people - begin))
                self._say(f"{self._next():,} of {size.people:,} participants")
        run("RESET work_mem")
        run("RESET synchronous_commit")
        self.settle_down()
        run("RESET maintenance_work_mem")
        run(f"UPDATE {_NOTE} SET filled = true")

    def add(self, size: Size, people: int) -> tuple[int, int]:
        """So many more participants; how many checks are pending and settled by that. Beyond those of `size` all wait.

        Works with indexes as well.
        """
        with self._connection.transaction():
            run = self._connection.execute
            run("SET LOCAL session_replication_role = replica")
            noted = run(f"UPDATE {_NOTE} SET next = next + %s RETURNING next, base", (people,)).fetchone()
            if noted is None:
                raise RuntimeError("this database was not filled by this benchmark")
            last, base = noted
            parameters = {
                "first": last - people,
                "last": last,
                "base": base,
                "answer": self._seal.close(b'{"word": "accept"}'),
                "key": self._seal.key_id,
            }
            made = run(_percent(rows(size)), parameters).fetchone()
        if made is None:
            raise RuntimeError("nothing was added")
        return made[0], made[1]

    def settle_down(self) -> None:
        """Do now what PostgreSQL would otherwise do later."""
        begun = time.monotonic()
        for table in (*TABLES, "jurat_sources"):
            self._connection.execute(f"VACUUM ANALYZE {table}")
        self._connection.execute("CHECKPOINT")
        self._say(f"vacuumed in {time.monotonic() - begun:.0f} s")

    def some(self, size: Size, state: str, count: int) -> list[UUID]:
        """Ids of random checks that were pending, or settled, when it was filled."""
        first, k = (size.past, 1) if state == "pending" else (0, 0)
        sql = f"""
            SELECT {_uuid(f"p.came + {k}", f"p.n || '-' || {k}")} FROM (
              SELECT p.n, {_came(size)} AS came FROM (
                SELECT {first} + floor(random() * {size.people - first})::bigint AS n
                FROM generate_series(1, :count)) AS p) AS p"""
        found = self._connection.execute(_percent(sql), {"base": self._base(), "count": count})
        return [row[0] for row in found]

    def participants(self, size: Size, count: int) -> list[tuple[str, str]]:
        """Random participants, each with the consultation."""
        sql = f"""
            SELECT {_consultation("p.n")}, {_participant("p.n")} FROM (
              SELECT floor(random() * {size.people})::bigint AS n FROM generate_series(1, :count)) AS p"""
        return [(row[0], row[1]) for row in self._connection.execute(_percent(sql), {"count": count})]

    def use_up(self) -> None:
        """Say that the database is no longer what it was filled with."""
        self._connection.execute(f"UPDATE {_NOTE} SET filled = false")

    def _next(self) -> int:
        return int(self._noted("next"))

    def _base(self) -> float:
        return float(self._noted("base"))

    def _noted(self, column: str) -> Any:
        row = self._connection.execute(f"SELECT {column} FROM {_NOTE}").fetchone()
        return row[0] if row else None


def filled_with(connection: psycopg.Connection[Any]) -> Size | None:
    """What a database was filled with to the end; None where it was not, or where the tables were others then."""
    there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (_NOTE,)).fetchone()
    if not there or not there[0]:
        return None
    row = connection.execute(
        f"SELECT pending, settled FROM {_NOTE} WHERE filled AND tables = %s", (_tables(),)
    ).fetchone()
    return Size(row[0], row[1]) if row else None


def _tables() -> str:
    """A digest of the migrations as they are now."""
    digest = hashlib.sha256()
    for file in sorted((*_MIGRATIONS.glob("versions/*.py"), *_MIGRATIONS.glob("sql/*/*.sql"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def without_indexes(connection: psycopg.Connection[Any], say: Callable[[str], None]) -> Iterator[None]:
    """Drop keys and indexes of `TABLES`; make each of them again in the end, from what the catalogue said of it."""
    constraints = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text FROM pg_constraint "
        "WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('p', 'u', 'f') "
        "ORDER BY contype = 'f', conrelid::regclass::text, contype",
        (list(TABLES),),
    ).fetchall()
    for table, name, *_ in reversed(constraints):
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) ORDER BY indexname", (list(TABLES),)
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    orders = [(name, definition.replace(" ON ONLY ", " ON ")) for name, definition in indexes]  # of partitions too
    orders += [(name, f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}") for table, name, rule, _ in constraints]
    for name, order in orders:
        begun = time.monotonic()
        connection.execute(order)
        if (seconds := time.monotonic() - begun) > 1:
            say(f"{name} in {seconds:.0f} s")


def _percent(sql: str) -> str:
    """The style of psycopg for parameters that are written `:name`."""
    sql = sql.replace("%", "%%")
    for name in ("first", "last", "base", "answer", "key", "count"):
        sql = sql.replace(f":{name}", f"%({name})s")
    return sql
