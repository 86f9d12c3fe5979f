from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

from adapters.base import Found, Query
from store.queue.claims import Claimed
from tasks.checks import ClaimedCheck
from tasks.rules.source_limits import AHEAD, Demand
from tests.store.desk import DOCUMENT
from tests.worker.engine.works import SELDOM, Works
from worker.engine.claim_plan import share
from worker.engine.claimer import UNWRITTEN, Claimer, Throughput
from worker.engine.in_flight import HANGING, InFlight
from worker.engine.local_breaker import LocalBreaker
from worker.engine.lookup_queue import LookupQueue
from worker.engine.lookups import Results
from worker.engine.registration import Lacks
from worker.engine.wake_schedule import GRAIN, IDLE, WakeSchedule


class Claims:
    """Claims what a test laid ready, and records the demands. `held_back` are the sources that leases hold back."""

    def __init__(self) -> None:
        self.held_back: set[str] = set()
        self.room: dict[str, int] = {}
        self.ready: list[ClaimedCheck] = []
        self.asked: list[tuple[list[Demand], int]] = []

    def claim(self, demands: list[Demand], slots: int) -> Claimed:
        self.asked.append((demands, slots))
        held, self.ready = self.ready[:slots], self.ready[slots:]
        return Claimed(held, last_chances=False)


def make(works: Works, claims: Any, in_flight: InFlight, only: list[str] | None = None) -> Claimer:
    """A claimer that was not started, with a queue to lookup threads that no one takes from."""
    breaker, wakes = LocalBreaker(works.plans.breaker), WakeSchedule()
    lookups = LookupQueue(in_flight, breaker)
    results = Results(lookups, breaker, works.engine.writer, wakes)
    return Claimer(claims, works.plans, lookups, results, breaker, wakes, Lacks(), only)


@pytest.fixture
def claimer(works: Works) -> Claimer:
    """A claimer over a `Claims`, with the plan of `DOCUMENT`, two slots and nothing to wait for."""
    works.plans.refresh()
    return make(works, Claims(), InFlight(2))


def set_slots(claimer: Claimer, slots: int) -> None:
    claimer._in_flight = InFlight(slots)
    claimer._lookups = LookupQueue(claimer._in_flight, claimer._breaker)
    claimer._throughput = Throughput(claimer._in_flight)


def claims_of(claimer: Claimer) -> Claims:
    claims: Any = claimer._claims
    return claims  # type: ignore[no-any-return]


def seconds_of_a_step(claimer: Claimer) -> float:
    begun = time.monotonic()
    claimer.step()
    return time.monotonic() - begun


def test_every_source_is_first_in_turn(claimer: Claimer) -> None:
    for _ in range(4):
        claimer._wakes.wake()
        claimer.step()
    firsts = [demands[0].source for demands, _ in claims_of(claimer).asked]
    assert sorted(firsts) == ["ban", "rpps", "spring", "towns"]
    assert all(len(demands) == 4 for demands, _ in claims_of(claimer).asked)


@pytest.mark.usefixtures("_seldom")
def test_nothing_is_claimed_without_a_slot_and_a_freed_one_wakes(claimer: Claimer, works: Works) -> None:
    works.desk.submit_many(3)
    claims_of(claimer).ready = works.desk.claim()
    claimer.step()
    claimer._wakes.wake()
    claimer.step()
    assert [slots for _, slots in claims_of(claimer).asked] == [2]
    claimer._wakes.slot_freed(claimer._in_flight.mark_looked_up([claimer._in_flight.all()[0]]))
    assert seconds_of_a_step(claimer) < SELDOM / 2
    assert [slots for _, slots in claims_of(claimer).asked] == [2, 1]


@pytest.mark.usefixtures("_seldom")
def test_nothing_is_claimed_while_much_is_unwritten(claimer: Claimer, works: Works) -> None:
    works.desk.submit_many(2 * UNWRITTEN + 1)
    held = works.desk.claim(free=2 * UNWRITTEN + 1)
    claimer._in_flight.add(held)
    for check in held:
        claimer._in_flight.mark_looked_up([check])
    claimer.step()
    assert claims_of(claimer).asked == []
    claimer._in_flight.release(held)
    claimer._wakes.write_ended()
    assert seconds_of_a_step(claimer) < SELDOM / 2
    assert len(claims_of(claimer).asked) == 1


