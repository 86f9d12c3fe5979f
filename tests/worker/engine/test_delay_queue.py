from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from uuid import UUID

import pytest

from tasks.checks import Held
from tests.worker.engine.works import PATIENCE, soon
from worker.engine.delay_queue import Lot, Starter


def lot(number: int) -> Lot:
    return (Held(UUID(int=number), 1, "budget", "p", "residence", "towns", b"", "k", 0, 0, 60.0),)


@pytest.fixture
def queue() -> SimpleQueue[Lot | None]:
    return SimpleQueue()


@pytest.fixture
def starter(queue: SimpleQueue[Lot | None]) -> Iterator[Starter]:
    """A starter that was not started."""
    made = Starter(queue)
    yield made
    made.stop()
    assert made.join(PATIENCE)


def test_each_lot_is_handed_on_at_its_start_and_never_before(starter: Starter, queue: SimpleQueue[Lot | None]) -> None:
    starter.start()
    now = time.monotonic()
    for number, seconds in ((1, 0.3), (2, 0.1), (3, 0.2), (4, -1.0)):
        starter.add(lot(number), now + seconds)
    for number, seconds in ((4, -1.0), (2, 0.1), (3, 0.2), (1, 0.3)):
        assert queue.get(timeout=PATIENCE) == lot(number)
        assert time.monotonic() >= now + seconds


def test_one_that_starts_sooner_is_not_kept_by_those_that_wait(
    starter: Starter, queue: SimpleQueue[Lot | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.delay_queue.LONGEST_WAIT", 10 * PATIENCE)
    starter.start()
    starter.add(lot(1), time.monotonic() + 10 * PATIENCE)
    assert soon(lambda: starter.beat)
    starter.add(lot(2), time.monotonic() + 0.05)
    assert queue.get(timeout=PATIENCE) == lot(2)


def test_a_starter_that_stops_hands_on_everything_at_once(starter: Starter, queue: SimpleQueue[Lot | None]) -> None:
    starter.start()
    for number in (1, 2):
        starter.add(lot(number), time.monotonic() + 10 * PATIENCE)
    starter.stop()
    starter.add(lot(3), time.monotonic() + 10 * PATIENCE)
    assert [queue.get(timeout=PATIENCE) for _ in range(3)] == [lot(1), lot(2), lot(3)]
    assert starter.join(PATIENCE)
    with pytest.raises(Empty):
        queue.get_nowait()


def test_a_starter_without_work_shows_that_it_is_alive(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engine.delay_queue.LONGEST_WAIT", 0.05)
    starter.start()
    first = starter.beat
    assert soon(lambda: starter.beat > first + 0.1)
