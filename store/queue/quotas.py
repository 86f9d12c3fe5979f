"""Counts what all workers together may still ask of a source. Its row is locked while a claim reads and pays."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection

from config.hours import Hours
from jurat.batches import Rows, Statement, commit, run
from jurat.statements import rows_json
from jurat.vocabulary import Reason
from store.dialects import POSTGRESQL, StoreDialect, dialect_of
from store.queue.pauses import pause
from tasks.rules.source_limits import AHEAD, Demand, next_start, price, raise_lateness, starts

KEPT = 30.0
"""Seconds of the lease of a check that was looked up and cannot be written for now."""

AT_WORK = 20.0
"""A lease that lasts longer is such a lease: its lookup has ended, and takes no room at its source any more. It is more
than a lease (`store.queue.leases.LEASE`) and less than what is left of a kept one when it is renewed."""


@dataclass(frozen=True, slots=True)
class Room:
    """The state of a source, read `at` a time while its row is locked: checks under lease, seconds to its next paid
    start, what was used on which day, its failures in a row, whether its breaker is open, and whether it may be asked
    at all. `asked` and `read` are readings of `time.monotonic` just before and just after.
    """

    leased: int
    ahead: float
    day: str | None
    used: int
    failures: int
    opened: bool
    ready: bool
    at: datetime
    asked: float
    read: float


def is_closed(demand: Demand, at: datetime) -> bool:
    """Whether a source is closed, or will be before all lookups of a claim have begun."""
    hours = demand.hours
    return hours is not None and not (hours.is_open(at) and hours.is_open(at + timedelta(seconds=AHEAD)))


def lock(connection: Connection, sources: Iterable[str]) -> dict[str, Room]:
    """Lock the rows of these sources, and read what is left of each."""
    asked = time.monotonic()
    found = run(connection, *lock_statements(dialect_of(connection), sources))
    return rooms(found, asked, time.monotonic())


def lock_statements(dialect: StoreDialect, sources: Iterable[str]) -> list[Statement]:
    """What locks the rows of these sources, and reads what is left of each; none for no sources.

    On PostgreSQL a statement sees what was committed before it began. So the leases are counted by one that begins
    after the rows are locked, or those of a claim that we waited for would be missed. It also measures that wait.
    """
    parameters = {"rows": rows_json([{"source": source} for source in sources])}
    if parameters["rows"] == "[]":
        return []
    room = (_room(dialect), parameters)
    return [room] if dialect.one_writer else [(_LOCK, parameters), room]


def rooms(found: Sequence[Rows], asked: float, read: float) -> dict[str, Room]:
    """What is left of each source, by the results of `lock_statements`, sent at `asked` and answered at `read`."""
    if not found:
        return {}
    *locked, left = found
    if locked and locked[0] and left:
        asked += max(0.0, left[0][8] - locked[0][0][0])
    asked = min(asked, read)
    return {
        row[0]: Room(
            leased=row[1],
            ahead=float(row[2]),
            day=row[3],
            used=row[4],
            failures=row[5],
            opened=bool(row[6]),
            ready=bool(row[7]),
            at=datetime.fromtimestamp(row[8], UTC),
            asked=asked,
            read=read,
        )
        for row in left
    }


def fit(demand: Demand, room: Room | None) -> Demand:
    """The demand with the lateness that it needs, by how long the reading of its source's row took."""
    return demand if room is None or demand.interval is None else raise_lateness(demand, room.read - room.asked)


def offers(demand: Demand, room: Room, most: int, lead: float) -> list[float]:
    """In how many seconds the lookup of each check that may be taken now is to start; at most `most` checks.

    The first start is at least `lead` seconds ahead. It is unknown which checks under lease share a lookup, so each
    counts as a lookup of its own.
    """
    if not room.ready:
        return []
    if room.opened:
        most = min(most, 0 if room.leased else 1)
    elif room.failures >= demand.breaker.doubt:
        most = min(most, (max(1, demand.breaker.failures - room.failures) - room.leased) * demand.batch)
    if demand.concurrency is not None:
        most = min(most, (demand.concurrency - room.leased) * demand.batch)
    if demand.daily is not None:
        most = min(most, (demand.daily - _used(demand, room)) * demand.batch)
    if demand.interval is None:
        return [0.0] * most
    return starts(room.ahead, demand, most, lead)


@dataclass(frozen=True, slots=True)
class Payment:
    """The payment for checks that were taken of a source."""

    demand: Demand
    room: Room
    taken: int
    lead: float = 0.0
    last: float = 0.0
    """In how many seconds the last of them is to start."""


