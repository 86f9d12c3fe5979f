from __future__ import annotations

from dataclasses import replace
from queue import Empty, SimpleQueue
from uuid import uuid4

import pytest

from tasks.checks import ClaimedCheck
from tests.worker.engine.works import Works, soon
from worker.engine.claim_buffer import WAITS, ClaimBuffer
from worker.engine.claim_plan import RESERVE, share
from worker.engine.delay_queue import ClaimBatch
from worker.engine.in_flight import InFlight


class Place:
    """A claim buffer with what is in flight, a queue that no one takes from, and a clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queue: SimpleQueue[ClaimBatch | None] = SimpleQueue()
        self.in_flight = InFlight(4)
        self.buffer = ClaimBuffer(self.queue, self.in_flight, lambda: self.now)

    def add(
        self, *held: ClaimedCheck, most: int = 4, most_of_one: int = 3, hanging: dict[str, int] | None = None
    ) -> None:
        self.in_flight.add(held)
        self.buffer.add(held, most, most_of_one, hanging or {})

    def queued(self) -> list[str]:
        """The participants of what was put into the queue since the last call."""
        found: list[str] = []
        while True:
            try:
                lot = self.queue.get_nowait()
            except Empty:
                return found
            found += [held.participant for held in lot or ()]

    def end(self, held: ClaimedCheck) -> None:
        self.in_flight.mark_looked_up([held])
        self.buffer.freed(held.source)


def checks(source: str, count: int) -> list[ClaimedCheck]:
    first = ClaimedCheck(uuid4(), 1, "vote", "", "home", source, b"", None, 0, 0, 60.0)
    return [replace(first, id=uuid4(), participant=f"{source}-{number}") for number in range(count)]


@pytest.fixture
def place() -> Place:
    return Place()


def test_what_has_a_slot_is_looked_up_at_once_and_the_rest_as_slots_become_free(place: Place) -> None:
    towns = checks("towns", 5)
    place.add(*towns)
    assert place.queued() == ["towns-0", "towns-1", "towns-2"]
    assert len(place.buffer) == 2
    place.end(towns[1])
    assert place.queued() == ["towns-3"]
    place.end(towns[0])
    place.end(towns[2])
    assert place.queued() == ["towns-4"]
    assert len(place.buffer) == 0


def test_a_source_that_hangs_keeps_nothing_of_another_waiting(place: Place) -> None:
    towns, codes = checks("towns", 9), checks("codes", 3)
    place.add(*towns, *codes)
    assert place.queued() == ["towns-0", "towns-1", "towns-2", "codes-0"]
    place.end(codes[0])
    assert place.queued() == ["codes-1"], "six of the other source wait, but it has its share"
    place.end(codes[1])
    assert place.queued() == ["codes-2"]


def test_a_slot_that_its_own_source_does_not_need_goes_to_another(place: Place) -> None:
    towns, codes = checks("towns", 2), checks("codes", 3)
    place.add(*codes, *towns)
    assert place.queued() == ["codes-0", "codes-1", "codes-2", "towns-0"]
    place.end(codes[0])
    assert place.queued() == ["towns-1"]


def test_look_ups_that_hang_do_not_count_against_their_source(place: Place) -> None:
    place.add(*checks("towns", 2), most=9, most_of_one=2)
    place.queued()
    place.add(*checks("towns", 1), most=9, most_of_one=2)
    assert place.queued() == []
    place.add(most=9, most_of_one=2, hanging={"towns": 1})
    assert place.queued() == ["towns-0"]


def test_what_has_waited_too_long_is_taken_out(place: Place) -> None:
    place.add(*checks("towns", 4))
    place.now = WAITS / 2
    place.add(*checks("towns", 1))
    assert place.buffer.stale() == []
    place.now = WAITS + 0.1
    assert [held.participant for held in place.buffer.stale()] == ["towns-3"]
    assert len(place.buffer) == 1
    assert place.buffer.stale() == []


def test_who_stops_gets_everything_at_once_also_what_comes_afterwards(place: Place) -> None:
    place.add(*checks("towns", 6))
    assert len(place.queued()) == 3
    place.buffer.flush()
    assert len(place.queued()) == 3
    place.add(*checks("towns", 2))
    assert len(place.queued()) == 2


def test_what_is_claimed_ahead_is_renewed_and_given_back_at_no_cost(works: Works) -> None:
    works.desk.submit_many(20)
    works.configure(slots=8)
    works.engine.claimer._throughput.look = lambda: {"towns": 12 / RESERVE}  # type: ignore[method-assign]
    works.steered.hold()
    works.start()
    held = works.engine.in_flight
    share_of_one = share(8, 4)
    assert soon(lambda: len(works.steered.asked) == share_of_one and len(held) >= share_of_one + 12)
    leased = works.desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'leased'")
    assert len(held.leases(works.plans.longest)) == leased == share_of_one + 12
    works.engine.stop_claiming()
    assert soon(lambda: len(held) == share_of_one), "what was begun goes on"
    works.steered.let_go()
    assert works.stop()
    assert len(works.steered.asked) == works.settled == share_of_one
    spent = works.desk.sql("SELECT lookups, lost_leases, state FROM jurat_checks WHERE state <> 'settled'")
    assert spent == [(0, 0, "pending")] * (20 - share_of_one)


@pytest.mark.slow
def test_another_worker_gets_what_waits_behind_a_source_that_hangs(works: Works) -> None:
    works.desk.submit_many(9)
    works.configure(slots=8)
    works.engine.claimer._throughput.look = lambda: {"towns": 12 / RESERVE}  # type: ignore[method-assign]
    works.steered.hold()
    works.start()
    held = works.engine.in_flight
    assert soon(lambda: len(held) == 9)
    works.engine.claimer._throughput.look = dict  # type: ignore[method-assign]
    assert soon(lambda: len(held) == share(8, 4))
    assert works.desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'pending'") == 9 - share(8, 4)


@pytest.mark.slow
def test_every_check_of_a_long_queue_is_looked_up_once(works: Works) -> None:
    works.desk.submit_many(600)
    works.desk.submit_many(100, "profession")
    works.configure(slots=8)
    pace = dict.fromkeys(("towns", "rpps"), 40 / RESERVE)
    works.engine.claimer._throughput.look = lambda: pace  # type: ignore[method-assign]
    works.start()
    assert works.settles(700)
    assert len(works.steered.asked) == 700
