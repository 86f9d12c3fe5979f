"""Counts the backlog of each source: how many checks wait, how many of them are due, and since when.

With it, a worker notes what the limits of the source leave now, for whoever scales or watches the fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, text

from config.hours import Hours
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.queue.turns import queues, waiting
from tasks.rules.source_limits import Demand
from tasks.rules.wanted_slots import most_slots

MOST_COUNTED = 10_000
"""So many waiting checks are counted at most for each source."""

PACE = 30.0
"""Seconds over which the pace of a source is averaged."""

_BASE = 1_000_000
"""Counts what waits and what is due in one number, so that one look at the index is enough."""


def count_waiting(connection: Connection, demands: Mapping[str, Demand]) -> None:
    """Count what waits for each source, and estimate from its recent pace how long that will last. Note what the limits
    in its demand leave; a worker that knows no demands leaves what another one noted.

    The pace is measured only while there was work all the time; otherwise it would be that of the participants.
    """
    dialect = dialect_of(connection)
    # Before any row is locked: claims of sources with limits wait for theirs.
    found = waiting_counts(connection)
    # In the order in which a claim locks them: no two can wait in a circle.
    lock = dialect.row_lock("FOR UPDATE")
    sql = f"SELECT name, lookup_s, day, used, {dialect.clock()} FROM jurat_sources ORDER BY name {lock}"
    limits = {row[0]: _limits(demands.get(row[0]), *row[1:]) for row in connection.execute(text(sql))}
    rows = [{**row, "planned": bool(demands), **limits.get(row["source"], {})} for row in found]
    connection.execute(text(_keep_counts(dialect)), {"rows": rows_json(rows)})


def _limits(
    demand: Demand | None, lookup_s: float | None, day: str | None, used: int, clock: float
) -> dict[str, float | str | None]:
    """What a source's limits leave now: lookups at once, for how long it is closed, and how much of its day is used."""
    if demand is None:
        return {}
    now, hours = datetime.fromtimestamp(clock, UTC), demand.hours
    closed_until = hours.closed_until(now) if hours else None
    today = used if day == (hours or Hours()).day(now) else 0
    return {
        "most_slots": most_slots(demand, lookup_s, today),
        "closed_s": None if closed_until is None else (closed_until - now).total_seconds(),
        "day_used": None if demand.daily is None else today / max(1, demand.daily),
    }


def waiting_counts(connection: Connection) -> list[dict[str, Any]]:
    """How many checks wait for each `source`: `waiting` and, of these, `due`, each up to `MOST_COUNTED`; when the
    `oldest` was due, and its `age` in seconds since then.
    """
    statement = text(_count(dialect_of(connection)))
    return [
        {
            "source": source,
            "oldest": oldest,
            "age": age,
            "waiting": min(MOST_COUNTED, both // _BASE),
            "due": min(MOST_COUNTED, both % _BASE),
        }
        for source, oldest, age, both in connection.execute(statement, {"most": MOST_COUNTED})
    ]


@lru_cache
def _count(dialect: StoreDialect) -> str:
    oldest = f"(CASE WHEN {dialect.readable('o.due_at')} THEN o.due_at END)"
    age = dialect.seconds_between(dialect.now(), f"({oldest})")
    both = f"{_BASE} * count(*) + count(CASE WHEN counted.due_at <= {dialect.now()} THEN 1 END)"
    count = f"""(SELECT {both} FROM (
              SELECT c.due_at FROM jurat_checks c WHERE {waiting()} AND c.source = e.source
              ORDER BY c.priority, c.consultation, c.due_at LIMIT :most) AS counted) +
            (SELECT {both} FROM (
              SELECT c.due_at FROM jurat_checks c WHERE {waiting(alone=True)} AND c.source = e.source
              LIMIT :most) AS counted)"""
    return f"""
        WITH RECURSIVE every AS (SELECT name AS source FROM jurat_sources),
        {queues(dialect, "every")},
        oldest AS (
          SELECT source, min(due_at) AS due_at FROM (
            SELECT q.source, (
              SELECT c.due_at FROM jurat_checks c
              WHERE {waiting()} AND c.source = q.source AND c.priority = q.priority AND c.consultation = q.consultation
              ORDER BY c.due_at LIMIT 1) AS due_at
            FROM queues q WHERE q.consultation IS NOT NULL) AS heads GROUP BY source)
        SELECT e.source, {dialect.as_text(oldest)} AS oldest, {age} AS age, {count} AS counts
        FROM every e LEFT JOIN oldest o ON o.source = e.source"""


_COUNTS = (
    "source text, oldest timestamptz, waiting int, due int, "
    "planned boolean, most_slots int, closed_s float8, day_used float8"
)


@lru_cache
def _keep_counts(dialect: StoreDialect) -> str:
    # New work is answered soon; behind a backlog there is no use in polling four times a second.
    poll = dialect.greatest("250", "250 + p.waiting")
    elapsed = dialect.seconds_between(dialect.now(), "s.figures_at")
    rest = dialect.seconds_between("paused_until", dialect.now())
    share = dialect.least("1.0", f"{elapsed} / {PACE}")
    pace = f"""
        CASE WHEN s.figures_at IS NULL OR {elapsed} <= 0.0 OR s.oldest_due_at IS NULL
                  OR s.oldest_due_at > s.figures_at OR r.oldest IS NULL OR r.oldest > {dialect.now()} THEN s.served_s
             WHEN s.served_s IS NULL THEN s.served / ({elapsed})
             ELSE s.served_s + {share} * (s.served / ({elapsed}) - s.served_s) END"""
    lasts = f"""
        CASE WHEN p.waiting = 0 THEN 0.0 WHEN p.pace > 0.0 THEN
          p.waiting / p.pace + CASE WHEN paused_until > {dialect.now()} THEN {rest} ELSE 0.0 END END"""

    def planned(value: str, column: str) -> str:
        return f"CASE WHEN p.planned THEN {value} ELSE jurat_sources.{column} END"

    closed = f"CASE WHEN p.closed_s IS NOT NULL THEN {dialect.now('p.closed_s')} END"
    return f"""
        WITH paces AS {dialect.materialized} (
          SELECT r.source, r.waiting, r.due, r.oldest, r.most_slots, r.closed_s, r.day_used, r.planned, {pace} AS pace
          FROM {dialect.rowset(_COUNTS)}
          JOIN jurat_sources s ON s.name = r.source)
        UPDATE jurat_sources SET
          waiting = p.waiting, due = p.due, most_slots = {planned("p.most_slots", "most_slots")},
          closed_until = {planned(closed, "closed_until")}, day_used = {planned("p.day_used", "day_used")},
          oldest_due_at = p.oldest, figures_at = {dialect.now()}, served = 0, served_s = p.pace,
          wait_s = {lasts}, poll_ms = {dialect.least("5000", poll)}
        FROM paces p WHERE jurat_sources.name = p.source"""