@pytest.mark.usefixtures("_seldom")
def test_a_write_makes_room_where_leases_held_a_claim_back_and_nowhere_else(claimer: Claimer, works: Works) -> None:
    works.desk.submit_many(1)
    claims_of(claimer).ready = works.desk.claim()
    claimer.step()
    at = claimer._wakes.wakes_at()
    claimer._wakes.write_ended()
    assert claimer._wakes.wakes_at() == at > 0.0, "there was no more"
    claims_of(claimer).held_back = {"towns"}
    claimer._wakes.wake()
    claimer.step()
    assert claimer._wakes.wakes_at() > 0.0
    claimer._wakes.write_ended()
    assert claimer._wakes.wakes_at() == 0.0


@pytest.mark.usefixtures("_seldom")
def test_a_write_that_comes_while_a_claim_is_held_back_is_not_missed(claimer: Claimer) -> None:
    claims = claims_of(claimer)
    claim = claims.claim

    def slow(demands: list[Demand], slots: int) -> Claimed:
        claimer._wakes.write_ended()
        claims.held_back = {"towns"}
        return claim(demands, slots)

    claims.claim = slow  # type: ignore[method-assign]
    claimer.step()
    assert claimer._wakes.wakes_at() == 0.0


@pytest.mark.usefixtures("_seldom")
def test_the_claimer_wakes_for_each_of_several_times(claimer: Claimer) -> None:
    claimer.step()
    begun = time.monotonic()
    for seconds in (3 * SELDOM, 0.3, 0.1):
        claimer._wakes.wake_in(seconds)
    claimer.step()
    assert 0.1 <= time.monotonic() - begun < SELDOM / 2
    claimer.step()
    assert 0.3 <= time.monotonic() - begun < SELDOM / 2, "and then for the next"


def test_a_source_gets_no_more_than_its_share_of_what_is_free(claimer: Claimer, works: Works) -> None:
    set_slots(claimer, 16)
    works.desk.submit_many(9)
    claimer._in_flight.add(works.desk.claim(free=9))
    claimer.step()
    (demands, slots) = claims_of(claimer).asked[0]
    assert slots == 16 + 4 - 9, "a few more than there are slots"
    assert share(16, 4) == 10
    assert {demand.source: demand.free for demand in demands} == {"towns": 1, "ban": 10, "rpps": 10, "spring": 10}


def test_with_start_times_no_more_is_claimed_than_there_are_slots(claimer: Claimer, works: Works) -> None:
    """Or a check whose start has come would find none."""
    towns = {"type": "simulated", "rate": "20/s"}
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": towns}})
    works.plans.refresh()
    set_slots(claimer, 16)
    claimer.step()
    assert [slots for _, slots in claims_of(claimer).asked] == [16]


@pytest.mark.usefixtures("_seldom")
def test_a_source_at_its_share_is_claimed_again_as_its_look_ups_end(claimer: Claimer, works: Works) -> None:
    set_slots(claimer, 16)
    works.desk.submit_many(10)
    held = works.desk.claim()
    claimer._in_flight.add(held)
    claimer.step()
    claimer._wakes.slot_freed(claimer._in_flight.mark_looked_up(held[:2]))
    assert seconds_of_a_step(claimer) < SELDOM / 2
    assert len(claims_of(claimer).asked) == 2


def test_a_source_that_has_more_than_its_share_is_backlogged_and_no_other_is(claimer: Claimer, works: Works) -> None:
    set_slots(claimer, 16)
    works.desk.submit_many(10)
    claimer.step()
    assert not claimer._wakes.backlogged
    claims_of(claimer).ready = held = works.desk.claim()
    for _ in range(2):  # once it is at its share, no one asks for more
        claimer._wakes.wake()
        claimer.step()
        assert claimer._wakes.backlogged == {"towns"}
    claimer._in_flight.mark_looked_up(held)
    claimer._wakes.wake()
    claimer.step()
    assert not claimer._wakes.backlogged


