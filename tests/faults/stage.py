"""What a step of the model has at hand: the database and its clock, the workers' memories, what was done so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import wraps
from itertools import count
from typing import Any
from uuid import UUID

import structlog
from hypothesis.stateful import RuleBasedStateMachine, invariant

from jurat.vocabulary import State
from store.configurations.applied_config import AccessTerms
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, GiveBack, Later, NextSource, Review, Settle
from tasks.plan import Plan
from tests.faults.invariants import History, broken, wrong_access
from tests.faults.snapshot import CheckRow, read
from tests.faults.standing_clock import StandingClock
from tests.faults.told import CONFIGURATIONS, Told
from tests.store.desk import Desk
from tests.store.reviews import ReviewDecisions
from worker.plan_builder import make_plan


@dataclass(slots=True)
class Worker:
    """A worker's memory: the plan that it last saw, what it holds, what it has yet to write, and what it wrote."""

    plan: Plan
    held: list[ClaimedCheck] = field(default_factory=list)
    entries: list[CheckResult] = field(default_factory=list)
    wrote: list[CheckResult] = field(default_factory=list)


def when(condition: Callable[[Any], object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Does nothing in a step whose time has not come. Hypothesis' own preconditions choose among the rules by what the
    database says, and of two rows that are alike it may say another each time.
    """

    def decorate(step: Callable[..., None]) -> Callable[..., None]:
        @wraps(step)
        def run(self: Any, *arguments: Any, **named: Any) -> None:
            if condition(self):
                step(self, *arguments, **named)

        return run

    return decorate


def first(waiting: list[tuple[datetime, UUID]], most: int) -> list[UUID]:
    """The first of these, and those that have waited as long: which of two that are alike comes first is not said."""
    last = waiting[:most][-1:]
    return [check for time, check in waiting if last and time <= last[0][0]]


class Stage(RuleBasedStateMachine):
    """`now` is what the tables say, `before` what they said before the last step."""

    def __init__(self, desk: Desk, clock: StandingClock) -> None:
        super().__init__()
        structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
        self.desk, self.clock = desk, clock
        self.source = Told(self._asked)
        self.running = CheckRunner(desk.unseal, clock=lambda: 0.0, jitter=lambda: 0.0)
        self.plans = [self._plan(version) for version in range(len(CONFIGURATIONS))]
        self.applied, self.version = 0, 1
        self.workers = [Worker(self.plans[0]) for _ in range(3)]
        self.history = History()
        self.decisions = ReviewDecisions(desk.engine)
        self.since = 1
        """The version since which access adds up as it does now."""
        self.submitted: dict[UUID, datetime] = {}
        self.failures: dict[str, int] = {}
        self.under_way: ClaimedCheck | None = None
        self.ids = (UUID(int=number) for number in count(1))
        self.before = self.now = read(desk.engine)
        self.sound = True

    def _plan(self, number: int) -> Plan:
        plan = make_plan(number + 1, CONFIGURATIONS[number], self.desk.queries, self.desk.fingerprints, {})
        return replace(plan, sources=dict.fromkeys(plan.sources, self.source))

    def _asked(self) -> None:
        assert self.under_way is not None
        self.history.looked_up.append(self.under_way)
        if self.desk.engine.pool.checkedout():  # type: ignore[attr-defined]  # of the pool that both engines have
            self.history.open_transactions.append(self.under_way)

    @invariant()
    def all_holds(self) -> None:
        self.sound = False
        found = broken(self.history, self.before, self.now)
        found += wrong_access(self.now, AccessTerms.of(CONFIGURATIONS[self.applied]), self.since)
        assert not found, "\n".join(found)
        self.sound = True

    def _changed(self, rows: Mapping[UUID, CheckRow]) -> None:
        """After a step: exactly these rows are different, and these are what they became."""
        self.before, self.now = self.now, read(self.desk.engine)
        expected = {**self.before.checks, **rows}
        differ = [each for each in expected.keys() | self.now.checks if expected.get(each) != self.now.checks.get(each)]
        assert not differ, [(expected.get(each), self.now.checks.get(each)) for each in sorted(differ)]

    def _due(self, source: str) -> list[tuple[datetime, UUID]]:
        probe_at = self.now.broken.get(source)
        if self._paused(source) or (probe_at is not None and probe_at > self.clock.now):
            return []
        return self._pending(lambda row: row.due_at if row.source == source else None)

    def _paused(self, source: str) -> bool:
        until = self.now.paused.get(source)
        return until is not None and until > self.clock.now

    def _passed(self) -> list[tuple[datetime, UUID]]:
        """The waiting checks whose deadlines had passed when their sources last stopped to take work, or have now."""
        since = dict.fromkeys(self.now.paused, self.clock.now)
        for source, pauses in self.now.pauses.items():
            for began, until in reversed(pauses):
                if until >= since[source]:
                    since[source] = min(began, since[source])
        waiting = self._pending(lambda row: row.deadline_at)
        return [(time, check) for time, check in waiting if time <= since[self.now.checks[check].source]]

    def _overdue(self) -> list[tuple[datetime, UUID]]:
        """Those of them that stay so, with the time for which their sources took no work."""
        return [(time, check) for time, check in self._passed() if not self._more(check)]

    def _more(self, check: UUID) -> float:
        """How many seconds a deadline that has passed moves on."""
        row, now = self.now.checks[check], self.clock.now
        submitted, deadline = self.submitted[check], row.deadline_at
        assert deadline is not None
        stood = 0.0
        for began, until in self.now.pauses.get(row.source, []):
            stood += max(0.0, (min(until, now) - max(began, submitted)).total_seconds())
        more = round(stood - row.stood_s, 3)
        return more if deadline <= now < deadline + timedelta(seconds=max(0.0, more)) else 0.0

    def _moved_on(self, check: UUID) -> CheckRow:
        row, more = self.now.checks[check], self._more(check)
        assert row.deadline_at is not None
        deadline = row.deadline_at + timedelta(seconds=more)
        return replace(row, deadline_at=deadline, stood_s=round(row.stood_s + more, 3))

    def _pending(self, time_of: Callable[[CheckRow], datetime | None]) -> list[tuple[datetime, UUID]]:
        """The checks that wait and whose time has come, first things first."""
        waiting = [(time_of(row), check) for check, row in self.now.checks.items() if row.state == State.PENDING]
        return sorted((time, check) for time, check in waiting if time is not None and time <= self.clock.now)

    def _leased(self) -> bool:
        return any(row.state == State.LEASED for row in self.now.checks.values())

    def _is_ours(self, held: ClaimedCheck) -> bool:
        row = self.now.checks[held.id]
        return row.state == State.LEASED and row.fence == held.fence

    def _moved(self, entry: CheckResult) -> CheckRow:
        row = replace(self.now.checks[entry.held.id], lease_until=None)
        match entry.decision:
            case Settle():
                return replace(row, state=State.SETTLED, answered=False, settled_at=self.clock.now)
            case Review():
                return replace(row, state=State.REVIEW)
            case Later(seconds=seconds):
                due = self.clock.later(seconds)
                return replace(row, state=State.PENDING, due_at=due, lookups=row.lookups + 1)
            case NextSource(source=source):
                return replace(row, state=State.PENDING, due_at=self.clock.now, source=source)
            case GiveBack():
                return replace(row, state=State.PENDING, due_at=self.clock.now)
