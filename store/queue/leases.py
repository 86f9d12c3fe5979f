"""The statements that lease checks to a worker and renew their leases. A lease is 15 s."""

from __future__ import annotations

from functools import lru_cache

from store.dialects import POSTGRESQL, SQLITE, StoreDialect
from store.in_parts import without
from store.queue import quotas
from store.queue.turns import SOME, Keys, lengths, queues, sealed_for, waiting

LEASE = 15.0
"""Seconds that a worker holds a check without renewing."""


def round_up(most: int) -> int:
    """A limit to write into a statement: at least `most`, and one of a few, so that few statements are prepared."""
    limit = 16
    while limit < most:
        limit *= 4
    return limit


@lru_cache
def due(dialect: StoreDialect, keys: Keys, *, some_left_out: bool) -> str:
    """SQL for what is due at each source in `:rows` that may be asked: for each queue since when, and up to `:most`."""
    return f"""
        WITH RECURSIVE served AS (
          SELECT s.name AS source, s.opened_at IS NOT NULL OR s.failures > 0 AS opened
          FROM {dialect.rowset("source text")} JOIN jurat_sources s ON s.name = r.source
          WHERE {quotas.available(dialect)}),
        {queues(dialect, "served", SOME, keys)},
        {lengths(dialect, keys)}
        SELECT d.source, d.priority, d.consultation, d.due, s.opened, {dialect.clock()}, CAST(d.since AS text) FROM (
          SELECT source, priority, consultation, since, due FROM lengths
          UNION ALL
          SELECT s.source, NULL, NULL, NULL, 1 FROM served s
          WHERE EXISTS (SELECT 1 FROM jurat_checks c
                        WHERE {waiting(alone=True)}{sealed_for(keys)}
                          AND c.source = s.source AND c.due_at <= {dialect.now()}
                          {without(dialect, some=some_left_out)})
        ) AS d JOIN served s ON s.source = d.source WHERE d.due > 0"""


def _lease(dialect: StoreDialect, chosen: str) -> str:
    # A row with unreadable times must not keep all others waiting. It ends like one without an answer.
    good = dialect.readable("due_at", "submitted_at", "deadline_at")

    def read(value: str, otherwise: str) -> str:
        return f"CASE WHEN {good} THEN {value} ELSE {otherwise} END"

    left = read(dialect.seconds_between("deadline_at", dialect.now()), f"{LEASE}")
    return f"""
        UPDATE jurat_checks
        SET state = 'leased', fence = fence + 1, lease_until = {dialect.now(str(LEASE))}
        WHERE id IN ({chosen})
        RETURNING id, fence, consultation, participant, question, source, {read("answer", "NULL")}, answer_key, lookups,
          lost_leases,
          {left},
          CASE WHEN deadline_at <= {dialect.now()} THEN coalesce(
            (SELECT v.reason FROM jurat_reviews v WHERE v.check_id = jurat_checks.id AND v.decided_at IS NOT NULL),
            (SELECT a.reason FROM jurat_attempts a WHERE a.check_id = jurat_checks.id ORDER BY a.fence DESC LIMIT 1)
          ) END,
          deadline_at <= {dialect.now()} AND (
            SELECT v.decided_at FROM jurat_reviews v WHERE v.check_id = jurat_checks.id) IS NOT NULL,
          traceparent, priority, {read(dialect.epoch("due_at"), "0.0")},
          {read(dialect.epoch("submitted_at"), "0.0")}, {read(dialect.epoch("deadline_at"), "0.0")}, stood_s, leaning,
          reply_key"""


@lru_cache
def claim_postgresql(most: int, keys: Keys, *, alone: bool, some_left_out: bool) -> str:
    """Leases what is due of each queue in `:rows`, no more than its `most`; `most` bounds them all."""
    return _lease(POSTGRESQL, chosen_postgresql(most, keys, alone=alone, some_left_out=some_left_out))


def chosen_postgresql(most: int, keys: Keys, *, alone: bool, some_left_out: bool) -> str:
    """The ids of what `claim_postgresql` leases."""
    # MATERIALIZED: the locking select runs once, whatever the planner thinks of joining it again. LIMIT {most} is for
    # the planner, which cannot know how few rows the limits in it leave, and would read the whole table for many.
    columns = "source text, priority text, consultation text, since timestamptz, most int"
    queue = "" if alone else "AND c.priority = r.priority AND c.consultation = r.consultation AND c.due_at >= r.since"
    return f"""
        WITH due AS MATERIALIZED (
          SELECT d.id FROM {POSTGRESQL.rowset(columns)}
          CROSS JOIN LATERAL (
            SELECT c.id FROM jurat_checks c
            WHERE {waiting(alone=alone)}{sealed_for(keys)} AND c.source = r.source {queue}
              AND c.due_at <= statement_timestamp()
              {without(POSTGRESQL, some=some_left_out)}
            ORDER BY c.due_at LIMIT r.most FOR NO KEY UPDATE SKIP LOCKED) d
          LIMIT {most})
        SELECT id FROM due"""


@lru_cache
def claim_sqlite(keys: Keys, *, alone: bool, some_left_out: bool) -> str:
    """The same for one queue."""
    return _lease(SQLITE, chosen_sqlite(keys, alone=alone, some_left_out=some_left_out))


def chosen_sqlite(keys: Keys, *, alone: bool, some_left_out: bool) -> str:
    """The ids of what `claim_sqlite` leases."""
    queue = "" if alone else "AND c.priority = :priority AND c.consultation = :consultation"
    return f"""
        SELECT c.id FROM jurat_checks c
        WHERE {waiting(alone=alone)}{sealed_for(keys)} AND c.source = :source {queue} AND c.due_at <= {SQLITE.now()}
          {without(SQLITE, some=some_left_out)}
        ORDER BY c.due_at LIMIT :most"""


@lru_cache
def claim_these(dialect: StoreDialect) -> str:
    """Leases the checks in `:rows`."""
    return _lease(dialect, f"SELECT r.id FROM {dialect.rowset('id uuid')}")


@lru_cache
def renew(dialect: StoreDialect, seconds: float) -> str:
    """Prolongs the leases of the claims in `:rows` to `seconds` from now; returns the ids that are still held."""
    rows = dialect.rowset("id uuid, fence bigint")
    lease = dialect.now(str(seconds))
    if dialect.one_writer:
        return f"""
            UPDATE jurat_checks SET lease_until = {lease} FROM {rows}
            WHERE jurat_checks.id = r.id AND jurat_checks.fence = r.fence AND jurat_checks.state = 'leased'
            RETURNING jurat_checks.id"""
    # Rows that the writer is settling now are skipped: two statements that change many rows, each in the order of its
    # own plan, would wait for each other in a circle.
    ours = f"{rows} JOIN jurat_checks c ON c.id = r.id AND c.fence = r.fence WHERE c.state = 'leased'"
    return f"""
        WITH ours AS (SELECT c.id FROM {ours}),
        free AS MATERIALIZED (SELECT c.id FROM {ours} FOR NO KEY UPDATE OF c SKIP LOCKED),
        renewed AS (UPDATE jurat_checks SET lease_until = {lease} WHERE id IN (SELECT id FROM free))
        SELECT id FROM ours"""
