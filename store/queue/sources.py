"""Writes what workers and operators report about a source: pauses, payments, and how it answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Engine, text

from jurat.batches import begin
from jurat.database import preparing
from jurat.queries import read_json
from jurat.vocabulary import Reason
from store.dialects import dialect_of
from store.queue import breakers, outcomes, pauses, quotas
from store.queue.breakers import BreakerChanges, SourceFigures
from store.restored import REASON as RESTORED
from store.verdicts.records import WORKER, add_audit_row
from tasks.rules.source_limits import Breaker, Demand

SAME = 0.9
"""A pause that has this share of a new one left was begun for the same cause, by another worker a moment ago."""

_FAILING = "SELECT name, failures FROM jurat_sources WHERE failures > 0"


class NotResumed(Exception):
    """A backup was restored, and no one has confirmed it yet. `str` says what to do."""


class Sources:
    """The rows of `jurat_sources`. Each call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._often = preparing(engine)

    def pause(self, source: str, seconds: float, reason: str, by: str | None = None) -> float | None:
        """Pause a source for `seconds`, for itself or a person. Returns how many seconds the pause in force had left,
        0.0 if there was none; None if nothing changed, because that is longer and is kept.
        """
        with self._engine.begin() as connection:
            before = pauses.pause(connection, source, seconds, reason, by)
            if before is not None and by is not None:
                add_audit_row(connection, by, "sources pause", source, {"seconds": seconds, "reason": reason})
        return before

    def cut_off(self, source: str, seconds: float, reason: str) -> bool:
        """Pause a source that refuses us after it had asked for patience, with an audit row for a person to see.
        Returns whether that is news: the first of the workers that see it writes the row.
        """
        with self._engine.begin() as connection:
            before = pauses.pause(connection, source, seconds, reason)
            is_news = before is not None and before < SAME * seconds
            if is_news:
                add_audit_row(connection, WORKER, "source refuses us", source, {"seconds": seconds, "reason": reason})
        return is_news

    def resume(self, source: str, by: str) -> bool:
        """End the pause of a source; whether there was one. Raises NotResumed."""
        sql = "SELECT 1 FROM jurat_sources WHERE name = :source AND pause_reason = :restored"
        with self._engine.begin() as connection:
            if connection.scalar(text(sql), {"source": source, "restored": RESTORED}):
                raise NotResumed("a backup was restored: `bin/jurat db restored --confirm` resumes all sources")
            ended = pauses.resume(connection, source)
            if ended:
                add_audit_row(connection, by, "sources resume", source, {})
        return ended

    def note_drift(self, source: str, drift: str) -> bool:
        """Note where a source's answers differ from its tests; "" if they do not. Returns whether that is news."""
        sql = (
            "UPDATE jurat_sources SET drift = nullif(:drift, '') WHERE name = :source AND coalesce(drift, '') <> :drift"
        )
        with self._engine.begin() as connection:
            return connection.execute(text(sql), {"source": source, "drift": drift}).rowcount > 0

    def count_shadow(self, shadow: str, decided: str, found: str) -> None:
        """Count that a source decided, and its shadow would have decided so."""
        with self._engine.begin() as connection:
            dialect = dialect_of(connection)
            lock = dialect.row_lock("FOR UPDATE")
            sql = f"SELECT shadow FROM jurat_sources WHERE name = :shadow {lock}"
            counts = Counter(read_json(connection.execute(text(sql), {"shadow": shadow}).scalar() or "{}"))
            counts[f"{decided} {found}"] += 1
            sql = f"UPDATE jurat_sources SET shadow = {dialect.parameter('counts', 'jsonb')} WHERE name = :shadow"
            connection.execute(text(sql), {"shadow": shadow, "counts": json.dumps(counts)})

    def trust(self, source: str, by: str) -> bool:
        """Take the results of a suspect source for right; whether it was suspect."""
        with self._engine.begin() as connection:
            ended = outcomes.trust(connection, source)
            if ended:
                add_audit_row(connection, by, "sources trust", source, {})
        return ended

    def since_throttled(self, source: str) -> float | None:
        """Seconds since a source answered any worker that it was asked too often; None if it last failed otherwise."""
        dialect = dialect_of(self._engine)
        age = dialect.seconds_between(dialect.now(), "last_failure_at")
        sql = f"SELECT {age} FROM jurat_sources WHERE name = :source AND last_failure = :throttled"
        with self._engine.begin() as connection:
            found = connection.execute(text(sql), {"source": source, "throttled": Reason.SOURCE_THROTTLED}).scalar()
        return None if found is None else float(found)

    def pay_for_request(self, demand: Demand, longest: float, *, unless_stopped: bool = False) -> float | None:
        """Pay for a request that no claim has paid: of a person who tries a source, or a lookup's second one; in how
        many seconds it may be sent.

        Returns None, and pays nothing, if that is more than `longest`, there is no such source, or its day is used up;
        with `unless_stopped` also while the source is paused or closed, or its breaker is open: a person may try it
        then, a lookup may not go on.
        """
        with self._engine.begin() as connection:
            return quotas.pay_for_request(connection, demand, longest, unless_stopped=unless_stopped)

    def record(self, figures: Mapping[str, SourceFigures], configured: Mapping[str, Breaker]) -> BreakerChanges:
        """Record a worker's figures. Breakers open after a run of failures and close on a success; returns which."""
        if not figures:
            return BreakerChanges()
        with self._engine.begin() as connection:
            return breakers.record(connection, figures, configured)

    def failing(self) -> Mapping[str, int]:
        """The failures in a row of sources that failed last, over all workers; at least as many as open the breaker."""
        with begin(self._often, (_FAILING, {})) as (_, (rows,)):
            return dict(rows)
