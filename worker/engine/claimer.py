"""Claims due checks whenever there are free slots and the schedule says so."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from config.logger import get_logger
from store.queue.claims import Claims
from tasks.plan import Plan
from worker.engine.claim_plan import ClaimScope, claim_plan, lone_demands, scope_of
from worker.engine.delay_queue import ClaimBatch
from worker.engine.in_flight import InFlight
from worker.engine.last_chances import LastChances
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.lookups import Results
from worker.engine.plans import Plans
from worker.engine.registration import Lacks
from worker.engine.threads import EngineThread
from worker.engine.wake_schedule import WakeSchedule
from worker.metrics.names import StatementName
from worker.metrics.tallies import Tallies

log = get_logger("jurat.checks")

SCHEMA_PAUSE = 0.05
"""Seconds between two looks whether the schema is known."""

UNWRITTEN = 4
"""Times the slots: so many checks may wait to be written before no more are claimed."""

LEAST = 0.1
"""Seconds over which lookups are counted at least."""

LATELY = 0.5
"""Seconds after which older figures count for little."""


class Throughput:
    """Counts what `in_flight` saw end. Not thread-safe: one thread looks."""

    def __init__(self, in_flight: InFlight, clock: Callable[[], float] = time.monotonic) -> None:
        self._in_flight = in_flight
        self._clock = clock
        self._at = clock()
        self._before: Mapping[str, int] = {}
        self._throughput: dict[str, float] = {}

    def look(self) -> Mapping[str, float]:
        """Lookups a second by source, as of now."""
        now = self._clock()
        seconds = now - self._at
        if seconds >= LEAST:
            ended = self._in_flight.ended()
            share = min(1.0, seconds / LATELY)
            for source, count in ended.items():
                lately = (count - self._before.get(source, 0)) / seconds
                before = self._throughput.get(source, 0.0)
                self._throughput[source] = before + share * (lately - before)
            self._at, self._before = now, ended
        return self._throughput


@dataclass(eq=False)
class Claimer(EngineThread):
    """Sends what `claim_plan` decides to the database, and what comes back to the lookup threads.

    `_only` are the sources that it serves, None is all.
    """

    _claims: Claims
    _plans: Plans
    _lookups: LookupQueue
    _results: Results
    _breaker: LocalBreaker
    _wakes: WakeSchedule
    _lacks: Lacks
    _only: Collection[str] | None = None
    _tallies: Tallies = field(default_factory=Tallies)

    def __post_init__(self) -> None:
        super().__init__("claimer")
        self._in_flight = self._lookups.in_flight
        self._throughput = Throughput(self._in_flight)
        self._last_chances = LastChances()
        self._scope: tuple[Plan, ClaimScope] | None = None
        self._turn = 0
        self.has_tried = False
        """Whether it has looked for work once, successfully or not."""

    def stop(self) -> None:
        super().stop()
        self._wakes.wake()

    def step(self) -> None:
        due = False
        while not due:
            due = self._wakes.wait(self.stopping)
            self.beat = time.monotonic()
        try:
            self._look()
        finally:
            self.has_tried = True

    def _look(self) -> None:
        plan = self._plans.current()
        if plan is None or self.stopping.is_set() or self._lacks.schema:
            self._give_back_missed(self._lookups.take_missed())
            return
        if not self._lacks.schema_known:  # whether the schema serves this release: a moment after the start
            self.stopping.wait(SCHEMA_PAUSE)
            self._wakes.wake()
            return
        scope = self._scope_of(plan)
        self._move_missed(scope)
        if self._in_flight.unwritten() > UNWRITTEN * self._in_flight.slots:
            self._wakes.wait_for_write()
            return
        if self._last_chances.pending and self._claim_alone(scope):
            return
        if stale := self._lookups.buffer.stale():
            self._results.give_back(stale)
        self._claim(scope)

    def _move_missed(self, scope: ClaimScope) -> None:
        """Get other starts for the lookups that missed theirs, because this process was short of CPU. Those of a source
        that has none left are given back.
        """
        missed = dict(self._lookups.take_missed())
        try:
            for source in list(missed):
                if source in scope.sources:
                    starts = self._claims.pay_again(scope.sources[source], len(missed[source]))
                    log.info("starts missed", source=source, lookups=len(missed[source]), moved=len(starts))
                    for batch, start in zip(missed[source], starts, strict=False):
                        self._lookups.move(batch, start)
                    missed[source] = missed[source][len(starts) :]
        finally:
            self._give_back_missed(missed)

    def _give_back_missed(self, missed: Mapping[str, Sequence[ClaimBatch]]) -> None:
        for batches in missed.values():
            if left := [check for batch in batches for check in batch]:
                self._results.give_back(left)

    def _claim(self, scope: ClaimScope) -> None:
        pace = self._throughput.look()
        busy, of_source = self._in_flight.room(self._plans.longest)
        hanging = {source: count - of_source.get(source, 0) for source, count in self._in_flight.busy()[1].items()}
        wanted = claim_plan(scope, busy, of_source, pace, self._claims.room, self._shut(scope), self._turn)
        if wanted.free < 1:
            self._wakes.wait_for_slots(wanted.worth)
            self._wakes.slot_freed(self._in_flight.freed())
            return
        self._next_turn(scope)
        self._wakes.claim_begins(wanted.worth)
        asked = time.monotonic()
        with self._tallies.time(StatementName.CLAIM):
            held, last_chances = self._claims.claim(wanted.demands, wanted.free)
        answered = time.monotonic()
        self._tallies.count_claimed(held)
        if not held and self._lacks.unseal_keys:
            self._wakes.claim_found_nothing(asked, answered)
        taken = Counter(check.source for check in held)
        self._wakes.claim_ended(
            more=wanted.leaves_more(taken),
            held_back=bool(self._claims.held_back),
            backlogged=wanted.backlogged(taken, self._wakes.backlogged, self._claims.room),
        )
        self._lookups.add(scope, held, asked, answered, hanging)
        self._wakes.slot_freed(self._in_flight.freed())  # lookups may have ended while the claim was under way
        for seconds in wanted.next_starts(held):
            self._wakes.wake_in(seconds)
        if last_chances and self._last_chances.begin(asked):
            self._wakes.wake()

    def _claim_alone(self, scope: ClaimScope) -> bool:
        """Give a check with one chance left this whole process; whether that is still under way."""
        self._wakes.wait_for_write()
        if not self._in_flight.hold_only_apart(self._plans.longest):
            return True
        asked = time.monotonic()
        if self._last_chances.may_take(asked):
            demands = lone_demands(scope, self._shut(scope), self._turn)
            self._next_turn(scope)
            if held := self._claims.claim_alone(demands):
                self._tallies.count_claimed([held])
                self._last_chances.mark_taken()
                self._lookups.add(scope, [held], asked, time.monotonic())
                return True
        self._last_chances.end(asked)
        return False

    def _scope_of(self, plan: Plan) -> ClaimScope:
        if self._scope is None or self._scope[0] is not plan:
            self._scope = plan, scope_of(plan, self._only, self._in_flight.slots)
        return self._scope[1]

    def _shut(self, scope: ClaimScope) -> set[str]:
        return {source for source in scope.sources if self._breaker.is_shut(source)}

    def _next_turn(self, scope: ClaimScope) -> None:
        self._turn = (self._turn + 1) % max(1, len(scope.sources))
