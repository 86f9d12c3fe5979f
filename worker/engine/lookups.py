"""Runs lookups: each thread takes claimed checks, runs them outside any transaction, and hands on the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jurat.vocabulary import Reason
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, GiveBack, Later
from tasks.plan import Plan
from worker.engine.delay_queue import ClaimBatch
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread
from worker.engine.wake_schedule import WakeSchedule
from worker.engine.writer import Writer

UNKNOWN_RETRY = 5.0
"""Seconds before a check is claimed again whose question is in a configuration that only a newer jurat can read."""


@dataclass(frozen=True, slots=True)
class Results:
    """The way from the lookup threads to the writer. Thread-safe."""

    _lookups: LookupQueue
    _breaker: LocalBreaker
    _writer: Writer
    _wakes: WakeSchedule

    def hand_on(self, results: Sequence[CheckResult]) -> None:
        """Lookups of one source have ended, or were not begun."""
        self._breaker.count_results(results)
        freed = self._lookups.in_flight.mark_looked_up(result.held for result in results)
        self._lookups.buffer.freed(results[0].held.source)
        for result in results:
            self._writer.hand_on(result)
        self._wakes.slot_freed(freed)

    def wake_claimer(self) -> None:
        """A lookup has missed its start: the claimer is to get another one for it."""
        self._wakes.wake()

    def give_back(self, checks: Sequence[ClaimedCheck]) -> None:
        """Have checks that were not looked up given back, due at once and at no cost."""
        self.hand_on([CheckResult(check, GiveBack(), 0) for check in checks])


class LookupThread(EngineThread):
    """One slot. It looks a whole batch up at once where the source can, and otherwise one check after the other."""

    def __init__(self, number: int, runner: CheckRunner, plans: Plans, lookups: LookupQueue, results: Results) -> None:
        super().__init__(f"lookup-{number}")
        self._runner = runner
        self._plans = plans
        self._lookups = lookups
        self._results = results

    def step(self) -> None:
        batch = self._lookups.ready.get()
        if batch is None:
            self.stopping.set()
            return
        plan = self._plan_for(batch)
        if plan is not None and self._plans.behind:
            batch = self._delay_unknown(batch, plan)
        if not batch:
            return
        # Less than the whole batch where a new plan allows less at once than the one that it was claimed under.
        started = [] if plan is None else self._lookups.begin(batch[: plan.at_once(batch[0].source)])
        if plan is not None and not started and self._lookups.has_missed(batch):
            self._results.wake_claimer()
        elif len(started) < len(batch):
            claims = {(held.id, held.fence) for held in started}
            self._results.give_back([held for held in batch if (held.id, held.fence) not in claims])
        if plan is not None and started:
            self._results.hand_on(self._runner.run_many(started, plan))

    def _plan_for(self, batch: ClaimBatch) -> Plan | None:
        """The plan in force. Where it lacks a question, which may have been published a moment ago, the newest."""
        plan = self._plans.current()
        if plan is None or all(_is_known(plan, held) for held in batch):
            return plan
        try:
            self._plans.refresh()
        except Exception:
            self._results.give_back(batch)
            raise
        return self._plans.current()

    def _delay_unknown(self, batch: ClaimBatch, plan: Plan) -> ClaimBatch:
        """Delay the checks whose question only workers of a newer jurat know; returns the rest of the batch."""
        unknown = [held for held in batch if not _is_known(plan, held) and not held.overdue]
        later = Later(UNKNOWN_RETRY, Reason.CONFIGURATION_MISSING)
        if unknown:
            self._results.hand_on([CheckResult(held, later, plan.version) for held in unknown])
        return [held for held in batch if _is_known(plan, held) or held.overdue]


def _is_known(plan: Plan, held: ClaimedCheck) -> bool:
    return plan.question(held.consultation, held.question) is not None