def pay(connection: Connection, payments: Sequence[Payment]) -> None:
    """Write what was taken. A daily quota that is used up pauses its source until midnight."""
    run(connection, *_pay_statements(dialect_of(connection), payments))
    for payment in payments:
        demand, room = payment.demand, payment.room
        if demand.daily is None or not room.ready:
            continue
        if _used(demand, room) + demand.lookups(payment.taken) >= demand.daily:
            rest = ((demand.hours or Hours()).next_midnight(room.at) - room.at).total_seconds()
            pause(connection, demand.source, rest, Reason.SOURCE_THROTTLED)


def pay_last(connection: Connection, payments: Sequence[Payment]) -> None:
    """Pay at the end of a transaction: where nothing depends on it, one round trip pays and commits."""
    if any(payment.demand.daily is not None for payment in payments):
        pay(connection, payments)
    else:
        commit(connection, *_pay_statements(dialect_of(connection), payments))


def pay_for_request(
    connection: Connection, demand: Demand, longest: float, *, unless_stopped: bool = False
) -> float | None:
    """As `Sources.pay_for_request`, in a transaction of the caller's."""
    room = lock(connection, [demand.source]).get(demand.source)
    if room is None or (demand.daily is not None and _used(demand, room) >= demand.daily):
        return None
    if unless_stopped and (room.opened or not room.ready or is_closed(demand, room.at)):
        return None
    wait = next_start(room.ahead, demand)
    if wait > longest:
        return None
    pay(connection, [Payment(demand, room, 1)])
    return wait


def _pay_statements(dialect: StoreDialect, payments: Sequence[Payment]) -> list[Statement]:
    rows = [_row(dialect, payment) for payment in payments if payment.taken]
    rows = [row for row in rows if any(row[name] is not None for name in ("seconds", "day", "probe"))]
    return [(_pay(dialect), {"rows": rows_json(rows)})] if rows else []


def _row(dialect: StoreDialect, payment: Payment) -> dict[str, object]:
    demand, room = payment.demand, payment.room
    seconds = None if demand.interval is None else dialect.rounded_up(price(demand, payment.taken))
    return {
        "source": demand.source,
        "seconds": seconds,
        "lead": payment.lead,
        "taken": demand.lookups(payment.taken),
        "day": None if demand.daily is None else (demand.hours or Hours()).day(room.at),
        # Counted from the last moment at which this probe may begin: the source gets no two in an interval.
        "probe": payment.last + demand.late + demand.breaker.probe if room.opened else None,
    }


def _used(demand: Demand, room: Room) -> int:
    return room.used if room.day == (demand.hours or Hours()).day(room.at) else 0


_LOCK = f"""
    SELECT {POSTGRESQL.clock()} FROM jurat_sources
    WHERE name IN (SELECT r.source FROM {POSTGRESQL.rowset("source text")})
    ORDER BY name FOR UPDATE"""


def available(dialect: StoreDialect) -> str:
    """SQL that is true while source `s` is not paused, and its next probe is due if its breaker is open."""
    return (
        f"(s.paused_until IS NULL OR s.paused_until <= {dialect.now()}) "
        f"AND (s.opened_at IS NULL OR s.probe_at IS NULL OR s.probe_at <= {dialect.now()})"
    )


@lru_cache
def _room(dialect: StoreDialect) -> str:
    ahead = dialect.seconds_between(f"coalesce(s.next_start_at, {dialect.now()})", dialect.now())
    return f"""
        SELECT s.name, (SELECT count(*) FROM jurat_checks c WHERE c.state = 'leased' AND c.source = s.name
                        AND c.lease_until < {dialect.now(str(AT_WORK))}), {ahead},
               s.day, s.used, s.failures, s.opened_at IS NOT NULL, {available(dialect)}, {dialect.clock()}
        FROM jurat_sources s WHERE s.name IN (SELECT r.source FROM {dialect.rowset("source text")})"""


@lru_cache
def _pay(dialect: StoreDialect) -> str:
    next_start = "jurat_sources.next_start_at"
    moved = dialect.later(dialect.latest(next_start, dialect.now("r.lead")), "r.seconds")
    rows = dialect.rowset("source text, seconds float8, lead float8, taken int, day text, probe float8")
    return f"""
        UPDATE jurat_sources SET
          next_start_at = CASE WHEN r.seconds IS NULL THEN {next_start} ELSE {moved} END,
          used = CASE WHEN r.day IS NULL THEN used WHEN r.day = jurat_sources.day THEN used + r.taken ELSE r.taken END,
          day = coalesce(r.day, jurat_sources.day),
          probe_at = CASE WHEN r.probe IS NULL THEN probe_at ELSE {dialect.now("r.probe")} END
        FROM {rows} WHERE jurat_sources.name = r.source"""
