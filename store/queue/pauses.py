"""Pauses of whole sources, and their history: a deadline does not run down while its source takes no work."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, text

from jurat.columns import moment
from jurat.statements import now, rows_json, rowset
from tasks.rules.rate_limits import Span

KEPT = 400 * 86_400.0
"""Seconds that the history goes back."""


def pause(connection: Connection, source: str, seconds: float, reason: str, by: str | None = None) -> bool:
    """Stop a source for `seconds`; whether that changed anything: a longer pause that stands already is kept.

    While one stands it is prolonged, so that the history never counts a second twice.
    """
    dialect = connection.dialect.name
    parameters = {"source": source, "seconds": seconds, "reason": reason, "by": by}
    row = connection.execute(text(_pause(dialect)), parameters).first()
    if row is None:
        return False
    parameters["until"] = row[0]
    if not connection.execute(text(_prolong(dialect)), parameters).rowcount:
        connection.execute(text(_begin(dialect)), parameters)
    return True


def resume(connection: Connection, source: str) -> bool:
    """End the pause of a source now; whether there was one."""
    dialect = connection.dialect.name
    if not connection.execute(text(_resume(dialect)), {"source": source}).rowcount:
        return False
    connection.execute(text(_end(dialect)), {"source": source})
    return True


def history(connection: Connection, sources: Iterable[str]) -> dict[str, list[Span]]:
    """The pauses of each source, none overlapping another."""
    found: dict[str, list[Span]] = {source: [] for source in sources}
    if found:
        rows = rows_json([{"source": source} for source in sorted(found)])
        for source, began, until in connection.execute(text(_history(connection.dialect.name)), {"rows": rows}):
            begin, end = moment(began), moment(until)
            if begin is not None and end is not None:
                found[source].append((begin, end))
    return found


def forget(connection: Connection) -> None:
    """Delete what is older than `KEPT`."""
    dialect = connection.dialect.name
    connection.execute(text(f"DELETE FROM jurat_pauses WHERE until < {now(dialect, str(-KEPT))}"))


def _seconds(dialect: str) -> str:
    return "CAST(:seconds AS float8)" if dialect == "postgresql" else ":seconds"


def _by(dialect: str) -> str:
    return "CAST(:by AS text)" if dialect == "postgresql" else ":by"


@lru_cache
def _pause(dialect: str) -> str:
    until = now(dialect, _seconds(dialect))
    return f"""
        UPDATE jurat_sources SET paused_until = {until}, pause_reason = :reason
        WHERE name = :source AND (paused_until IS NULL OR paused_until < {until}) RETURNING paused_until"""


@lru_cache
def _prolong(dialect: str) -> str:
    return f"""
        UPDATE jurat_pauses SET until = :until, reason = :reason, by_whom = {_by(dialect)}
        WHERE source = :source AND until > {now(dialect)}"""


@lru_cache
def _begin(dialect: str) -> str:
    return f"""
        INSERT INTO jurat_pauses (source, began_at, until, reason, by_whom)
        VALUES (:source, {now(dialect)}, :until, :reason, {_by(dialect)})
        ON CONFLICT (source, began_at) DO UPDATE SET until = excluded.until"""


@lru_cache
def _resume(dialect: str) -> str:
    return f"""
        UPDATE jurat_sources SET paused_until = NULL, pause_reason = NULL
        WHERE name = :source AND paused_until > {now(dialect)}"""


@lru_cache
def _end(dialect: str) -> str:
    return f"UPDATE jurat_pauses SET until = {now(dialect)} WHERE source = :source AND until > {now(dialect)}"


@lru_cache
def _history(dialect: str) -> str:
    return f"""
        SELECT p.source, p.began_at, p.until FROM {rowset(dialect, "source text")}
        JOIN jurat_pauses p ON p.source = r.source"""
