"""The look-up threads: each takes held checks, runs them outside any transaction, and hands on what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue

from jurat.vocabulary import Reason
from tasks.check_runner import CheckRunner
from tasks.checks import CheckResult, ClaimedCheck, GiveBack, Later
from tasks.plan import Plan
from worker.engine.delay_queue import ClaimBatch
from worker.engine.in_flight import InFlight
from worker.engine.plans import Plans
from worker.engine.threads import EngineThread

UNKNOWN_RETRY = 5.0
"""Seconds before a check is claimed again whose question stands in a configuration that only a newer jurat reads."""


class LookUp(EngineThread):
    """One slot. Of a lot it does all at once, where the source can, and otherwise one after the other."""

    def __init__(
        self,
        number: int,
        running: CheckRunner,
        in_flight: InFlight,
        plans: Plans,
        queue: SimpleQueue[ClaimBatch | None],
        hand_on: Callable[[Sequence[CheckResult]], None],
        shut: Mapping[str, float],
        giving_back: Callable[[], bool],
    ) -> None:
        super().__init__(f"look-up-{number}")
        self._running = running
        self._in_flight = in_flight
        self._plans = plans
        self._queue = queue
        self._hand_on = hand_on
        self._shut = shut
        self._giving_back = giving_back

    def step(self) -> None:
        lot = self._queue.get()
        if lot is None:
            self.stopping.set()
            return
        plan = self._plan_for(lot)
        if plan is not None and self._plans.behind:
            lot = self._left_to_others(lot, plan)
        if not lot:
            return
        started = []
        if plan is not None and not self._giving_back():
            # Less than the whole lot where a new plan allows less at once than the one that it was claimed under.
            started = self._in_flight.start(lot[: plan.at_once(lot[0].source)], self._shut)
        if len(started) < len(lot):
            begun = {(held.id, held.fence) for held in started}
            self._hand_on([CheckResult(held, GiveBack(), 0) for held in lot if (held.id, held.fence) not in begun])
        if plan is None or not started:
            return
        if len(started) == 1:
            self._hand_on([self._running.run(started[0], plan)])
        else:
            self._hand_on(self._running.run_many(started, plan))

    def _plan_for(self, lot: ClaimBatch) -> Plan | None:
        """The plan in force; a newer one, if there is any, where it lacks a question, which may be newer than it is."""
        plan = self._plans.current()
        if plan is None or all(_asked(plan, held) for held in lot):
            return plan
        try:
            return self._plans.fresh()
        except Exception:
            self._hand_on([CheckResult(held, GiveBack(), 0) for held in lot])
            raise

    def _left_to_others(self, lot: ClaimBatch, plan: Plan) -> ClaimBatch:
        """Put off the checks whose question only workers of a newer jurat know; what remains of the lot."""
        unknown = [held for held in lot if not _asked(plan, held) and not held.overdue]
        later = Later(UNKNOWN_RETRY, Reason.CONFIGURATION_MISSING)
        if unknown:
            self._hand_on([CheckResult(held, later, plan.version) for held in unknown])
        return [held for held in lot if _asked(plan, held) or held.overdue]


def _asked(plan: Plan, held: ClaimedCheck) -> bool:
    return plan.question(held.consultation, held.question) is not None
