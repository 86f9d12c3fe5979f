from __future__ import annotations

import time
from queue import SimpleQueue
from typing import Any

import pytest

from adapters.base import Found, Query
from tasks.checks import Held
from tasks.ledger import Demand
from tasks.ledger.claiming import Claimed
from tests.tasks.desk import DOCUMENT
from tests.worker.engine.works import SELDOM, Works
from worker.engine.claimer import IDLE, UNWRITTEN, Claimer
from worker.engine.holdings import HANGING, Holdings


class Claims:
    """Claims what a test laid ready, and remembers what was asked for."""

    def __init__(self) -> None:
        self.ready: list[Held] = []
        self.asked: list[tuple[list[Demand], int]] = []

    def claim(self, demands: list[Demand], slots: int) -> Claimed:
        self.asked.append((demands, slots))
        held, self.ready = self.ready[:slots], self.ready[slots:]
        return Claimed(held, last_chances=False)


@pytest.fixture
def claimer(works: Works) -> Claimer:
    """A claimer over a `Claims`, with the plan of `DOCUMENT`, two slots and nothing to wait for."""
    works.plans.refresh()
    queue: SimpleQueue[Held | None] = SimpleQueue()
    return Claimer(Claims(), Holdings(2), works.plans.current, queue, None, works.plans.longest)  # type: ignore[arg-type]


def claims_of(claimer: Claimer) -> Claims:
    claims: Any = claimer._claims
    return claims  # type: ignore[no-any-return]


def seconds_of_a_step(claimer: Claimer) -> float:
    begun = time.monotonic()
    claimer.step()
    return time.monotonic() - begun


def test_every_source_is_first_in_turn(claimer: Claimer) -> None:
    for _ in range(4):
        claimer.wake()
        claimer.step()
    firsts = [demands[0].source for demands, _ in claims_of(claimer).asked]
    assert sorted(firsts) == ["ban", "rpps", "spring", "towns"]
    assert all(len(demands) == 4 for demands, _ in claims_of(claimer).asked)


@pytest.mark.usefixtures("_seldom")
def test_nothing_is_claimed_without_a_slot_and_a_freed_one_wakes(claimer: Claimer, works: Works) -> None:
    works.desk.submit_many(3)
    claims_of(claimer).ready = works.desk.claim()
    claimer.step()
    claimer.wake()
    claimer.step()
    assert [slots for _, slots in claims_of(claimer).asked] == [2]
    claimer.slot_freed(claimer._holdings.looked_up(claimer._holdings.all()[0]))
    assert seconds_of_a_step(claimer) < SELDOM / 2
    assert [slots for _, slots in claims_of(claimer).asked] == [2, 1]


@pytest.mark.usefixtures("_seldom")
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
    assert seconds_of_a_step(claimer) < SELDOM / 2
    assert len(claims_of(claimer).asked) == 1


@pytest.mark.usefixtures("_seldom")
def test_the_claimer_wakes_for_the_first_of_several_times(claimer: Claimer) -> None:
    claimer.step()
    begun = time.monotonic()
    claimer.wake_in(3 * SELDOM)
    claimer.wake_in(0.1)
    claimer.step()
    assert 0.1 <= time.monotonic() - begun < SELDOM / 2


def test_many_bells_wake_it_once(claimer: Claimer) -> None:
    claimer.step()
    for _ in range(100):
        claimer.wake()
    begun = time.monotonic()
    claimer.step()
    claimer.step()
    assert time.monotonic() - begun >= IDLE


def test_a_claimer_that_is_stopped_claims_no_more(claimer: Claimer) -> None:
    claimer.step()
    claimer.stop()
    claimer.step()
    assert len(claims_of(claimer).asked) == 1


@pytest.mark.usefixtures("_seldom")
def test_a_source_with_a_rate_is_asked_again_when_its_next_start_comes(works: Works) -> None:
    towns = {"type": "simulated", "rate": "20/s"}
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": towns}})
    works.desk.submit_many(60)
    works.configure(slots=30)
    begun = time.monotonic()
    works.start()
    assert works.settles(40), "by itself it would find five at each look"
    assert time.monotonic() - begun > 40 / 20 - 0.5


def test_a_check_that_has_one_chance_left_is_looked_up_beside_nothing_else(works: Works) -> None:
    works.desk.submit_many(40)
    works.desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant IN ('p-5', 'p-6')")
    together: list[list[int]] = []
    look_up = works.steered.look_up

    def watching(query: Query) -> Found:
        together.append([held.lost_leases for held in works.engine.holdings.all()])
        time.sleep(0.02)
        return look_up(query)

    works.steered.look_up = watching  # type: ignore[method-assign]
    works.start()
    assert works.settles(40)
    assert [held for held in together if 2 in held] == [[2], [2]]
    assert any(len(held) > 1 for held in together), "all others share the process"


def test_look_ups_that_hang_do_not_keep_a_last_chance_waiting(works: Works) -> None:
    works.plans.refresh()
    works.desk.submit_many(2)
    works.desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant = 'p-1'")
    (hanging,) = works.desk.claim(free=1)
    now = 0.0
    holdings = Holdings(2, lambda: now)
    holdings.add([hanging], 0.0)
    holdings.start(hanging)
    queue: SimpleQueue[Held | None] = SimpleQueue()
    claimer = Claimer(works.desk.claims, holdings, works.plans.current, queue, None, works.plans.longest)
    for _ in range(3):
        claimer.wake()
        claimer.step()
    assert queue.empty(), "what is under way may still be lost with this process"
    now = works.plans.longest("towns") + HANGING
    claimer.wake()
    claimer.step()
    held = queue.get_nowait()
    assert held is not None
    assert held.participant == "p-1"


@pytest.mark.parametrize(("one_by_one", "others_wait"), [(600.0, True), (0.0, False)])
def test_as_much_time_as_last_chances_took_goes_to_all_others(
    works: Works, monkeypatch: pytest.MonkeyPatch, one_by_one: float, *, others_wait: bool
) -> None:
    monkeypatch.setattr("worker.engine.claimer.ONE_BY_ONE", one_by_one)
    works.plans.refresh()
    works.desk.submit_many(3)
    works.desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant <> 'p-2'")
    holdings = Holdings(2)
    queue: SimpleQueue[Held | None] = SimpleQueue()
    claimer = Claimer(works.desk.claims, holdings, works.plans.current, queue, None, works.plans.longest)

    def claimed() -> list[str]:
        claimer.wake()
        claimer.step()
        held = holdings.all()
        holdings.release(held)
        return [check.participant for check in held]

    assert claimed() == ["p-2"]
    (alone,) = claimed()
    works.desk.submit("p-4")
    if others_wait:
        assert claimed() == ["p-1" if alone == "p-0" else "p-0"], "one after the other, for a while"
        assert claimed() == ["p-4"]
        return
    assert claimer._last_chance is not None
    claimer._last_chance.begun -= 60.0
    assert claimed() == ["p-4"], "the other one waits for its turn"
    assert claimed() == []
    assert claimed() == []
    claimer._together_until = 0.0
    assert claimed() == []
    assert claimed() == ["p-1" if alone == "p-0" else "p-0"]
