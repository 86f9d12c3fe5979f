"""Pauses whole sources, and keeps the history of pauses."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from config.durations import parse_duration
from jurat.statements import rows_json
from jurat.times import moment
from store.dialects import dialect_of
from tasks.rules.source_limits import Span

KEPT = 400 * 86_400.0
"""Seconds that the history goes back."""

LONGEST = "365d"
"""A person pauses a source for so long at most."""


def pause_seconds(written: str) -> float:
    """The seconds of a duration as in the configuration, from 1 s to a year. Raises ValueError with a sentence."""
    seconds = parse_duration(written)
    if not 1 <= seconds <= parse_duration(LONGEST):
        raise ValueError(f"from 1s to {LONGEST} is expected")
    return seconds


def pause(connection: Connection, source: str, seconds: float, reason: str, by: str | None = None) -> float | None:
    """Pause a source for `seconds`. Returns how many seconds the pause in force had left, 0.0 if there was none; None
    if it is longer, and is kept, or there is no such source.

    A pause in force is prolonged, so that the history never counts a second twice.
    """
    dialect = dialect_of(connection)
    now, by_whom = dialect.now(), dialect.parameter("by", "text")
    until = dialect.now(dialect.parameter("seconds", "float8"))
    parameters = {"source": source, "seconds": seconds, "reason": reason, "by": by}
    left = f"""
        SELECT {dialect.seconds_between("paused_until", now)} FROM jurat_sources WHERE name = :source
        {dialect.row_lock("FOR UPDATE")}"""
    before = connection.execute(text(left), parameters).scalar()
    stop = f"""
        UPDATE jurat_sources SET paused_until = {until}, pause_reason = :reason
        WHERE name = :source AND (paused_until IS NULL OR paused_until < {until}) RETURNING paused_until"""
    row = connection.execute(text(stop), parameters).first()
    if row is None:
        return None
    parameters["until"] = row[0]
    prolong = f"""
        UPDATE jurat_pauses SET until = :until, reason = :reason, by_whom = {by_whom}
        WHERE source = :source AND until > {now}"""
    if not connection.execute(text(prolong), parameters).rowcount:
        begin = f"""
            INSERT INTO jurat_pauses (source, began_at, until, reason, by_whom)
            VALUES (:source, {now}, :until, :reason, {by_whom})
            ON CONFLICT (source, began_at) DO UPDATE SET until = excluded.until"""
        connection.execute(text(begin), parameters)
    return max(0.0, float(before or 0.0))


def resume(connection: Connection, source: str) -> bool:
    """End the pause of a source now; whether there was one."""
    now, parameters = dialect_of(connection).now(), {"source": source}
    resume = f"""
        UPDATE jurat_sources SET paused_until = NULL, pause_reason = NULL
        WHERE name = :source AND paused_until > {now}"""
    if not connection.execute(text(resume), parameters).rowcount:
        return False
    end = f"UPDATE jurat_pauses SET until = {now} WHERE source = :source AND until > {now}"
    connection.execute(text(end), parameters)
    return True


def history(connection: Connection, sources: Iterable[str]) -> dict[str, list[Span]]:
    """The pauses of each source, none overlapping another."""
    found: dict[str, list[Span]] = {source: [] for source in sources}
    if found:
        rows = rows_json([{"source": source} for source in sorted(found)])
        sql = f"""
            SELECT p.source, p.began_at, p.until FROM {dialect_of(connection).rowset("source text")}
            JOIN jurat_pauses p ON p.source = r.source"""
        for source, began, until in connection.execute(text(sql), {"rows": rows}):
            begin, end = moment(began), moment(until)
            if begin is not None and end is not None:
                found[source].append((begin, end))
    return found


def forget(connection: Connection) -> None:
    """Delete pauses that ended more than `KEPT` seconds ago."""
    connection.execute(text(f"DELETE FROM jurat_pauses WHERE until < {dialect_of(connection).now(str(-KEPT))}"))
