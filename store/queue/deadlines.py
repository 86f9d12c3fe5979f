"""Moves deadlines on by the time in which their source took no work, and finds those that have passed.

A deadline is a time in the row. When it has passed, the time for which its source took no work since the check was
submitted is added to it; `stood_s` is how many of these seconds were added before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from config.hours import Hours
from jurat.database import reader
from jurat.statements import rows_json
from store import workers
from store.dialects import POSTGRESQL, SQLITE, StoreDialect, dialect_of
from store.held_rows import id_of
from store.queue.pauses import history
from store.queue.turns import Keys, sealed_for
from tasks.rules.source_limits import Span, standstill, standstill_since

ENDED = 1e9
"""Seconds in `stood_s` of a check whose deadline was ended on purpose: nothing is added to that."""

LEFT_TO_OTHERS = 86_400.0
"""Seconds for which an answer that no worker can open waits for one that can."""

BATCH = 500
"""Checks whose deadlines are read in one turn, for each source."""


@dataclass(frozen=True, slots=True)
class PassedDeadline:
    """A check whose deadline has passed. `stood_s` seconds were added to it already; `key` opens its answer."""

    id: UUID
    source: str
    submitted_at: datetime
    deadline_at: datetime
    stood_s: float
    key: str | None = None

    @classmethod
    def of(cls, check: Any, source: str, submitted: float, deadline: float, stood_s: float, key: str | None) -> Self:
        """From values of a row, whose times are seconds since 1970."""
        submitted_at, deadline_at = (datetime.fromtimestamp(seconds, UTC) for seconds in (submitted, deadline))
        return cls(id_of(check), source, submitted_at, deadline_at, stood_s, key)


@dataclass(frozen=True, slots=True)
class Standstills:
    """When each source took no work, and each key was missing there, up to the database's time `now`."""

    _now: datetime
    _hours: Mapping[str, Hours]
    _pauses: Mapping[str, list[Span]]
    _missing: Mapping[workers.SourceKey, list[Span]]

    @classmethod
    def read(cls, connection: Connection, sources: Collection[str], hours: Mapping[str, Hours]) -> Standstills:
        """The standstills of `sources`, whose opening hours are `hours`."""
        ((seconds,),) = connection.execute(text(f"SELECT {dialect_of(connection).clock()}"))
        spans = workers.missing_spans(connection)
        return cls(datetime.fromtimestamp(seconds, UTC), hours, history(connection, sources), spans)

    def since(self, source: str) -> datetime:
        """Since when a source has taken no work; `now` when it does. Deadlines that passed later do not matter yet."""
        return standstill_since(self._now, self._hours.get(source), self._pauses.get(source, []))

    def due(self, check: PassedDeadline) -> float:
        """By how many seconds its deadline is to be moved on; 0 when it has passed even so."""
        seconds = self.between(check.submitted_at, self._now, check.source, check.key)
        # To the millisecond, as times are stored: a clock read as a float may be a microsecond behind.
        more = round(seconds - check.stood_s, 3)
        return more if more > round((self._now - check.deadline_at).total_seconds(), 3) else 0.0

    def between(self, begin: datetime, end: datetime, source: str, key: str | None) -> float:
        """For how many seconds a source took no work, or at least none that needs this key."""
        pauses = self._pauses.get(source, [])
        if missing := self._missing.get((source, key or "")):
            pauses = workers.merge([*pauses, *missing])
        return standstill(begin, end, self._hours.get(source), pauses)


class RecentStandstills:
    """For how long claimed checks had stood still, for figures alone: nothing is decided by it. Not thread-safe.

    The standstills are read once in `READ_EVERY` seconds at most, and only where interactive checks have waited for
    longer than `LONG`: of others no one asks why it took so long.
    """

    READ_EVERY, LONG = 10.0, 5.0

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = reader(engine)
        self._clock = clock
        self._still: Standstills | None = None
        self._read_at = 0.0
        self._sources: frozenset[str] = frozenset()

    def of(self, checks: Iterable[PassedDeadline], now: float, hours: Mapping[str, Hours]) -> dict[UUID, float]:
        """The seconds of interactive `checks` by id, up to the database's time `now` in seconds since 1970."""
        end = datetime.fromtimestamp(now, UTC)
        long = [check for check in checks if (end - check.submitted_at).total_seconds() > self.LONG]
        if not long:
            return {}
        still = self._recent({check.source for check in long}, hours)
        return {check.id: still.between(check.submitted_at, end, check.source, check.key) for check in long}

    def _recent(self, sources: Collection[str], hours: Mapping[str, Hours]) -> Standstills:
        if (
            self._still is None
            or self._clock() - self._read_at > self.READ_EVERY
            or not self._sources.issuperset(sources)
        ):
            self._sources |= frozenset(sources)
            with self._engine.begin() as connection:
                self._still = Standstills.read(connection, self._sources, hours)
            self._read_at = self._clock()
        return self._still


def move_on(connection: Connection, seconds: Mapping[UUID, float]) -> None:
    """Move the deadlines of checks on, each by so many seconds."""
    if seconds:
        dialect = dialect_of(connection)
        rows = rows_json([{"id": str(check), "seconds": more} for check, more in sorted(seconds.items())])
        sql = f"""
            UPDATE jurat_checks SET deadline_at = {dialect.later("deadline_at", "r.seconds")},
              stood_s = stood_s + r.seconds
            FROM {dialect.rowset("id uuid, seconds float8")} WHERE jurat_checks.id = r.id"""
        connection.execute(text(sql), {"rows": rows})


