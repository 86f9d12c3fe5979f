"""When the claimer looks next, on a clock that a test sets."""

from __future__ import annotations

import threading

import pytest

from worker.engine.wake_schedule import GRAIN, IDLE, MOST_SELDOM, SELDOM, SLOW, WakeSchedule


class Hours:
    """A schedule whose waits pass at once: its clock goes on by as much."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wakes = WakeSchedule(lambda: self.now)
        self.waits: list[float] = []
        self.stopping = threading.Event()
        self.wakes._changed.wait = self._wait  # type: ignore[method-assign,assignment]

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False

    def look(self) -> float:
        """The seconds until the next look, which is taken."""
        begun = self.now
        while not self.wakes.wait(self.stopping):
            assert len(self.waits) < 100
        return self.now - begun


@pytest.fixture
def hours() -> Hours:
    made = Hours()
    assert made.look() == 0.0, "the first look comes at once"
    return made


def test_it_looks_each_second_and_at_once_when_it_is_woken(hours: Hours) -> None:
    assert hours.look() == pytest.approx(IDLE)
    for _ in range(100):
        hours.wakes.wake()
    assert hours.look() == 0.0
    assert hours.look() == pytest.approx(IDLE), "many bells wake once"


def test_it_looks_at_each_time_that_is_asked_for_and_not_before(hours: Hours) -> None:
    begun = hours.now
    for seconds in (0.7, 0.3):
        hours.wakes.wake_in(seconds)
    for seconds in (0.3, 0.7):
        hours.look()
        assert seconds <= hours.now - begun <= seconds + GRAIN


def test_a_time_a_little_beyond_its_next_look_is_kept(hours: Hours) -> None:
    """Or a probe that is due just after a look would wait for the one after that."""
    hours.wakes.wake_in(3 * IDLE)
    assert not hours.wakes._times
    hours.wakes.wake_in(1.2 * IDLE)
    assert len(hours.wakes._times) == 1


def test_slots_that_become_free_wake_only_when_there_was_more_and_enough_of_them(hours: Hours) -> None:
    hours.wakes.claim_begins(worth=3)
    hours.wakes.claim_ended(more=False, held_back=False, backlogged=())
    hours.wakes.slot_freed(9)
    assert hours.wakes.wakes_at() > hours.now
    hours.wakes.claim_ended(more=True, held_back=False, backlogged=())
    hours.wakes.slot_freed(2)
    assert hours.wakes.wakes_at() > hours.now
    hours.wakes.slot_freed(3)
    assert hours.wakes.wakes_at() == 0.0


def test_without_a_free_slot_so_many_wake_as_are_worth_a_claim(hours: Hours) -> None:
    hours.wakes.wait_for_slots(worth=2)
    hours.wakes.slot_freed(1)
    assert hours.wakes.wakes_at() > hours.now
    hours.wakes.slot_freed(2)
    assert hours.wakes.wakes_at() == 0.0


@pytest.mark.parametrize("held_back", [False, True])
def test_a_write_wakes_where_leases_held_the_last_claim_back_also_one_that_came_during_it(
    hours: Hours, *, held_back: bool
) -> None:
    hours.wakes.claim_begins(worth=1)
    hours.wakes.write_ended()
    assert hours.wakes.wakes_at() > hours.now, "nobody knows yet"
    hours.wakes.claim_ended(more=False, held_back=held_back, backlogged=())
    assert (hours.wakes.wakes_at() == 0.0) == held_back
    hours.look()
    hours.wakes.write_ended()
    assert (hours.wakes.wakes_at() == 0.0) == held_back


def test_a_write_wakes_while_too_much_is_unwritten(hours: Hours) -> None:
    hours.wakes.wait_for_write()
    hours.wakes.write_ended()
    assert hours.wakes.wakes_at() == 0.0


@pytest.mark.parametrize(
    ("took", "rest"), [(SLOW / 2, 0.0), (2 * SLOW, 2 * SLOW * SELDOM), (8.0, MOST_SELDOM), (60.0, MOST_SELDOM)]
)
def test_a_claim_that_took_long_for_nothing_delays_the_next_and_no_wait_is_long(
    hours: Hours, took: float, rest: float
) -> None:
    asked = hours.now
    hours.now += took
    hours.wakes.claim_found_nothing(asked, hours.now)
    hours.wakes.wake()
    assert hours.look() == pytest.approx(rest)
    assert max(hours.waits, default=0.0) <= IDLE, "so that the thread shows that it is alive"


def test_an_end_waits_for_nothing(hours: Hours) -> None:
    hours.wakes.claim_found_nothing(hours.now - 60.0, hours.now)
    hours.stopping.set()
    assert hours.look() == 0.0
