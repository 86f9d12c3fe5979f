"""Opens and closes the breaker of each source, by the answers and failures that the workers report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache

from sqlalchemy import Connection, text

from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.queue.outcomes import count_results
from store.verdicts.records import WORKER, add_audit_row
from tasks.rules.source_limits import Breaker

GRAIN = 0.001
"""Seconds to which SQLite stores times: within the same one, an answer counts as later than a failure."""


MEMORY = 50.0
"""The duration of a source's lookups is averaged over about so many."""


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """A worker's lookups at one source since its last report: those that were answered, and those that failed and show
    trouble of the source; `trailing` failed after the last answer. `last_failure` may concern only one request. The
    last answer came `answered_ago` seconds ago, the last failure `failed_ago`. All of them together took `seconds`.
    `results` counts the answers by reason.
    """

    answered: int = 0
    failed: int = 0
    trailing: int = 0
    last_failure: str | None = None
    answered_ago: float = 0.0
    failed_ago: float = 0.0
    seconds: float = 0.0
    results: Mapping[str, int] = field(default_factory=dict, compare=False)


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
        found = {"source": source, "failures": failures, "open": is_open, "probe": breaker.probe}
        rows.append({**asdict(figures), **found})
    if rows:
        connection.execute(text(_record(dialect)), {"rows": rows_json(rows)})
        count_results(connection, {source: figures_by_source[source].results for source in known})
    return BreakerChanges(tuple(opened), tuple(closed), known)


@lru_cache
def _record(dialect: StoreDialect) -> str:
    rows = dialect.rowset(
        "source text, answered int, failed int, last_failure text, answered_ago float8, failed_ago float8, "
        "seconds float8, failures int, open boolean, probe float8",
    )

    def last(column: str, ago: str) -> str:
        at = dialect.now(f"-r.{ago}")
        return dialect.greatest(f"coalesce({column}, {at})", at)

    # The mean of the last lookups or so; the newest count more.
    mean = "(r.seconds / (r.answered + r.failed))"
    share = f"((r.answered + r.failed) / (r.answered + r.failed + {MEMORY}))"
    return f"""
        UPDATE jurat_sources SET
          last_success_at = CASE WHEN r.answered > 0 THEN {last("last_success_at", "answered_ago")}
            ELSE last_success_at END,
          last_failure_at = CASE WHEN r.last_failure IS NULL THEN last_failure_at
            ELSE {last("last_failure_at", "failed_ago")} END,
          last_failure = CASE WHEN r.last_failure IS NULL OR last_failure_at > {dialect.now("-r.failed_ago")}
            THEN jurat_sources.last_failure ELSE r.last_failure END,
          served = served + r.answered + r.failed,
          lookup_s = CASE WHEN r.answered + r.failed = 0 THEN lookup_s ELSE
            coalesce(lookup_s, {mean}) + {share} * ({mean} - coalesce(lookup_s, {mean})) END,
          failures = r.failures,
          opened_at = CASE WHEN r.open THEN coalesce(opened_at, {dialect.now()}) END,
          probe_at = CASE WHEN r.open THEN coalesce(probe_at, {dialect.now("r.probe")}) END
        FROM {rows} WHERE jurat_sources.name = r.source"""
