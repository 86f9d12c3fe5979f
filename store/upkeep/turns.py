"""Upkeep: what every worker does now and then so that nothing is lost and the figures are fresh.

The database decides whose turn it is: by one conditional update of `jurat_upkeep` for all pieces of work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine, text

from jurat.batches import begin
from jurat.database import preparing
from jurat.statements import now, rows_json, rowset
from store import clocks
from store.configurations.consultations import ANY_WAITING, Consultations
from store.in_parts import in_parts
from store.queue import pauses, quotas, source_health
from store.queue.deadlines import any_passed
from store.queue.source_health import Noted, SourceFigures
from store.queue.turns import seconds_between
from store.requests.code_lists import CodeImporter
from store.requests.request_runner import WAITING, Requests
from store.requests.reviews import end_reviews
from store.verdicts.access import ANY_OUTDATED, AccessRows, Key
from store.verdicts.purge import Purge
from store.verdicts.records import WORKER, add_audit_row
from tasks.crash_points import crash_point
from tasks.rules.rate_limits import Breaker, Demand

log = structlog.get_logger("jurat.engine")

LOOK_AT_CLOCK = 5.0
"""Seconds between two looks whether the database's clock was put back."""

OUTAGE = 10.0
"""Upkeep that last ran longer ago than this many seconds means that the database was away: leases then get as long to
be renewed before any is ended."""

BATCH = 500
TURN_S = 1.0
"""So many are ended or erased in one transaction; and for so many seconds, one such transaction after the other, in one
turn: with one of them in each, a million reviews would be ended after 17 hours.
"""

WORK = {
    "leases": "EXISTS (SELECT 1 FROM jurat_checks WHERE state = 'leased' AND lease_until <= {now})",
    "reviews": "EXISTS (SELECT 1 FROM jurat_reviews WHERE decided_at IS NULL AND due_at <= {now})",
    "requests": WAITING,
    "access": ANY_OUTDATED,
    "consultations": ANY_WAITING,
    "candidates": "EXISTS (SELECT 1 FROM jurat_checks WHERE candidates_until <= {now})",
}
"""Where the work of a task stands: looked for together with the turn, so that an idle worker costs the database one
statement and not two. For `overdue` it is `any_passed`."""

ASKED_FOR = frozenset({"requests", "consultations"})
"""Work that somebody waits for, and that takes no lease from a worker who is only late."""

_FAILING = "SELECT name, failures FROM jurat_sources WHERE failures > 0"

ACCESS_BATCHES = 10
"""So many batches of access rows are added up again in one turn, each in a transaction of its own."""


