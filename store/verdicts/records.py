"""Adds the rows of decisions: verdicts, reviews, attempts, audit rows. Verdicts and audit rows never change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from jurat.batches import Statement
from jurat.ids import uuid7
from jurat.statements import rows_json
from jurat.vocabulary import State
from store.dialects import StoreDialect, dialect_of
from tasks.checks import Attempt, CheckResult, Decision, GiveBack, Later, NextSource, Review, Settle

UNSTORABLE = (DataError, ValueError, TypeError, RecursionError)
"""The errors that a value raises which the database, its driver or JSON cannot take."""

WORKER = "worker"
REVIEWER = "reviewer"
"""Who decided, as a verdict has it. Only the audit row names the person."""

Rows = Sequence[Mapping[str, Any]]


def add_verdicts(dialect: StoreDialect, rows: Rows) -> list[Statement]:
    """Add each check's next revision."""
    return _statement(_add_verdicts(dialect), rows)


def open_reviews(dialect: StoreDialect, rows: Rows) -> list[Statement]:
    """Open reviews that are due in `due` seconds. A check's earlier review is replaced."""
    return _statement(_open_reviews(dialect), rows)


def close_reviews(dialect: StoreDialect, checks: Iterable[UUID]) -> list[Statement]:
    """Close the reviews of checks, and erase their evidence, the places that were found and the notes of those who
    contested: all was for those who decide, and exact evidence may tell a home from its neighbours.
    """
    rows = [{"id": str(check)} for check in checks]
    return [*_statement(_close_reviews(dialect), rows), *_statement(_erase_notes(dialect), rows)]


def add_attempts(dialect: StoreDialect, rows: Rows) -> list[Statement]:
    """Add lookups that were made."""
    return _statement(_add_attempts(dialect), rows)


def add_audit_row(connection: Connection, who: str, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Record what a person or a worker did. Nothing in it may name a participant."""
    dialect = dialect_of(connection)
    document = dialect.parameter("detail", "jsonb")
    connection.execute(
        text(
            "INSERT INTO jurat_audit (id, at, actor, action, subject, detail) "
            f"VALUES ({dialect.uuid()}, {dialect.now()}, :actor, :action, :subject, {document})"
        ),
        {"id": str(uuid7()), "actor": who, "action": action, "subject": subject, "detail": json.dumps(detail)},
    )


def movement_row(decision: Decision) -> dict[str, Any]:
    """How a decision changes the check's row: its state, in how many seconds it is due, which source is next, how many
    failed lookups it adds, and the leaning of the source before.
    """
    match decision:
        case Settle() | Review():
            state = State.SETTLED if isinstance(decision, Settle) else State.REVIEW
            return {"state": state, "wait": None, "source": None, "failed": 0, "leaning": None}
        case Later(seconds=seconds):
            return {"state": State.PENDING, "wait": round(seconds, 3), "source": None, "failed": 1, "leaning": None}
        case NextSource(source=source, leaning=leaning):
            return {"state": State.PENDING, "wait": 0, "source": source, "failed": 0, "leaning": leaning}
        case GiveBack(seconds=seconds):
            return {"state": State.PENDING, "wait": round(seconds, 3), "source": None, "failed": 0, "leaning": None}


def verdict_row(entry: CheckResult, verdict: Settle) -> dict[str, Any]:
    """The row of `jurat_verdicts`."""
    return {
        "check_id": str(entry.held.id),
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "decided_by": WORKER,
        "config_version": entry.config_version,
        "source": entry.held.source,
        "data_date": verdict.data_date,
        "fence": entry.held.fence,
        "retain": entry.retain,
    }


def review_row(entry: CheckResult, review: Review) -> dict[str, Any]:
    """The row of `jurat_reviews`."""
    return {
        "check_id": str(entry.held.id),
        "reason": review.reason,
        "evidence": review.evidence,
        "config_version": entry.config_version,
        "due": review.seconds,
    }


def attempt_row(entry: CheckResult, attempt: Attempt) -> dict[str, Any]:
    """The row of `jurat_attempts`."""
    return {
        "check_id": str(entry.held.id),
        "fence": entry.held.fence,
        "source": entry.held.source,
        "duration": round(attempt.duration, 3),
        "ended": attempt.ended,
        "reason": attempt.reason,
    }


def candidates_row(entry: CheckResult, sealed: bytes) -> dict[str, Any]:
    """The sealed candidates of an ambiguous answer, kept until the platform asks for them."""
    return {"id": str(entry.held.id), "fence": entry.held.fence, "candidates": sealed}


def places_row(entry: CheckResult, sealed: bytes) -> dict[str, Any]:
    """The sealed places of an address in review, kept until that ends."""
    return {"id": str(entry.held.id), "places": sealed}


def _statement(sql: str, rows: Rows) -> list[Statement]:
    return [(sql, {"rows": rows_json(rows)})] if rows else []


@lru_cache
def _add_verdicts(dialect: StoreDialect) -> str:
    rows = dialect.rowset(
        "check_id uuid, outcome text, reason text, evidence jsonb, decided_by text, config_version int, source text, "
        "data_date text, fence bigint, retain float8",
    )
    return f"""
        INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,
                                    data_date, fence, decided_at, retain_until)
        SELECT r.check_id,
               1 + coalesce((SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = r.check_id), 0),
               r.outcome, r.reason, r.evidence, r.decided_by, r.config_version, r.source, r.data_date, r.fence,
               {dialect.now()},
               CASE WHEN r.retain IS NULL THEN NULL ELSE {dialect.now("r.retain")} END
        FROM {rows}"""


@lru_cache
def _open_reviews(dialect: StoreDialect) -> str:
    rows = dialect.rowset("check_id uuid, reason text, evidence jsonb, config_version int, due float8")
    return f"""
        INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at)
        SELECT r.check_id, r.reason, r.evidence, r.config_version, {dialect.now()}, {dialect.now("r.due")}
        FROM {rows} WHERE true
        ON CONFLICT (check_id) DO UPDATE SET reason = excluded.reason, evidence = excluded.evidence,
          config_version = excluded.config_version, opened_at = excluded.opened_at, due_at = excluded.due_at,
          decided_at = NULL, places = NULL"""


@lru_cache
def _close_reviews(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_reviews SET decided_at = {dialect.now()}, evidence = '{{}}', places = NULL
        WHERE decided_at IS NULL AND check_id IN (SELECT r.id FROM {dialect.rowset("id uuid")})"""


@lru_cache
def _erase_notes(dialect: StoreDialect) -> str:
    # Not of waiting requests: a worker that deals with one has locked it, and waits for the participant's row, our own.
    return f"""
        UPDATE jurat_requests SET note = NULL, note_key = NULL
        WHERE note IS NOT NULL AND applied_at IS NOT NULL
          AND check_id IN (SELECT r.id FROM {dialect.rowset("id uuid")})"""


@lru_cache
def _add_attempts(dialect: StoreDialect) -> str:
    rows = dialect.rowset("check_id uuid, fence bigint, source text, duration float8, ended text, reason text")
    return f"""
        INSERT INTO jurat_attempts (check_id, fence, source, started_at, duration_ms, result, reason)
        SELECT r.check_id, r.fence, r.source, {dialect.now("-r.duration")}, r.duration * 1000, r.ended, r.reason
        FROM {rows} WHERE true
        ON CONFLICT (check_id, fence) DO NOTHING"""
