"""Counts the results of each source by hour and reason, and suspects a source whose shares jump.

The counts are of no person, and stay for eight days. A look at them costs the same however many verdicts there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.verdicts.records import WORKER, add_audit_row
from tasks.rules.outcome_shares import DAY, RECENT, USUAL, WINDOWS, Jump, Usual, find_jump, find_return

ANY = "EXISTS (SELECT 1 FROM jurat_outcomes)"
"""SQL that is true where there is something to look at."""

BEGAN, ENDED = "source suspected", "source no longer suspected"

_END = "UPDATE jurat_sources SET suspect_since = NULL WHERE name = :source AND suspect_since IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A change that a look found: a source is suspect because of a jump, or, without one, no longer."""

    source: str
    jump: Jump | None


def count_results(connection: Connection, results: Mapping[str, Mapping[str, int]]) -> None:
    """Add results by source and reason to those of this hour. The caller has locked the rows of the sources."""
    rows = [
        {"source": source, "reason": reason, "results": count}
        for source, counts in sorted(results.items())
        for reason, count in sorted(counts.items())
    ]
    if rows:
        connection.execute(text(_count(dialect_of(connection))), {"rows": rows_json(rows)})


def results_of(engine: Engine, source: str, hours: int) -> tuple[int, list[tuple[int, str, int]]]:
    """The hour that it is, since 1970, and for each of the last `hours` how many results had each reason."""
    now = _hour(dialect_of(engine), dialect_of(engine).now())
    sql = "SELECT hour, reason, results FROM jurat_outcomes WHERE source = :source AND hour > :since ORDER BY hour"
    with reader(engine).begin() as connection:
        hour = int(connection.scalar(text(f"SELECT {now}")) or 0)
        rows = connection.execute(text(sql), {"source": source, "since": hour - hours})
        return hour, [(row[0], row[1], row[2]) for row in rows]


def judge(engine: Engine) -> list[Suspicion]:
    """Look at the shares of all sources. Those whose shares jumped become suspect, those whose shares are back are no
    longer; returns what changed. Deletes what no later look needs.
    """
    dialect, found = dialect_of(engine), list[Suspicion]()
    with engine.begin() as connection:
        for source, (reason, recent, usual) in _read(connection).items():
            if reason is None:
                if jump := find_jump(recent, usual):
                    found += _suspect(connection, source, jump)
            elif hours := find_return(recent, usual, reason):
                found += _acquit(connection, source, hours)
        connection.execute(text(_delete_old(dialect)))
    return found


def trust(connection: Connection, source: str) -> bool:
    """Take the results of a suspect source for right: it is counted from zero. Whether it was suspect."""
    if not connection.execute(text(_END), {"source": source}).rowcount:
        return False
    connection.execute(text("DELETE FROM jurat_outcomes WHERE source = :source"), {"source": source})
    return True


_Shares = tuple[str | None, dict[int, dict[str, int]], Usual]
"""The reason for which a source is suspect, its recent results by window, and its usual ones."""


def _read(connection: Connection) -> dict[str, _Shares]:
    found: dict[str, _Shares] = {}
    week, day = dict[str, dict[str, int]](), dict[str, dict[str, int]]()
    for source, suspected, reason, usual, of_day, *recent in connection.execute(text(_sum(dialect_of(connection)))):
        week.setdefault(source, {})[reason] = usual
        day.setdefault(source, {})[reason] = of_day
        none: dict[int, dict[str, int]] = {hours: {} for hours in WINDOWS}
        _, windows, _ = found.setdefault(source, (suspected, none, Usual(week[source], day[source])))
        for hours, count in zip(WINDOWS, recent, strict=True):
            windows[hours][reason] = count
    return found


