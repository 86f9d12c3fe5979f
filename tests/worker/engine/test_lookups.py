"""How much of a batch one lookup takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tasks.checks import CheckResult, ClaimedCheck, GiveBack
from tasks.plan import Plan
from tasks.rules.source_limits import Breaker
from tests.store.desk import ACCEPTED, DOCUMENT, Desk, entry
from tests.tasks.roll import document, number
from tests.worker.engine.works import Handed
from worker.engine.in_flight import InFlight
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.lookups import LookupThread
from worker.engine.plans import Plans


class CheckRunner:
    """Accepts everybody, and remembers who was looked up together."""

    def __init__(self) -> None:
        self.lots: list[Sequence[ClaimedCheck]] = []

    def run_many(self, lot: Sequence[ClaimedCheck], plan: Plan) -> list[CheckResult]:
        self.lots.append(lot)
        return [entry(held) for held in lot]


@pytest.mark.parametrize(("most", "taken"), [(20, 5), (5, 5), (2, 2), (None, 1)])
def test_a_lot_that_a_new_plan_allows_less_of_at_once_is_given_back_but_for_that(
    sqlite: Desk, most: int | None, taken: int
) -> None:
    """Else one payment would be for several requests, or a request would hold more than the register takes."""
    sqlite.apply(document(most=20))
    for n in range(5):
        sqlite.submit(f"p-{n}", "profession", answer=number(n))
    lot = sqlite.claim("rpps")
    sqlite.apply(document(most=most))
    in_flight, runner, handed = InFlight(9), CheckRunner(), Handed()
    in_flight.add(lot)
    lookups = LookupQueue(in_flight, LocalBreaker(lambda _: Breaker()))
    lookups.ready.put(lot)
    plans = Plans(sqlite.queries, lambda *_: sqlite.plan())
    assert plans.refresh()
    LookupThread(0, runner, plans, lookups, handed).step()  # type: ignore[arg-type]
    assert runner.lots == [lot[:taken]]
    assert [each.held for each in handed if each.decision == GiveBack()] == lot[taken:]
    assert [each.held for each in handed if each.decision == ACCEPTED] == lot[:taken]


def test_a_source_that_has_the_answers_at_hand_takes_any_lot_whole(sqlite: Desk) -> None:
    sqlite.apply(DOCUMENT)
    sqlite.submit_many(5, "code")
    plan = sqlite.plan()
    assert [plan.at_once(name) for name in ("spring", "towns", "gone")] == [None, 1, None]