def test_nothing_is_claimed_of_a_source_that_is_shut(claimer: Claimer) -> None:
    claimer._breaker.shut["towns"] = math.inf
    claimer._breaker.shut["ban"] = 0.0
    claimer.step()
    (demands, _) = claims_of(claimer).asked[0]
    assert {demand.source: demand.free for demand in demands} == {"towns": 0, "ban": 1, "rpps": 1, "spring": 1}


def test_what_starts_later_waits_for_its_start_and_the_rest_is_looked_up_now(claimer: Claimer, works: Works) -> None:
    set_slots(claimer, 16)
    works.desk.submit_many(2)
    now, later = works.desk.claim()
    later = replace(later, starts_in=5.0, late=0.1)
    claims_of(claimer).ready = [now, later]
    claimer.step()
    assert claimer._lookups.ready.get_nowait() == (now,)
    assert claimer._lookups.ready.empty()
    ((start_at, _, lot),) = claimer._lookups.delay_queue._waiting
    assert lot == (later,)
    assert 4.0 < start_at - time.monotonic() <= 5.0
    holding = claimer._in_flight._all[later.id, later.fence]
    assert holding.latest == pytest.approx(start_at + 0.1)


def test_a_source_of_many_gets_a_whole_claim_at_once(claimer: Claimer, works: Works) -> None:
    set_slots(claimer, 32)
    works.desk.submit_many(3)
    works.desk.submit_many(3, "code")
    towns, codes = works.desk.claim("towns"), works.desk.claim("spring")
    claims_of(claimer).ready = [towns[0], codes[0], towns[1], codes[1], codes[2], towns[2]]
    plan = works.plans.current()
    assert plan is not None
    of_many = Mock(spec=["look_up", "look_up_many", "close"])
    claimer._plans._current = replace(plan, sources={**plan.sources, "spring": of_many})
    claimer.step()
    lots = [list(claimer._lookups.ready.get_nowait() or ()) for _ in range(4)]
    assert sorted(lots, key=len) == [[towns[0]], [towns[1]], [towns[2]], codes]


@pytest.mark.usefixtures("_seldom")
def test_a_claim_that_only_a_rate_held_back_is_repeated_when_more_starts_come_within_reach(
    claimer: Claimer, works: Works
) -> None:
    towns = {"type": "simulated", "rate": "20/s"}
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": towns}})
    works.plans.refresh()
    set_slots(claimer, 32)
    works.desk.submit_many(4)
    held = [
        replace(check, starts_in=starts_in)
        for check, starts_in in zip(works.desk.claim(), (0, 0, 0.1, 0.2), strict=True)
    ]
    claims_of(claimer).ready = held[:3]
    claimer.step()
    assert claimer._wakes.wakes_at() - time.monotonic() > AHEAD, "more could be had, but no more is due"
    claims_of(claimer).ready = [replace(held[3], starts_in=0.96)]
    claimer._wakes.wake()
    claimer.step()
    assert claimer._wakes.wakes_at() - time.monotonic() <= AHEAD / 2 + GRAIN


def test_many_bells_wake_it_once(claimer: Claimer) -> None:
    claimer.step()
    for _ in range(100):
        claimer._wakes.wake()
    begun = time.monotonic()
    claimer.step()
    claimer.step()
    assert time.monotonic() - begun >= IDLE


def test_a_claimer_that_is_stopped_claims_no_more(claimer: Claimer) -> None:
    claimer.step()
    claimer.stop()
    claimer.step()
    assert len(claims_of(claimer).asked) == 1


@pytest.mark.slow
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
        together.append([held.lost_leases for held in works.engine.in_flight.all()])
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
    in_flight = InFlight(8, lambda: now)
    in_flight.add([hanging], 0.0)
    in_flight.start([hanging])
    claimer = make(works, works.desk.claims, in_flight)
    for _ in range(3):
        claimer._wakes.wake()
        claimer.step()
    assert claimer._lookups.ready.empty(), "what is under way may still be lost with this process"
    now = works.plans.longest("towns") + HANGING
    claimer._wakes.wake()
    claimer.step()
    lot = claimer._lookups.ready.get_nowait()
    assert lot is not None
    assert [held.participant for held in lot] == ["p-1"]


