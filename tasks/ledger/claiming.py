"""Taking due checks under a lease, never more of a source than it may be asked, and keeping the lease alive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.statements import now, rows_json, rowset
from jurat.words import Reason
from tasks.checks import MOST_LOST_LEASES, Held
from tasks.crashing import crash_point

LEASE = 15.0
"""Seconds that a worker holds a check without renewing."""

_LAST_CHANCE = MOST_LOST_LEASES - 1


@dataclass(frozen=True, slots=True)
class Demand:
    """How much of one source a worker can take now.

    `free` look-ups in this process; `concurrency` at once over all workers; `interval` seconds between two starts over
    all workers, of which `burst` may come at once. None is no limit.
    """

    source: str
    free: int
    concurrency: int | None = None
    interval: float | None = None
    burst: int = 1

    @property
    def limited(self) -> bool:
        """Whether other workers count: then the source's row is locked while its checks are claimed."""
        return self.concurrency is not None or self.interval is not None


class Claimed(NamedTuple):
    """What a claim took, and whether checks are due that have one chance left: `Claims.claim_alone` takes those."""

    held: list[Held]
    last_chances: bool


class Claims:
    """Claims and renewals. Commits durably: a fence is never given out twice, not even over a crash."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name

    def claim(self, demands: Sequence[Demand], slots: int) -> Claimed:
        """At most `slots` due checks of the sources in `demands`, each under a new fence and a lease.

        Sources that are paused give none. The order of `demands` decides who is served first when slots are short.
        """
        with self._engine.begin() as connection:
            due = self._due(connection, demands)
            held = self._take(connection, demands, [source for source, shared, _ in due if shared], slots)
            crash_point("claim.made")
        crash_point("claim.committed")
        return Claimed(held, any(alone for _, _, alone in due))

    def claim_alone(self, demands: Sequence[Demand]) -> Held | None:
        """One due check that has lost all workers but its last, for a process that holds nothing else.

        It may be what kills them, or it was only there when another did: alone, it can not be taken for the other.
        """
        with self._engine.begin() as connection:
            due = [source for source, _, alone in self._due(connection, demands) if alone]
            held = self._take(connection, demands, due, 1, alone=True)
            crash_point("claim.made")
        crash_point("claim.committed")
        return held[0] if held else None

    def claim_overdue(self, limit: int) -> list[Held]:
        """Checks whose deadline has passed, of any source, so that a paused or forgotten one does not hold them."""
        chosen = (
            f"SELECT id FROM jurat_checks WHERE state = 'pending' AND deadline_at <= {now(self._dialect)} "
            "ORDER BY deadline_at LIMIT :slots"
        )
        if self._dialect == "postgresql":
            chosen += " FOR UPDATE SKIP LOCKED"
        with self._engine.begin() as connection:
            return [_held(row) for row in connection.execute(text(_lease(self._dialect, chosen)), {"slots": limit})]

    def renew(self, held: Iterable[Held]) -> set[UUID]:
        """Prolong the leases of `held`; the ids that are still ours. One statement for all."""
        rows = [{"id": str(check.id), "fence": check.fence} for check in held]
        with self._engine.begin() as connection:
            renewed = connection.execute(text(_renew(self._dialect)), {"rows": rows_json(rows)}).all()
            crash_point("renewal.made")
        crash_point("renewal.committed")
        return {UUID(str(row[0])) for row in renewed}

    def _due(self, connection: Connection, demands: Sequence[Demand]) -> list[tuple[str, bool, bool]]:
        """Each source with due work that is not paused: its name, whether some may share a process, and some not."""
        rows = [{"source": demand.source} for demand in demands if demand.free > 0]
        found = connection.execute(text(_due(self._dialect)), {"rows": rows_json(rows)})
        return [(row[0], bool(row[1]), bool(row[2])) for row in found]

    def _take(
        self, connection: Connection, demands: Sequence[Demand], due: Sequence[str], slots: int, *, alone: bool = False
    ) -> list[Held]:
        allowed = self._allowed(connection, demands, due) if due else {}
        if not allowed or slots < 1:
            return []
        if self._dialect == "postgresql":
            rows = [{"source": source, "free": free} for source, free in allowed.items()]
            parameters = {"rows": rows_json(rows), "slots": slots}
            claimed = connection.execute(text(_claim_postgresql(alone=alone)), parameters)
        else:
            parameters = {f"source{n}": source for n, source in enumerate(allowed)}
            parameters |= {f"free{n}": free for n, free in enumerate(allowed.values())} | {"slots": slots}
            claimed = connection.execute(text(_claim_sqlite(len(allowed), alone=alone)), parameters)
        held = [_held(row) for row in claimed]
        self._pay(connection, demands, held)
        return held

    def _allowed(self, connection: Connection, demands: Sequence[Demand], due: Sequence[str]) -> dict[str, int]:
        """How many checks of each source in `due` may start now."""
        by_source = {demand.source: demand for demand in demands}
        limited = [{"source": source} for source in due if by_source[source].limited]
        room: dict[str, tuple[int, float]] = {}
        if limited:
            parameters = {"rows": rows_json(limited)}
            if self._dialect == "postgresql":
                # A statement sees what was committed before it began. So the leases are counted in one that begins
                # after the rows are ours, or those of a claim that we waited for would be missed.
                connection.execute(text(_LOCK_SOURCES), parameters)
            found = connection.execute(text(_room(self._dialect)), parameters)
            room = {row[0]: (row[1], float(row[2])) for row in found}
        allowed = {}
        for source in sorted(due, key=list(by_source).index):
            demand = by_source[source]
            free = demand.free
            if demand.limited:
                leased, ahead = room.get(source, (0, 0.0))
                if demand.concurrency is not None:
                    free = min(free, demand.concurrency - leased)
                if demand.interval is not None:
                    free = min(free, int(demand.burst - max(0.0, ahead) / demand.interval + 1e-9))
            if free > 0:
                allowed[source] = free
        return allowed

    def _pay(self, connection: Connection, demands: Sequence[Demand], held: Sequence[Held]) -> None:
        """Move the next start of each source with a rate: a generic cell rate algorithm on the database's clock."""
        taken: dict[str, int] = {}
        for check in held:
            taken[check.source] = taken.get(check.source, 0) + 1
        rows = [
            {"source": demand.source, "seconds": demand.interval * taken[demand.source]}
            for demand in demands
            if demand.interval is not None and demand.source in taken
        ]
        if rows:
            connection.execute(text(_advance(self._dialect)), {"rows": rows_json(rows)})


