"""Counts the backlog of each source: how many checks wait, and when the oldest was due."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, text

from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.queue.turns import queues, waiting

MOST_COUNTED = 10_000
"""So many waiting checks are counted at most for each source."""

PACE = 30.0
"""Seconds over which the pace of a source is averaged."""


def count_waiting(connection: Connection) -> None:
    """Count what waits for each source, and estimate from its recent pace how long that will last.

    The pace is measured only while there was work all the time; otherwise it would be that of the participants.
    """
    dialect = dialect_of(connection)
    # Before any row is locked: claims of sources with limits wait for theirs.
    found = waiting_counts(connection)
    if not dialect.one_writer:
        # In the order in which a claim locks them: no two can wait in a circle.
        connection.execute(text("SELECT name FROM jurat_sources ORDER BY name FOR UPDATE"))
    connection.execute(text(_keep_counts(dialect)), {"rows": rows_json(found)})


def waiting_counts(connection: Connection) -> list[dict[str, Any]]:
    """How many checks wait for each source (`source`, `waiting`, up to `MOST_COUNTED`); when the `oldest` was due."""
    statement = text(_count(dialect_of(connection)))
    return [dict(row) for row in connection.execute(statement, {"most": MOST_COUNTED}).mappings()]


@lru_cache
def _count(dialect: StoreDialect) -> str:
    oldest = f"(CASE WHEN {dialect.readable('o.due_at')} THEN o.due_at END)"
    count = f"""(SELECT count(*) FROM (
              SELECT 1 FROM jurat_checks c WHERE {waiting()} AND c.source = e.source
              ORDER BY c.priority, c.consultation, c.due_at LIMIT :most) AS counted) +
            (SELECT count(*) FROM jurat_checks c WHERE {waiting(alone=True)} AND c.source = e.source)"""
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
        SELECT e.source, {dialect.as_text(oldest)} AS oldest, {dialect.least(":most", count)} AS waiting
        FROM every e LEFT JOIN oldest o ON o.source = e.source"""


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
    return f"""
        WITH paces AS {dialect.materialized} (
          SELECT r.source, r.waiting, r.oldest, {pace} AS pace
          FROM {dialect.rowset("source text, oldest timestamptz, waiting int")}
          JOIN jurat_sources s ON s.name = r.source)
        UPDATE jurat_sources SET
          waiting = p.waiting, oldest_due_at = p.oldest, figures_at = {dialect.now()}, served = 0, served_s = p.pace,
          wait_s = {lasts}, poll_ms = {dialect.least("5000", poll)}
        FROM paces p WHERE jurat_sources.name = p.source"""
