"""When checks with one chance left have the process to themselves."""

from __future__ import annotations

from worker.engine.last_chances import ONE_BY_ONE, LastChances
from worker.engine.wake_schedule import IDLE


def pending(chances: LastChances) -> bool:
    return chances.pending


def test_one_follows_another_while_that_takes_little_time_and_the_first_waits_for_nothing() -> None:
    chances = LastChances()
    assert not pending(chances)
    assert not chances.may_take(100.0)
    assert chances.begin(100.0)
    assert pending(chances)
    assert chances.may_take(100.0 + 60.0), "what was under way may have taken long"
    chances.mark_taken()
    assert chances.may_take(100.0 + ONE_BY_ONE - 0.1)
    assert not chances.may_take(100.0 + ONE_BY_ONE)


def test_as_much_time_as_they_took_goes_to_all_others() -> None:
    chances = LastChances()
    assert chances.begin(100.0)
    chances.mark_taken()
    chances.end(107.0)
    assert not pending(chances)
    assert not chances.begin(113.9)
    assert not pending(chances)
    assert chances.begin(114.0)
    assert chances.may_take(200.0), "the next turn begins afresh"


def test_where_another_worker_took_them_all_others_have_a_second_at_least() -> None:
    chances = LastChances()
    assert chances.begin(100.0)
    chances.end(100.2)
    assert not chances.begin(100.2 + IDLE - 0.1)
    assert chances.begin(100.2 + IDLE)
