"""Claims due checks under a lease, within the rate limits of each source, and renews leases."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from config.hours import Hours
from jurat.batches import Rows, Statement, begin, run
from jurat.database import preparing
from jurat.statements import rows_json
from jurat.vocabulary import Priority
from store import workers
from store.dialects import dialect_of
from store.held_rows import HARDLY_WAIT, id_of, is_held
from store.in_parts import LeftOut, in_halves, in_parts
from store.queue import deadlines, quotas
from store.queue.leased_rows import ALONE, LeasedRow, in_turn
from store.queue.leases import (
    LEASE,
    chosen_postgresql,
    chosen_sqlite,
    claim_postgresql,
    claim_sqlite,
    claim_these,
    due,
    renew,
    round_up,
)
from tasks.checks import ClaimedCheck
from tasks.crash_points import crash_point
from tasks.rules.source_limits import Demand, Queue, turns


class Claimed(NamedTuple):
    """The checks that a claim took, and whether others are due that have one chance left (see `Claims.claim_alone`)."""

    held: list[ClaimedCheck]
    last_chances: bool


class Start(NamedTuple):
    """When a lookup may begin, as readings of `time.monotonic`: the first and the last moment."""

    at: float
    latest: float


@dataclass(slots=True)
class _Due:
    """What is due at a source: by queue the number (up to what could be taken) and since when, and any last chance."""

    at: datetime
    opened: bool
    queues: dict[Queue, int] = field(default_factory=dict)
    since: dict[Queue, Any] = field(default_factory=dict)
    last_chance: bool = False


class Claims:
    """Claims and renewals. They are committed durably: a fence is never given out twice, not even after a crash.

    Answers that are sealed for none of `keys` are left to other workers; None takes them all.
    """

    def __init__(
        self, engine: Engine, dice: Callable[[], float] = random.random, keys: Iterable[str] | None = None
    ) -> None:
        self.keys = None if keys is None else frozenset(keys)
        """May be replaced while it works."""
        self._engine = engine
        self._often = preparing(engine)
        self._dialect = dialect_of(engine)
        self._dice = dice
        self._left_out = LeftOut(engine)
        self._standstills = deadlines.RecentStandstills(engine)
        self._chosen: Callable[[], list[Statement]] = list
        """Returns the statements that find the checks which the claim under way is about to lease."""
        self.held_back: set[str] = set()
        """The sources of which the last claim would have taken more, but for the checks under lease: each write makes
        room."""
        self.room: dict[str, int] = {}
        """By source with a concurrency: how many more lookups it had room for after the last claim of it."""
        self._served: dict[str, dict[str, str]] = {}
        """By source and priority, the consultation that was served last."""
        self._likely: set[str] = set()
        """The sources of which the last claim took something."""
        self._delay = 0.0
        """Seconds from reading the database's clock to the end of a claim, lately."""
        self._asked = self._read = 0.0
        """This process's clock just before and just after the database's was read for start times."""

    def claim(self, demands: Sequence[Demand], slots: int) -> Claimed:
        """Claim due checks of the sources in `demands` for at most `slots` lookups, each under a new fence and a lease,
        in the order in which they start.

        A source that is paused, closed, or has used up its day gives none; one that counts as broken gives one for a
        probe. When slots are short, sources are served in the order of `demands`; within a source, consultations take
        turns.
        """
        return self._left_out.retry(lambda: self._claim(demands, slots), self._about_to_lease)

    def _claim(self, demands: Sequence[Demand], slots: int) -> Claimed:
        self._chosen = list
        limited = {demand.source for demand in demands if demand.free > 0 and demand.limited}
        claimed = self._claim_expecting(limited & self._likely, demands, slots)
        claimed = claimed or self._claim_expecting((), demands, slots)
        crash_point("claim.committed")
        taken, last_chances = claimed or ((), False)
        self._likely = {each.row[5] for each in taken}
        return Claimed(self._claimed(taken, demands), last_chances)

    def _claim_expecting(
        self, likely: Collection[str], demands: Sequence[Demand], slots: int
    ) -> tuple[Sequence[LeasedRow], bool] | None:
        """Claim, with the rows of `likely` sources locked in the round trip that reads what is due; None if others must
        be locked as well. Two workers that each lock one more would wait for each other in a circle.
        """
        asked, locks = time.monotonic(), quotas.lock_statements(self._dialect, sorted(likely))
        with begin(self._often, *locks, self._due_statement(demands, slots)) as (connection, (*locked, found)):
            rooms = quotas.rooms(locked, asked, time.monotonic())
            due = self._due(demands, found)
            able = [demand for demand in demands if due.get(demand.source)]
            if rooms and any(_needs_lock(demand, due) and demand.source not in rooms for demand in able):
                return None
            self.held_back.clear()
            taken = self._take(connection, able, due, slots, rooms) if able else []
        return taken, any(found.last_chance for found in due.values())

    def _about_to_lease(self) -> Sequence[Statement]:
        return self._chosen()

    def claim_alone(self, demands: Sequence[Demand]) -> ClaimedCheck | None:
        """Claim one due check that has lost all workers but its last, for a process that holds nothing else.

        It may be what kills them, or a neighbour of the check that did: alone, it is not taken for the other.
        """
        return self._left_out.retry(lambda: self._claim_alone(demands), self._about_to_lease)

    def _claim_alone(self, demands: Sequence[Demand]) -> ClaimedCheck | None:
        self._chosen = list
        with begin(self._often, self._due_statement(demands, 1)) as (connection, (found,)):
            due = self._due(demands, found)
            able = [demand for demand in demands if demand.source in due and due[demand.source].last_chance]
            taken = self._take(connection, able, due, 1, {}, alone=True)
        crash_point("claim.committed")
        return next(iter(self._claimed(taken, demands)), None)

    def pay_again(self, demand: Demand, lookups: int) -> list[Start]:
        """Pay for so many lookups of a source a second time, because they missed their starts. They are held, and their
        first starts stay unused. Returns their new starts: fewer where no more are to be had soon, and none where the
        source is in trouble or takes no work.
        """
        with begin(self._often) as (connection, _):
            room = quotas.lock(connection, [demand.source]).get(demand.source)
            if room is None or quotas.is_closed(demand, room.at):
                return []
            demand, lead = quotas.fit(replace(demand, concurrency=None), room), self._lead(demand)
            starts = quotas.offers(demand, room, lookups * demand.batch, lead)[:: demand.batch]
            taken = len(starts) * demand.batch
            quotas.pay_last(connection, [quotas.Payment(demand, room, taken, lead, max(starts, default=0.0))])
        return [Start(room.read + start, room.asked + start + demand.late) for start in starts]

    def claim_overdue(self, limit: int, hours: Mapping[str, Hours]) -> list[ClaimedCheck]:
        """Claim checks whose deadline has passed, of any source, so that none waits for a paused or removed one.

        Deadlines do not run down while a source is closed by its `hours` or paused, nor while no worker that serves it
        has the key of the answer: those are moved on instead. Checks that waited a day for a key are claimed as
        forsaken.
        """
        with self._engine.begin() as connection:
            holders = None if self.keys is None else workers.Keyholders.read(connection, self.keys)
            over = deadlines.find_passed(connection, hours, limit, holders)
            rest = limit - len(over)
            forsaken = set(deadlines.find_forsaken(connection, rest, holders)) if holders is not None else set()
            if not over and not forsaken:
                return []

            def lease(checks: Sequence[UUID]) -> Sequence[Any]:
                rows = rows_json([{"id": str(check)} for check in checks])
                return run(connection, (claim_these(self._dialect), {"rows": rows}))[0]

            failures: list[Exception] = []
            leased = in_parts(connection, [*over, *(forsaken - set(over))], lease, failures)
        if failures and not leased:
            raise failures[0]
        return [LeasedRow(row, row[10]).claimed(forsaken=id_of(row[0]) in forsaken) for row in leased]

    def renew(self, held: Iterable[ClaimedCheck], seconds: float = LEASE) -> set[UUID]:
        """Prolong the leases of `held`; returns the ids that are still ours. It is one statement, unless the database
        refuses it or another transaction holds a row: one check must not cost all others their leases.
        """
        before: list[Statement] = []

        def prolong(some: Sequence[ClaimedCheck]) -> set[UUID]:
            try:
                return self._renew(some, seconds, before)
            except DBAPIError as error:
                if is_held(error):  # each half would wait as long
                    before[:] = [HARDLY_WAIT]
                raise

        return set(in_halves(list(held), prolong, lambda *_: None))

    def _renew(self, held: Sequence[ClaimedCheck], seconds: float, before: Sequence[Statement]) -> set[UUID]:
        rows = [{"id": str(check.id), "fence": check.fence} for check in held]
        statement = (renew(self._dialect, seconds), {"rows": rows_json(rows)})
        with begin(self._often, *before, statement) as (_, (*_, renewed)):
            crash_point("renewal.made")
        crash_point("renewal.committed")
        return {id_of(row[0]) for row in renewed}

    def _due_statement(self, demands: Sequence[Demand], slots: int) -> Statement:
        rows = [{"source": demand.source} for demand in demands if demand.free > 0]
        most = max((min(demand.free, slots * demand.batch) for demand in demands), default=0)
        left_out = self._left_out.parameters()
        sql = due(self._dialect, self.keys, some_left_out=bool(left_out))
        return sql, {"rows": rows_json(rows), "most": most, **left_out}

    def _due(self, demands: Sequence[Demand], rows: Rows) -> dict[str, _Due]:
        """What is due at each source that may be asked now, by the result of `_due_statement`."""
        by_source = {demand.source: demand for demand in demands}
        found: dict[str, _Due] = {}
        for row in rows:
            at = datetime.fromtimestamp(row[5], UTC)
            if quotas.is_closed(by_source[row[0]], at):
                continue
            due = found.setdefault(row[0], _Due(at, bool(row[4])))
            if row[2] is None:
                due.last_chance = True
            else:
                queue = Queue(row[1], row[2])
                due.queues[queue], due.since[queue] = row[3], row[6]
        return found

    def _take(
        self,
        connection: Connection,
        demands: Sequence[Demand],
        due: Mapping[str, _Due],
        slots: int,
        rooms: Mapping[str, quotas.Room],
        *,
        alone: bool = False,
    ) -> list[LeasedRow]:
        """Lease what is due and may be taken, and pay for it. Nothing may follow in the transaction. `rooms` are the
        sources that are locked; without any, those that must be are.
        """
        rooms = rooms or quotas.lock(connection, [each.source for each in demands if _needs_lock(each, due)])
        self._asked, self._read = next(((room.asked, room.read) for room in rooms.values()), (time.monotonic(),) * 2)
        demands = [quotas.fit(demand, rooms.get(demand.source)) for demand in demands]
        offers: dict[str, list[float]] = {}
        orders: dict[str, list[Queue]] = {}
        for demand in demands:
            wanted = min(demand.free, slots * demand.batch, 1 if alone else sum(due[demand.source].queues.values()))
            room = rooms.get(demand.source)
            starts = quotas.offers(demand, room, wanted, self._lead(demand)) if room else [0.0] * wanted
            if room and len(starts) < wanted:
                unheld = replace(demand, concurrency=None), replace(room, leased=0)
                if len(quotas.offers(*unheld, wanted, self._lead(demand))) > len(starts):
                    self.held_back.add(demand.source)
            if alone:
                order = [ALONE] * min(1, len(starts))
            else:
                after = self._served.get(demand.source, {})
                order = turns(due[demand.source].queues, len(starts), after, self._dice())
            if order:
                offers[demand.source], orders[demand.source] = starts, order
                slots -= demand.lookups(len(order))
        leased: dict[str, list[Any]] = {}
        for row in self._lease(connection, orders, due, alone=alone):
            leased.setdefault(row[5], []).append(row)
        more = self._move_deadlines(connection, leased, demands)
        taken: list[LeasedRow] = []
        payments = []
        for demand in demands:
            ours = in_turn(orders.get(demand.source, ()), leased.get(demand.source, ()))
            room = rooms.get(demand.source)
            late = math.inf if demand.interval is None else demand.late
            probe = room is not None and room.opened
            taken += (
                LeasedRow(row, row[10] + more.get(row[0], 0.0), start, late, probe)
                for row, start in zip(ours, offers.get(demand.source, ()), strict=False)
            )
            self._served.setdefault(demand.source, {}).update((row[14], row[2]) for row in ours)
            if room:
                last = offers[demand.source][len(ours) - 1] if ours else 0.0
                payments.append(quotas.Payment(demand, room, len(ours), self._lead(demand), last))
                if demand.concurrency is not None:
                    self.room[demand.source] = max(0, demand.concurrency - room.leased - len(ours))
        crash_point("claim.made")
        quotas.pay_last(connection, payments)
        return taken

    def _lease(
        self, connection: Connection, orders: Mapping[str, Sequence[Queue]], due: Mapping[str, _Due], *, alone: bool
    ) -> Sequence[Any]:
        rows = [
            {
                "source": source,
                "priority": queue.priority,
                "consultation": queue.consultation,
                "since": due[source].since.get(queue),
                "most": most,
            }
            for source, order in orders.items()
            for queue, most in Counter(order).items()
        ]
        if not rows:
            return []
        left_out = self._left_out.parameters()
        some = bool(left_out)
        if self._dialect.has_lateral:
            most = round_up(sum(map(len, orders.values())))
            parameters = {"rows": rows_json(rows), **left_out}
            chosen = partial(chosen_postgresql, most, self.keys, alone=alone, some_left_out=some)
            self._chosen = lambda: [(chosen(), parameters)]
            sql = claim_postgresql(most, self.keys, alone=alone, some_left_out=some)
            return run(connection, (sql, parameters))[0]
        chosen = partial(chosen_sqlite, self.keys, alone=alone, some_left_out=some)
        self._chosen = lambda: [(chosen(), {**each, **left_out}) for each in rows]
        sql = claim_sqlite(self.keys, alone=alone, some_left_out=some)
        return [row for found in run(connection, *((sql, {**each, **left_out}) for each in rows)) for row in found]

    def _move_deadlines(
        self, connection: Connection, leased: Mapping[str, Sequence[Any]], demands: Sequence[Demand]
    ) -> dict[Any, float]:
        """Move on the deadlines that passed while the source took no work; returns by how many seconds, by row id."""
        late = {
            row[0]: deadlines.PassedDeadline.of(row[0], row[5], row[16], row[17], row[18], row[7])
            for rows in leased.values()
            for row in rows
            if row[10] <= 0 and not row[12]
        }
        if not late:
            return {}
        hours = {demand.source: demand.hours for demand in demands if demand.hours}
        still = deadlines.Standstills.read(connection, {check.source for check in late.values()}, hours)
        more = {row_id: seconds for row_id, check in late.items() if (seconds := still.due(check))}
        deadlines.move_on(connection, {late[row_id].id: seconds for row_id, seconds in more.items()})
        return more

    def _lead(self, demand: Demand) -> float:
        """How many seconds the first start must be ahead, so that half of the lateness is left to a claim that takes
        twice as long as others did lately. A third of a lease at most, so that one claim that took minutes does not
        delay the next as long.
        """
        if demand.interval is None:
            return 0.0
        return min(max(0.0, 2 * self._delay - demand.late / 2), LEASE / 3)

    def _claimed(self, taken: Sequence[LeasedRow], demands: Sequence[Demand]) -> list[ClaimedCheck]:
        """What a claim returns now."""
        if not taken:
            return []
        stood = self._stood(taken, {demand.source: demand.hours for demand in demands if demand.hours})
        taken = [each._replace(stood=stood.get(id_of(each.row[0]), 0.0)) for each in taken] if stood else taken
        now = time.monotonic()
        self._delay = max(now - self._asked, 0.9 * self._delay)
        return [each.claimed(now - self._asked, now - self._read) for each in taken]

    def _stood(self, taken: Sequence[LeasedRow], hours: Mapping[str, Hours]) -> Mapping[UUID, float]:
        """For how many seconds interactive checks had stood still that have waited for long."""
        rows = [each.row for each in taken if each.row[14] == Priority.INTERACTIVE]
        checks = [deadlines.PassedDeadline.of(row[0], row[5], row[16], row[17], row[18], row[7]) for row in rows]
        try:
            return self._standstills.of(checks, taken[0].claimed_at, hours)
        except SQLAlchemyError:
            return {}  # they are claimed: only a figure is not what it could be


def _needs_lock(demand: Demand, due: Mapping[str, _Due]) -> bool:
    return demand.limited or due[demand.source].opened