def _held(row: Any) -> Held:
    return Held(
        id=UUID(str(row[0])),
        fence=row[1],
        consultation=row[2],
        participant=row[3],
        question=row[4],
        source=row[5],
        sealed=row[6],
        answer_key=row[7],
        lookups=row[8],
        lost_leases=row[9],
        seconds_left=float(row[10]),
        last_reason=Reason(row[11]) if row[11] else None,
        reviewed=bool(row[12]),
        traceparent=row[13],
    )


def seconds_between(dialect: str, later: str, earlier: str) -> str:
    """SQL for the seconds from one time to another."""
    if dialect == "postgresql":
        return f"extract(epoch FROM {later} - {earlier})"
    return f"(julianday({later}) - julianday({earlier})) * 86400.0"


@lru_cache
def _due(dialect: str) -> str:
    due = f"c.state = 'pending' AND c.source = r.source AND c.due_at <= {now(dialect)}"
    return f"""
        SELECT source, shared, alone FROM (
          SELECT r.source,
            EXISTS (SELECT 1 FROM jurat_checks c WHERE {due} AND {_company(alone=False)}) AS shared,
            EXISTS (SELECT 1 FROM jurat_checks c WHERE {due} AND {_company(alone=True)}) AS alone
          FROM {rowset(dialect, "source text")}
          LEFT JOIN jurat_sources s ON s.name = r.source
          WHERE s.paused_until IS NULL OR s.paused_until <= {now(dialect)}) AS d
        WHERE shared OR alone"""


def _company(*, alone: bool) -> str:
    """Whether a check may be looked up beside others. The index `jurat_checks_last_chance` has the same words."""
    return f"lost_leases = {_LAST_CHANCE}" if alone else f"lost_leases <> {_LAST_CHANCE}"


@lru_cache
def _room(dialect: str) -> str:
    ahead = seconds_between(dialect, f"coalesce(s.next_start_at, {now(dialect)})", now(dialect))
    return f"""
        SELECT s.name, (SELECT count(*) FROM jurat_checks c WHERE c.state = 'leased' AND c.source = s.name), {ahead}
        FROM jurat_sources s WHERE s.name IN (SELECT r.source FROM {rowset(dialect, "source text")})"""


