"""Hands out the turns of upkeep: one conditional update of `jurat_upkeep` decides for all jobs and workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache

from sqlalchemy import Engine, text

from config.logger import get_logger
from store.configurations.consultations import ANY_WAITING
from store.dialects import StoreDialect, dialect_of
from store.queue import outcomes
from store.queue.deadlines import any_passed
from store.requests import inquiries, openings
from store.requests.request_runner import WAITING
from store.upkeep import clocks, expired_candidates, expired_leases, overdue_reviews, retention
from store.verdicts.access import ANY_OUTDATED

log = get_logger("jurat.engine")

LOOK_AT_CLOCK = 5.0
"""Seconds between two checks whether the database's clock was put back."""

OUTAGE = 10.0
"""Upkeep that last ran more than so many seconds ago means that the database was away: then leases get as long to be
renewed before any is ended."""

WORK = {
    "leases": expired_leases.ANY,
    "reviews": overdue_reviews.ANY,
    "requests": WAITING,
    "openings": openings.ANY,
    "inquiries": inquiries.ANY,
    "access": ANY_OUTDATED,
    "consultations": ANY_WAITING,
    "candidates": expired_candidates.ANY,
    "retention": retention.ANY,
    "outcomes": outcomes.ANY,
}
"""Whether a job has work: asked together with the turn, so that an idle worker costs the database one statement and not
two. For `overdue` it is `any_passed`."""

ASKED_FOR = frozenset({"requests", "openings", "inquiries", "consultations"})
"""Work that someone waits for, and that takes no lease from a worker that is only late."""


class Turns:
    """Hands out the turns of upkeep."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._entered: set[str] = set()
        self._clock = clock
        self._look_at_clock = float("-inf")
        self._make_due = False

    def take(self, every: Mapping[str, float]) -> set[str]:
        """Take the tasks that this worker is to do now. Each is done at most once in `every` seconds over all workers;
        leases are ended as soon as one is over.

        While leases are spared after an outage of the database, only `ASKED_FOR` is done. Tasks of `WORK` that have no
        work are left out.
        """
        periods = tuple(sorted(every.items()))
        if self._clock() >= self._look_at_clock:
            self._look_at_clock = self._clock() + LOOK_AT_CLOCK
            self._catch_up()
        with self._engine.begin() as connection:
            if not self._entered.issuperset(every):
                # As if each were a second late: its turn is now, and that is no outage.
                rows = ", ".join(f"('{task}', {self._dialect.now(str(-each - 1))})" for task, each in periods)
                sql = f"INSERT INTO jurat_upkeep (task, ran_at) VALUES {rows} ON CONFLICT DO NOTHING"
                connection.execute(text(sql))
            due = connection.execute(text(_turns(self._dialect, periods)), {"outage": OUTAGE}).all()
        self._entered.update(every)
        return {task for task, spared, work in due if work and (not spared or task in ASKED_FOR)}

    def _catch_up(self) -> None:
        """If the database's clock was put back, have times written before count as now."""
        with self._engine.begin() as connection:
            seconds = clocks.detect_setback(connection)
            if seconds:
                clocks.move_times(connection, seconds)
        if seconds:
            log.warning("the database's clock was put back", seconds=round(seconds))
        if seconds or self._make_due:
            self._make_due = True  # also where this fails
            self._make_due = clocks.make_due(self._engine)


@lru_cache
def _turns(dialect: StoreDialect, periods: tuple[tuple[str, float], ...]) -> str:
    age = dialect.seconds_between(dialect.now(), "ran_at")
    hold = dialect.now(dialect.parameter("outage", "float8"))
    # A lease that is over is found by whichever worker looks next, however recently another one looked.
    period = _by_task({task: str(every) for task, every in periods})
    gate = f"{age} >= {period}"
    if "leases" in dict(periods):
        gate = f"({gate} OR (task = 'leases' AND {_work(dialect, 'leases')}))"
    # What another worker takes at this moment is not ours, and no worker waits for another.
    lock = dialect.row_lock("ORDER BY task FOR UPDATE SKIP LOCKED")
    return f"""
        UPDATE jurat_upkeep SET
          hold_until = CASE WHEN {age} > :outage + {period} THEN {hold} ELSE hold_until END,
          ran_at = {dialect.now()}
        WHERE task IN (SELECT task FROM jurat_upkeep
                       WHERE task IN ({", ".join(f"'{task}'" for task, _ in periods)}) AND {gate} {lock})
        RETURNING task, coalesce(hold_until > {dialect.now()}, false),
                  {_by_task({task: _work(dialect, task) for task, _ in periods})}"""


def _by_task(values: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN '{task}' THEN {value}" for task, value in values.items())
    return f"CASE task {cases} END"


def _work(dialect: StoreDialect, task: str) -> str:
    if task == "overdue":
        return any_passed(dialect)
    return WORK[task].format(now=dialect.now()) if task in WORK else "true"