@pytest.mark.parametrize(("one_by_one", "others_wait"), [(600.0, True), (0.0, False)])
def test_as_much_time_as_last_chances_took_goes_to_all_others(
    works: Works, monkeypatch: pytest.MonkeyPatch, one_by_one: float, *, others_wait: bool
) -> None:
    monkeypatch.setattr("worker.engine.last_chances.ONE_BY_ONE", one_by_one)
    works.plans.refresh()
    works.desk.submit_many(3)
    works.desk.sql("UPDATE jurat_checks SET lost_leases = 2 WHERE participant <> 'p-2'")
    in_flight = InFlight(2)
    claimer = make(works, works.desk.claims, in_flight)

    def claimed() -> list[str]:
        claimer._wakes.wake()
        claimer.step()
        held = in_flight.all()
        in_flight.release(held)
        return [check.participant for check in held]

    assert claimed() == ["p-2"]
    (alone,) = claimed()
    works.desk.submit("p-4")
    if others_wait:
        assert claimed() == ["p-1" if alone == "p-0" else "p-0"], "one after the other, for a while"
        assert claimed() == ["p-4"]
        return
    assert claimer._last_chances._begun is not None
    claimer._last_chances._begun -= 60.0
    assert claimed() == ["p-4"], "the other one waits for its turn"
    assert claimed() == []
    assert claimed() == []
    claimer._last_chances._together_until = 0.0
    assert claimed() == []
    assert claimed() == ["p-1" if alone == "p-0" else "p-0"]


@pytest.mark.parametrize(
    ("limits", "room", "ahead"),
    [
        ({}, 0, 100),
        ({"rate": "100000/s"}, 0, 40),
        ({"rate": "500/s"}, 0, 0),
        ({"concurrency": 512}, 400, 100),
        ({"concurrency": 64}, 40, 20),
        ({"concurrency": 1024}, 0, 0),
        ({"daily": 1_000_000}, 0, 0),
    ],
)
def test_some_work_is_claimed_ahead_where_no_quota_holds_it_back(
    claimer: Claimer, works: Works, limits: dict[str, Any], room: int, ahead: int
) -> None:
    claims_of(claimer).room["towns"] = room
    towns = {"type": "simulated", **limits}
    works.desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": towns}})
    works.plans.refresh()
    set_slots(claimer, 16)
    claimer._throughput.look = lambda: {"towns": 400.0}  # type: ignore[method-assign]
    claimer.step()
    (demands, slots) = claims_of(claimer).asked[0]
    assert slots == (16 if "rate" in limits else 20) + ahead
    assert {demand.source: demand.free for demand in demands} == {
        "towns": share(16, 4) + ahead,
        **dict.fromkeys(("ban", "rpps", "spring"), share(16, 4)),
    }


def test_a_claim_that_has_a_reserve_waits_until_half_of_it_is_used(claimer: Claimer) -> None:
    set_slots(claimer, 16)
    claimer._throughput.look = lambda: {"towns": 400.0}  # type: ignore[method-assign]
    claimer.step()
    claimer._wakes._more = True
    at = claimer._wakes.wakes_at()
    claimer._wakes.slot_freed(49)
    assert claimer._wakes.wakes_at() == at
    claimer._wakes.slot_freed(50)
    assert claimer._wakes.wakes_at() == 0.0


def test_nothing_is_claimed_on_a_schema_that_does_not_serve_this_release_or_is_not_known_yet(works: Works) -> None:
    works.plans.refresh()
    check = works.desk.submit()
    claimer = make(works, works.desk.claims, InFlight(2))

    def state() -> str:
        claimer._wakes.wake()
        claimer.step()
        return str(works.desk.row(check.id, "state"))

    claimer._lacks.schema = "the schema lacks what this release needs"
    assert state() == "pending"
    claimer._lacks.schema, claimer._lacks.schema_known = "", False
    assert state() == "pending"
    claimer._lacks.schema_known = True
    assert state() == "leased"