_LOCK_SOURCES = f"""
    SELECT name FROM jurat_sources WHERE name IN (SELECT r.source FROM {rowset("postgresql", "source text")})
    ORDER BY name FOR UPDATE"""


@lru_cache
def _advance(dialect: str) -> str:
    later = "jurat_sources.next_start_at"
    if dialect == "postgresql":
        moved = f"greatest({later}, {now(dialect)}) + make_interval(secs => r.seconds)"
    else:
        start = f"max(coalesce({later}, ''), {now(dialect)})"
        moved = f"strftime('%Y-%m-%d %H:%M:%f', {start}, r.seconds || ' seconds')"
    return f"""
        UPDATE jurat_sources SET next_start_at = {moved}
        FROM {rowset(dialect, "source text, seconds float8")} WHERE jurat_sources.name = r.source"""


def _lease(dialect: str, chosen: str) -> str:
    left = seconds_between(dialect, "deadline_at", now(dialect))
    return f"""
        UPDATE jurat_checks
        SET state = 'leased', fence = fence + 1, lease_until = {now(dialect, str(LEASE))}
        WHERE id IN ({chosen})
        RETURNING id, fence, consultation, participant, question, source, answer, answer_key, lookups, lost_leases,
          {left},
          CASE WHEN deadline_at <= {now(dialect)} THEN coalesce(
            (SELECT v.reason FROM jurat_reviews v WHERE v.check_id = jurat_checks.id AND v.decided_at IS NOT NULL),
            (SELECT a.reason FROM jurat_attempts a WHERE a.check_id = jurat_checks.id ORDER BY a.fence DESC LIMIT 1)
          ) END,
          deadline_at <= {now(dialect)} AND EXISTS (
            SELECT 1 FROM jurat_reviews v WHERE v.check_id = jurat_checks.id AND v.decided_at IS NOT NULL),
          traceparent"""


@lru_cache
def _claim_postgresql(*, alone: bool) -> str:
    # MATERIALIZED: the locking select runs once, whatever the planner thinks of joining it again
    chosen = f"""
        WITH due AS MATERIALIZED (
          SELECT d.id FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(source text, free int)
          CROSS JOIN LATERAL (
            SELECT c.id FROM jurat_checks c
            WHERE c.state = 'pending' AND c.source = r.source AND c.due_at <= statement_timestamp()
              AND {_company(alone=alone)}
            ORDER BY c.priority DESC, c.due_at LIMIT r.free FOR UPDATE SKIP LOCKED) d
          LIMIT :slots)
        SELECT id FROM due"""
    return _lease("postgresql", chosen)


@lru_cache
def _claim_sqlite(sources: int, *, alone: bool) -> str:
    parts = (
        f"SELECT id FROM (SELECT id FROM jurat_checks WHERE state = 'pending' AND source = :source{n} "
        f"AND due_at <= {now('sqlite')} AND {_company(alone=alone)} ORDER BY priority DESC, due_at LIMIT :free{n})"
        for n in range(sources)
    )
    return _lease("sqlite", f"SELECT id FROM ({' UNION ALL '.join(parts)}) LIMIT :slots")


@lru_cache
def _renew(dialect: str) -> str:
    rows = rowset(dialect, "id uuid, fence bigint")
    lease = now(dialect, str(LEASE))
    if dialect == "sqlite":
        return f"""
            UPDATE jurat_checks SET lease_until = {lease} FROM {rows}
            WHERE jurat_checks.id = r.id AND jurat_checks.fence = r.fence AND jurat_checks.state = 'leased'
            RETURNING jurat_checks.id"""
    # Rows that the writer is settling right now are left alone: two statements that change many rows, each in the order
    # of its own plan, would wait for each other in a circle.
    ours = f"{rows} JOIN jurat_checks c ON c.id = r.id AND c.fence = r.fence WHERE c.state = 'leased'"
    return f"""
        WITH ours AS (SELECT c.id FROM {ours}),
        free AS MATERIALIZED (SELECT c.id FROM {ours} FOR UPDATE OF c SKIP LOCKED),
        renewed AS (UPDATE jurat_checks SET lease_until = {lease} WHERE id IN (SELECT id FROM free))
        SELECT id FROM ours"""