def _suspect(connection: Connection, source: str, jump: Jump) -> list[Suspicion]:
    sql = f"""
        UPDATE jurat_sources SET suspect_since = {dialect_of(connection).now()}, suspect_reason = :reason,
          suspect_share = :share, usual_share = :usual
        WHERE name = :source AND suspect_since IS NULL"""
    shares = {"reason": jump.reason, "share": jump.share, "usual": jump.usual}
    if not connection.execute(text(sql), {"source": source, **shares}).rowcount:
        return []
    detail = {"reason": jump.reason, "count": jump.count, "of": jump.total, "hours": jump.hours}
    add_audit_row(connection, WORKER, BEGAN, source, {**detail, "usual": round(jump.usual, 4)})
    return [Suspicion(source, jump)]


def _acquit(connection: Connection, source: str, hours: int) -> list[Suspicion]:
    """End the suspicion. What came before the last `hours`, since the day before it began, is not to be usual."""
    dialect = dialect_of(connection)
    delete = f"""
        DELETE FROM jurat_outcomes WHERE source = :source AND hour <= {_hour(dialect, dialect.now())} - :hours
          AND hour > (SELECT {_hour(dialect, "suspect_since")} FROM jurat_sources WHERE name = :source) - {RECENT}"""
    connection.execute(text(delete), {"source": source, "hours": hours})
    if not connection.execute(text(_END), {"source": source}).rowcount:
        return []
    add_audit_row(connection, WORKER, ENDED, source, {})
    return [Suspicion(source, None)]


def _hour(dialect: StoreDialect, moment: str) -> str:
    """SQL for the hour of a time, counted from 1970."""
    hours = f"{dialect.epoch(moment)} / 3600"
    return dialect.choose(postgresql=f"floor({hours})::integer", sqlite=f"CAST({hours} AS integer)")


@lru_cache
def _count(dialect: StoreDialect) -> str:
    return f"""
        INSERT INTO jurat_outcomes (source, hour, reason, results)
        SELECT r.source, {_hour(dialect, dialect.now())}, r.reason, r.results
        FROM {dialect.rowset("source text, reason text, results int")} WHERE true
        ON CONFLICT (source, hour, reason) DO UPDATE SET results = jurat_outcomes.results + excluded.results"""


def _sources(dialect: StoreDialect) -> str:
    """SQL for a table `s` of the sources: which hour it is `now`, `until` when results may be usual, plus `RECENT`, and
    since when a suspicion lasts, before which none are recent. Computed once, not for each row of counts.
    """
    now, since = _hour(dialect, dialect.now()), _hour(dialect, "suspect_since")
    return f"""
        s AS {dialect.materialized} (
          SELECT name, {now} AS now, coalesce({since}, {now}) AS until, coalesce({since}, 0) AS since,
            CASE WHEN suspect_since IS NOT NULL THEN suspect_reason END AS reason FROM jurat_sources)"""


@lru_cache
def _sum(dialect: StoreDialect) -> str:
    """SQL for the results of each source and reason: the usual ones, those of their last day, those of each window."""
    conditions = (
        f"o.hour <= s.until - {RECENT}",
        f"o.hour <= s.until - {RECENT} AND o.hour > s.until - {RECENT + DAY}",
        *(f"o.hour > s.now - {hours} AND o.hour > s.since" for hours in WINDOWS),
    )
    return f"""
        WITH {_sources(dialect)}
        SELECT o.source, s.reason, o.reason,
          {", ".join(f"sum(CASE WHEN {each} THEN o.results ELSE 0 END)" for each in conditions)}
        FROM jurat_outcomes o JOIN s ON s.name = o.source
        WHERE o.hour > s.until - {RECENT + USUAL} AND o.hour <= s.now
        GROUP BY o.source, s.reason, o.reason"""


@lru_cache
def _delete_old(dialect: StoreDialect) -> str:
    return f"""
        WITH {_sources(dialect)}
        DELETE FROM jurat_outcomes WHERE EXISTS (
          SELECT 1 FROM s WHERE s.name = jurat_outcomes.source AND (
            hour <= s.until - {RECENT + USUAL} OR hour > s.until AND hour <= s.now - {RECENT}))"""
