from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from uuid import UUID

import pytest

from tasks.checks import ClaimedCheck
from tests.worker.engine.works import PATIENCE, soon
from worker.engine.delay_queue import ClaimBatch, DelayQueue


def lot(number: int) -> ClaimBatch:
    return (ClaimedCheck(UUID(int=number), 1, "budget", "p", "residence", "towns", b"", "k", 0, 0, 60.0),)


@pytest.fixture
def queue() -> SimpleQueue[ClaimBatch | None]:
    return SimpleQueue()


@pytest.fixture
def delay_queue(queue: SimpleQueue[ClaimBatch | None]) -> Iterator[DelayQueue]:
    """A starter that was not started."""
    made = DelayQueue(queue)
    yield made
    made.stop()
    assert made.join(PATIENCE)


def test_each_lot_is_handed_on_at_its_start_and_never_before(
    delay_queue: DelayQueue, queue: SimpleQueue[ClaimBatch | None]
) -> None:
    delay_queue.start()
    now = time.monotonic()
    for number, seconds in ((1, 0.3), (2, 0.1), (3, 0.2), (4, -1.0)):
        delay_queue.add(lot(number), now + seconds)
    for number, seconds in ((4, -1.0), (2, 0.1), (3, 0.2), (1, 0.3)):
        assert queue.get(timeout=PATIENCE) == lot(number)
        assert time.monotonic() >= now + seconds


def test_one_that_starts_sooner_is_not_kept_by_those_that_wait(
    delay_queue: DelayQueue, queue: SimpleQueue[ClaimBatch | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.delay_queue.LONGEST_WAIT", 10 * PATIENCE)
    delay_queue.start()
    delay_queue.add(lot(1), time.monotonic() + 10 * PATIENCE)
    assert soon(lambda: delay_queue.beat)
    delay_queue.add(lot(2), time.monotonic() + 0.05)
    assert queue.get(timeout=PATIENCE) == lot(2)


def test_a_starter_that_stops_hands_on_everything_at_once(
    delay_queue: DelayQueue, queue: SimpleQueue[ClaimBatch | None]
) -> None:
    delay_queue.start()
    for number in (1, 2):
        delay_queue.add(lot(number), time.monotonic() + 10 * PATIENCE)
    delay_queue.stop()
    delay_queue.add(lot(3), time.monotonic() + 10 * PATIENCE)
    assert [queue.get(timeout=PATIENCE) for _ in range(3)] == [lot(1), lot(2), lot(3)]
    assert delay_queue.join(PATIENCE)
    with pytest.raises(Empty):
        queue.get_nowait()


def test_a_starter_without_work_shows_that_it_is_alive(
    delay_queue: DelayQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.delay_queue.LONGEST_WAIT", 0.05)
    delay_queue.start()
    first = delay_queue.beat
    assert soon(lambda: delay_queue.beat > first + 0.1)