def find_passed(
    connection: Connection, hours: Mapping[str, Hours], limit: int, holders: workers.Keyholders | None = None
) -> list[UUID]:
    """Find up to `limit` waiting checks whose deadlines have passed for good, the oldest first, and lock their rows.

    Other deadlines are moved on, each once for a standstill, when that is over. Deadlines do not run while the answer
    is sealed for a key that `holders` lack at its source: see `find_forsaken`.
    """
    dialect = dialect_of(connection)
    sources = [row[0] for row in connection.execute(text(_with_passed(dialect)))]
    if not sources:
        return []
    still = Standstills.read(connection, sources, hours)
    alike: dict[frozenset[str] | None, dict[str, datetime]] = {}
    for source in sources:
        keys = holders.of(source) if holders is not None else None
        alike.setdefault(keys, {})[source] = still.since(source)
    passed = [check for keys, before in alike.items() for check in _passed(connection, before, keys)]
    more = {check.id: still.due(check) for check in passed}
    move_on(connection, {check: seconds for check, seconds in more.items() if seconds})
    over = sorted((check for check in passed if not more[check.id]), key=lambda check: check.deadline_at)
    return [check.id for check in over[:limit]]


def find_forsaken(connection: Connection, limit: int, holders: workers.Keyholders) -> list[UUID]:
    """Find up to `limit` waiting checks whose answers have waited a day for a key that was missing as long at their
    source, and lock their rows. `holders` have the keys that are present now.
    """
    dialect = dialect_of(connection)
    ((seconds,),) = connection.execute(text(f"SELECT {dialect.clock()}"))
    before = datetime.fromtimestamp(seconds - LEFT_TO_OTHERS, UTC)
    since = workers.missing_since(connection)
    lost = sorted(holders.lack(lock for lock, began in since.items() if began <= before))
    if not lost or limit < 1:
        return []
    rows = rows_json([{"source": source, "key": key} for source, key in lost])
    sql = f"""
        SELECT c.id FROM {dialect.rowset("source text, key text")}
        JOIN jurat_checks c ON c.source = r.source AND c.answer_key = r.key
        WHERE c.state = 'pending' AND c.answer IS NOT NULL AND c.submitted_at <= {dialect.now(str(-LEFT_TO_OTHERS))}
        LIMIT :limit {dialect.row_lock("FOR NO KEY UPDATE OF c SKIP LOCKED")}"""
    found = connection.execute(text(sql), {"rows": rows, "limit": limit})
    return [UUID(str(row[0])) for row in found]


def _passed(connection: Connection, before: Mapping[str, datetime], keys: Keys) -> Iterable[PassedDeadline]:
    dialect = dialect_of(connection)
    rows = [{"source": source, "before": time.timestamp()} for source, time in before.items()]
    if dialect.has_lateral:
        found = connection.execute(text(_passed_postgresql(keys)), {"rows": rows_json(rows), "limit": BATCH}).all()
    else:
        found = [
            row
            for each in rows
            for row in connection.execute(text(_passed_sqlite(keys)), {**each, "limit": BATCH}).all()
        ]
    return [PassedDeadline.of(*row) for row in found]


def any_passed(dialect: StoreDialect) -> str:
    """SQL that is true while a deadline has passed, or a key was missing for a day."""
    day = f"SELECT 1 FROM jurat_missing_keys WHERE since <= {dialect.now(str(-LEFT_TO_OTHERS))}"
    return f"(EXISTS ({_with_passed(dialect)}) OR EXISTS ({day} AND seen_at >= {dialect.now(str(-workers.LIVE))}))"


_LEAST = "(SELECT c.source FROM jurat_checks c WHERE c.state = 'pending'{after} ORDER BY c.source LIMIT 1)"


def _with_passed(dialect: StoreDialect) -> str:
    """The sources at which a deadline has passed, of all at which a check waits: one step of an index each."""
    return f"""
        WITH RECURSIVE waited(source) AS (
          SELECT {_LEAST.format(after="")} UNION ALL
          SELECT {_LEAST.format(after=" AND c.source > w.source")} FROM waited w WHERE w.source IS NOT NULL)
        SELECT w.source FROM waited w WHERE (
          SELECT c.deadline_at FROM jurat_checks c WHERE c.state = 'pending' AND c.source = w.source
          ORDER BY c.deadline_at LIMIT 1) <= {dialect.now()}"""


def _columns(dialect: StoreDialect) -> str:
    good = dialect.readable("c.due_at", "c.submitted_at", "c.deadline_at")

    def read(moment: str) -> str:
        return f"CASE WHEN {good} THEN {dialect.epoch(moment)} ELSE {dialect.clock()} END"

    stood_s = f"CASE WHEN {good} THEN c.stood_s ELSE {ENDED} END"
    return f"c.id, c.source, {read('c.submitted_at')}, {read('c.deadline_at')}, {stood_s}, c.answer_key"


def _readable_by(keys: Keys) -> str:
    """As `sealed_for`; but a deadline that was ended on purpose needs no key."""
    return f" AND (c.stood_s >= {ENDED} OR (true{sealed_for(keys)}))" if keys is not None else ""


def _passed_postgresql(keys: Keys) -> str:
    return f"""
        SELECT p.* FROM {POSTGRESQL.rowset("source text, before float8")} CROSS JOIN LATERAL (
          SELECT {_columns(POSTGRESQL)} FROM jurat_checks c
          WHERE c.state = 'pending' AND c.source = r.source AND c.deadline_at <= to_timestamp(r.before)
            {_readable_by(keys)}
          ORDER BY c.deadline_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED) p"""


def _passed_sqlite(keys: Keys) -> str:
    return f"""
        SELECT {_columns(SQLITE)} FROM jurat_checks c
        WHERE c.state = 'pending' AND c.source = :source {_readable_by(keys)}
          AND c.deadline_at <= strftime('%Y-%m-%d %H:%M:%f', :before, 'unixepoch')
        ORDER BY c.deadline_at LIMIT :limit"""