class Upkeep:
    """The statements of upkeep. Each is safe to run in every worker at once. Without a `code_importer`, the codes that
    a back office asks for are left to other workers.
    """

    def __init__(
        self, engine: Engine, code_importer: CodeImporter | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._often = preparing(engine)
        self._dialect = engine.dialect.name
        self._access = AccessRows()
        self._purge = Purge(engine, self._access)
        self._requests = Requests(engine, code_importer)
        self._consultations = Consultations(engine)
        self._entered: set[str] = set()
        self._clock = clock
        self._look_at_clock = float("-inf")
        self._make_due = False

    def turns(self, every: Mapping[str, float]) -> set[str]:
        """Which tasks are this worker's to do now. Each is done at most once in `every` seconds over all workers; but
        leases are ended whenever one is over.

        None while leases are spared after an outage of the database, but what persons and platforms ask for; and none
        of `WORK` that has no work.
        """
        periods = tuple(sorted(every.items()))
        if self._clock() >= self._look_at_clock:
            self._look_at_clock = self._clock() + LOOK_AT_CLOCK
            self._catch_up()
        with self._engine.begin() as connection:
            if not self._entered.issuperset(every):
                connection.execute(text(_enter(self._dialect, periods)))
            due = connection.execute(text(_turns(self._dialect, periods)), {"outage": OUTAGE}).all()
        self._entered.update(every)
        return {task for task, spared, work in due if work and (not spared or task in ASKED_FOR)}

    def _catch_up(self) -> None:
        """Where the database's clock was put back, have what was written before count as now."""
        with self._engine.begin() as connection:
            seconds = clocks.put_back(connection)
            if seconds:
                clocks.move(connection, seconds)
        if seconds:
            log.warning("the database's clock was put back", seconds=round(seconds))
        if seconds or self._make_due:
            self._make_due = True  # also where this fails
            self._make_due = clocks.make_due(self._engine)

    def end_leases(self) -> list[UUID]:
        """Give back the checks whose leases are over; each counts one lost lease. They stay due since they were before,
        and so go before what came later.
        """
        failures: list[Exception] = []

        def end(connection: Connection, over: Sequence[Sequence[Any]]) -> list[UUID]:
            checks = [row[0] for row in over]
            ended = in_parts(connection, checks, partial(self._change, connection, _END_LEASES), failures)
            crash_point("leases.ended")
            return ended

        ended = self._through(_leases_over(self._dialect), end)
        crash_point("leases.committed")
        if failures and not ended:
            raise failures[0]
        return ended

    def _through(
        self, looking: str, do: Callable[[Connection, Sequence[Sequence[Any]]], Collection[UUID]]
    ) -> list[UUID]:
        """What `do` did of all that `looking` finds, in transactions of BATCH checks, for `TURN_S` seconds at the most.
        What it could not do, it passes: that is found first again, and would keep all that is behind it.
        """
        done, passed, end = list[UUID](), set[UUID](), time.monotonic() + TURN_S
        while True:
            limit = BATCH + len(passed)
            with self._engine.begin() as connection:
                found = connection.execute(text(looking), {"limit": limit}).all()
                rest = {UUID(str(row[0])): row for row in found if UUID(str(row[0])) not in passed}
                now_done = do(connection, list(rest.values())) if rest else []
            done += now_done
            passed |= rest.keys() - set(now_done)
            if len(found) < limit or time.monotonic() >= end:
                return done

    def _change(self, connection: Connection, change: str, checks: Sequence[Any]) -> list[UUID]:
        """Change these checks; their ids."""
        rows = rows_json([{"id": str(check)} for check in checks])
        sql = f"{change} WHERE id IN (SELECT r.id FROM {rowset(self._dialect, 'id uuid')}) RETURNING id"
        return [UUID(str(check)) for check in connection.execute(text(sql), {"rows": rows}).scalars()]

    def end_reviews(self) -> int:
        """End the reviews that are overdue; how many. Who was never decided about returns to the workers, past the
        deadline, and settles undetermined; who was keeps the verdict from before.

        Those of participants whose access row somebody holds are left for the next turn.
        """
        failures: list[Exception] = []

        def end(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[UUID]:
            over = {UUID(str(row[0])): (row[1], row[2]) for row in rows}
            free = self._access.lock(connection, set(over.values()))
            ours = [check for check, key in over.items() if key in free]
            return in_parts(connection, ours, partial(self._end_reviews, connection, over), failures)

        ended = self._through(_overdue_reviews(self._dialect), end)
        if failures:
            raise failures[0]
        return len(ended)

    def _end_reviews(self, connection: Connection, over: Mapping[UUID, Key], checks: Sequence[UUID]) -> list[UUID]:
        return end_reviews(connection, self._access, {check: over[check] for check in checks})

    def do_requests(self) -> int:
        """Do what persons have asked for; how many requests were dealt with."""
        return self._requests.apply_waiting()

    def add_up_access(self) -> int:
        """Add up again the access rows that are older than the last change of their consultation; how many.

        `config apply` does not do it: a consultation may have more participants than one transaction should hold. One
        whose row cannot be added up keeps nobody else's waiting; why not is raised once the others are done.
        """
        count, failures = 0, list[Exception]()
        for _ in range(ACCESS_BATCHES):
            with self._engine.begin() as connection:
                keys = self._access.lock_outdated(connection, BATCH)
                count += self._access.add_up_each(connection, keys, failures)
            if len(keys) < BATCH:
                break
        if failures:
            raise failures[0]
        return count

    def apply_publications(self) -> int:
        """Put what platforms published into the configuration, or write down why not; how many were answered."""
        return self._consultations.apply_waiting()

    def pause(self, source: str, seconds: float, reason: str, by: str | None = None) -> bool:
        """Stop a whole source for `seconds`: it asked for that, or a person (`by`) does; whether that changed anything.

        A longer pause that stands already is kept.
        """
        with self._engine.begin() as connection:
            changed = pauses.pause(connection, source, seconds, reason, by)
            if changed and by is not None:
                add_audit_row(connection, by, "sources pause", source, {"seconds": seconds, "reason": reason})
        return changed

    def cut_off(self, source: str, seconds: float, reason: str) -> None:
        """Stop a source that refuses us after it had asked for patience; that is in the audit for a person to see."""
        with self._engine.begin() as connection:
            if pauses.pause(connection, source, seconds, reason):
                add_audit_row(connection, WORKER, "source refuses us", source, {"seconds": seconds, "reason": reason})

    def since_throttled(self, source: str) -> float | None:
        """Seconds since a source told any worker that it was asked too often; None where it last failed otherwise."""
        with self._engine.begin() as connection:
            return source_health.since_throttled(connection, source)

    def resume(self, source: str, by: str) -> bool:
        """End the pause of a source; whether there was one."""
        with self._engine.begin() as connection:
            ended = pauses.resume(connection, source)
            if ended:
                add_audit_row(connection, by, "sources resume", source, {})
        return ended

    def pay_for_request(self, demand: Demand, longest: float, *, unless_stopped: bool = False) -> float | None:
        """Pay for a request that no claim has paid: of a person who tries a source, or a second one of a look-up; in
        how many seconds it may be sent.

        None where that is more than `longest`, or its day is used up; nothing is paid then. With `unless_stopped` nor
        while the source is paused or closed, or its breaker is open: a person may try it then, a look-up may not go on.
        """
        with self._engine.begin() as connection:
            return quotas.pay_for_request(connection, demand, longest, unless_stopped=unless_stopped)

    def note(self, seen: Mapping[str, SourceFigures], breakers: Mapping[str, Breaker]) -> Noted:
        """Keep what a worker saw of each source. Its breaker opens after a run of failures and closes on a success; the
        names of those that did.
        """
        if not seen:
            return Noted()
        with self._engine.begin() as connection:
            return source_health.note(connection, seen, breakers)

    def failing(self) -> Mapping[str, int]:
        """How many failures in a row each source has that failed last, over all workers; as many as open its breaker at
        least where that is open.
        """
        with begin(self._often, (_FAILING, {})) as (_, (rows,)):
            return dict(rows)

    def count_waiting(self) -> None:
        """Keep each source's backlog (up to `figures.MOST_COUNTED`), how long it lasts at the pace of late, and how
        soon its platforms should poll again.
        """
        with self._engine.begin() as connection:
            source_health.count_waiting(connection)

    def erase_candidates(self) -> int:
        """Erase the candidates of ambiguous addresses whose time is over; of how many checks."""
        failures: list[Exception] = []

        def erase(connection: Connection, over: Sequence[Sequence[Any]]) -> list[UUID]:
            checks = [row[0] for row in over]
            return in_parts(connection, checks, partial(self._change, connection, _ERASE_CANDIDATES), failures)

        erased = self._through(_candidates_over(self._dialect), erase)
        if failures:
            raise failures[0]
        return len(erased)

    def purge_pieces(self) -> Iterator[int]:
        """Delete what is past its `retain_until` and needed no more, a short transaction with each step, until nothing
        is left; how many checks went with it. Rest between the steps.
        """
        return self._purge.pieces()

    def purge(self) -> int:
        """The same at once, without a rest."""
        return sum(self.purge_pieces())


@lru_cache
def _enter(dialect: str, periods: tuple[tuple[str, float], ...]) -> str:
    # As if each were a second late: its turn is now, and that is no outage.
    rows = ", ".join(f"('{task}', {now(dialect, str(-every - 1))})" for task, every in periods)
    return f"INSERT INTO jurat_upkeep (task, ran_at) VALUES {rows} ON CONFLICT DO NOTHING"


@lru_cache
def _turns(dialect: str, periods: tuple[tuple[str, float], ...]) -> str:
    age = seconds_between(dialect, now(dialect), "ran_at")
    hold = now(dialect, "CAST(:outage AS float8)" if dialect == "postgresql" else ":outage")
    # A lease that is over is seen by whichever worker looks next, however short ago another one did.
    period = _by_task({task: str(every) for task, every in periods})
    gate = f"{age} >= {period}"
    if "leases" in dict(periods):
        gate = f"({gate} OR (task = 'leases' AND {_work(dialect, 'leases')}))"
    # What another worker takes at this moment is not ours; and nobody waits for anybody.
    lock = "ORDER BY task FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    return f"""
        UPDATE jurat_upkeep SET
          hold_until = CASE WHEN {age} > :outage + {period} THEN {hold} ELSE hold_until END,
          ran_at = {now(dialect)}
        WHERE task IN (SELECT task FROM jurat_upkeep
                       WHERE task IN ({", ".join(f"'{task}'" for task, _ in periods)}) AND {gate} {lock})
        RETURNING task, coalesce(hold_until > {now(dialect)}, false),
                  {_by_task({task: _work(dialect, task) for task, _ in periods})}"""


def _by_task(values: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN '{task}' THEN {value}" for task, value in values.items())
    return f"CASE task {cases} END"


def _work(dialect: str, task: str) -> str:
    if task == "overdue":
        return any_passed(dialect)
    return WORK[task].format(now=now(dialect)) if task in WORK else "true"


_END_LEASES = "UPDATE jurat_checks SET state = 'pending', lease_until = NULL, lost_leases = lost_leases + 1"

_ERASE_CANDIDATES = "UPDATE jurat_checks SET candidates = NULL, candidates_until = NULL"


@lru_cache
def _leases_over(dialect: str) -> str:
    lock = "FOR NO KEY UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    return f"""
        SELECT id FROM jurat_checks WHERE state = 'leased' AND lease_until <= {now(dialect)}
        ORDER BY lease_until LIMIT :limit {lock}"""


@lru_cache
def _overdue_reviews(dialect: str) -> str:
    return f"""
        SELECT c.id, c.consultation, c.participant FROM jurat_reviews v
        JOIN jurat_checks c ON c.id = v.check_id AND c.state = 'review'
        WHERE v.decided_at IS NULL AND v.due_at <= {now(dialect)} ORDER BY v.due_at LIMIT :limit"""


@lru_cache
def _candidates_over(dialect: str) -> str:
    lock = "FOR NO KEY UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    return f"""
        SELECT id FROM jurat_checks WHERE candidates_until <= {now(dialect)}
        ORDER BY candidates_until LIMIT :limit {lock}"""
