"""Keeps the health of each source: answers, failures, its breaker, and how much waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, text

from jurat.statements import rows_json
from jurat.vocabulary import Reason
from store.dialects import StoreDialect, dialect_of
from store.queue.turns import queues, waiting
from store.verdicts.records import WORKER, add_audit_row
from tasks.rules.rate_limits import Breaker

MOST_COUNTED = 10_000
"""So many waiting checks are counted at most for each source."""

GRAIN = 0.001
"""Seconds to which SQLite stores times: within the same one, an answer counts as later than a failure."""

PACE = 30.0
"""Seconds over which the pace of a source is averaged."""


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """A worker's lookups at one source since its last report: those that were answered, and those that failed and show
    trouble of the source; `trailing` failed after the last answer. `last_failure` may concern only one request. The
    last answer came `answered_ago` seconds ago, the last failure `failed_ago`.
    """

    answered: int = 0
    failed: int = 0
    trailing: int = 0
    last_failure: str | None = None
    answered_ago: float = 0.0
    failed_ago: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakerChanges:
    """The sources whose breakers opened and closed. `failures` are those in a row of each source, over all workers; at
    least as many as open its breaker while that is open.
    """

    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict, compare=False)


def record(
    connection: Connection, figures_by_source: Mapping[str, SourceFigures], breakers: Mapping[str, Breaker]
) -> BreakerChanges:
    """Add figures to the rows of the sources; open and close their breakers, with an audit row each.

    An answer ends a run of failures that came before it, whenever it is reported: an answer that one worker got says
    nothing about failures that another one had later.
    """
    dialect = dialect_of(connection)
    select = f"""
        SELECT name, failures, opened_at IS NOT NULL, {dialect.seconds_between(dialect.now(), "last_failure_at")}
        FROM jurat_sources WHERE name IN (SELECT r.source FROM {dialect.rowset("source text")})
        ORDER BY name {dialect.row_lock("FOR UPDATE")}"""
    parameters = {"rows": rows_json([{"source": source} for source in figures_by_source])}
    rows, opened, closed, known = [], [], [], {}
    for source, before, was_open, failed_ago in connection.execute(text(select), parameters).all():
        figures, breaker = figures_by_source[source], breakers.get(source, Breaker())
        answered = bool(figures.answered) and (failed_ago is None or figures.answered_ago <= failed_ago + GRAIN)
        run = figures.trailing if figures.answered else figures.failed
        failures = run if answered else before + run
        back = answered and not figures.trailing
        is_open = not back if was_open else failures >= breaker.failures
        if is_open and not was_open:
            opened.append(source)
            detail = {"failures": failures, "last_failure": figures.last_failure}
            add_audit_row(connection, WORKER, "breaker opens", source, detail)
        if was_open and not is_open:
            closed.append(source)
            add_audit_row(connection, WORKER, "breaker closes", source, {})
        known[source] = max(failures, breaker.failures) if is_open else failures
        rows.append(
            {
                "source": source,
                "answered": figures.answered,
                "failed": figures.failed,
                "last_failure": figures.last_failure,
                "answered_ago": figures.answered_ago,
                "failed_ago": figures.failed_ago,
                "failures": failures,
                "open": is_open,
                "probe": breaker.probe,
            }
        )
    if rows:
        connection.execute(text(_record(dialect)), {"rows": rows_json(rows)})
    return BreakerChanges(tuple(opened), tuple(closed), known)


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


def since_throttled(connection: Connection, source: str) -> float | None:
    """Seconds since a source answered that it was asked too often; None where its last failure was another."""
    dialect = dialect_of(connection)
    age = dialect.seconds_between(dialect.now(), "last_failure_at")
    seconds = connection.execute(
        text(f"SELECT {age} FROM jurat_sources WHERE name = :source AND last_failure = :throttled"),
        {"source": source, "throttled": Reason.SOURCE_THROTTLED},
    ).scalar()
    return None if seconds is None else float(seconds)


@lru_cache
def _record(dialect: StoreDialect) -> str:
    rows = dialect.rowset(
        "source text, answered int, failed int, last_failure text, answered_ago float8, failed_ago float8, "
        "failures int, open boolean, probe float8",
    )

    def last(column: str, ago: str) -> str:
        at = dialect.now(f"-r.{ago}")
        return dialect.greatest(f"coalesce({column}, {at})", at)

    return f"""
        UPDATE jurat_sources SET
          last_success_at = CASE WHEN r.answered > 0 THEN {last("last_success_at", "answered_ago")}
            ELSE last_success_at END,
          last_failure_at = CASE WHEN r.last_failure IS NULL THEN last_failure_at
            ELSE {last("last_failure_at", "failed_ago")} END,
          last_failure = CASE WHEN r.last_failure IS NULL OR last_failure_at > {dialect.now("-r.failed_ago")}
            THEN jurat_sources.last_failure ELSE r.last_failure END,
          served = served + r.answered + r.failed,
          failures = r.failures,
          opened_at = CASE WHEN r.open THEN coalesce(opened_at, {dialect.now()}) END,
          probe_at = CASE WHEN r.open THEN coalesce(probe_at, {dialect.now("r.probe")}) END
        FROM {rows} WHERE jurat_sources.name = r.source"""


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
