from __future__ import annotations

import time
from queue import SimpleQueue
from typing import Any

import pytest

from tasks.checks import Held
from tasks.ledger import Demand
from tests.tasks.desk import DOCUMENT
from tests.worker.engine.works import Works
from worker.engine.claimer import IDLE, UNWRITTEN, Claimer
from worker.engine.holdings import Holdings


class Claims:
    """Claims what a test laid ready, and remembers what was asked for."""

    def __init__(self) -> None:
        self.ready: list[Held] = []
        self.asked: list[tuple[list[Demand], int]] = []

    def claim(self, demands: list[Demand], slots: int) -> list[Held]:
        self.asked.append((demands, slots))
        held, self.ready = self.ready[:slots], self.ready[slots:]
        return held


@pytest.fixture
def claimer(works: Works) -> Claimer:
    """A claimer over a `Claims`, with the plan of `DOCUMENT`, two slots and nothing to wait for."""
    works.plans.refresh()
    queue: SimpleQueue[Held | None] = SimpleQueue()
    return Claimer(Claims(), Holdings(2), works.plans.current, queue, None)  # type: ignore[arg-type]


def claims_of(claimer: Claimer) -> Claims:
    claims: Any = claimer._claims
    return claims  # type: ignore[no-any-return]


def test_every_source_is_first_in_turn(claimer: Claimer) -> None:
    for _ in range(4):
        claimer.wake()
        claimer.step()
    firsts = [demands[0].source for demands, _ in claims_of(claimer).asked]
    assert sorted(firsts) == ["ban", "rpps", "spring", "towns"]
    assert all(len(demands) == 4 for demands, _ in claims_of(claimer).asked)


def test_nothing_is_claimed_without_a_slot_and_a_freed_one_wakes(claimer: Claimer, works: Works) -> None:
    works.desk.submit_many(3)
    claims_of(claimer).ready = works.desk.claim()
    claimer.step()
    claimer.wake()
    claimer.step()
    assert [slots for _, slots in claims_of(claimer).asked] == [2]
    claimer.slot_freed(claimer._holdings.looked_up(claimer._holdings.all()[0]))
    begun = time.monotonic()
    claimer.step()
    assert time.monotonic() - begun < IDLE / 2
    assert [slots for _, slots in claims_of(claimer).asked] == [2, 1]


def test_nothing_is_claimed_while_much_is_unwritten(claimer: Claimer, works: Works) -> None:
    works.desk.submit_many(2 * UNWRITTEN + 1)
    held = works.desk.claim(free=2 * UNWRITTEN + 1)
    claimer._holdings.add(held)
    for check in held:
        claimer._holdings.looked_up(check)
    claimer.step()
    assert claims_of(claimer).asked == []
    claimer._holdings.release(held)
    claimer.written()
    begun = time.monotonic()
    claimer.step()
    assert time.monotonic() - begun < IDLE / 2
    assert len(claims_of(claimer).asked) == 1


def test_the_claimer_wakes_for_the_first_of_several_times(claimer: Claimer) -> None:
    claimer.step()
    claimer.wake_in(30.0)
    claimer.wake_in(0.1)
    begun = time.monotonic()
    claimer.step()
    assert 0.05 < time.monotonic() - begun < IDLE


def test_many_bells_wake_it_once(claimer: Claimer) -> None:
    claimer.step()
    for _ in range(100):
        claimer.wake()
    claimer.step()
    begun = time.monotonic()
    claimer.step()
    assert time.monotonic() - begun > IDLE / 2


def test_a_claimer_that_is_stopped_claims_no_more(claimer: Claimer) -> None:
    claimer.step()
    claimer.stop()
    claimer.step()
    assert len(claims_of(claimer).asked) == 1


def test_a_source_with_a_rate_is_asked_again_when_its_next_start_comes(works: Works) -> None:
    towns = {"type": "simulated", "rate": "20/s"}
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": towns}})
    works.desk.submit_many(60)
    works.configure(slots=30)
    begun = time.monotonic()
    works.start()
    assert works.settles(40, 20)
    assert 40 / 20 - 0.5 < time.monotonic() - begun < 6
