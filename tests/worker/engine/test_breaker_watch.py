from __future__ import annotations

import time
from collections.abc import Mapping
from queue import SimpleQueue

import pytest

from tasks.rules.source_limits import Breaker
from tests.worker.engine.test_delay_queue import lot
from worker.engine.delay_queue import DelayQueue
from worker.engine.local_breaker import LOOK_EVERY, BreakerWatch, LocalBreaker


class Sources:
    """Stands for the ledger, whose sources fail."""

    def __init__(self) -> None:
        self.asked = 0

    def failing(self) -> Mapping[str, int]:
        self.asked += 1
        return {"towns": 3}


@pytest.fixture
def delay_queue() -> DelayQueue:
    """A starter that was not started."""
    return DelayQueue(SimpleQueue())


@pytest.mark.parametrize(("starts_in", "looks"), [(0.0, 1), (1.5 * LOOK_EVERY, 1), (3600.0, 0), (None, 0)])
def test_it_looks_only_while_a_start_is_about_to_come(
    delay_queue: DelayQueue, starts_in: float | None, looks: int
) -> None:
    breaker, sources = LocalBreaker(lambda _: Breaker()), Sources()
    if starts_in is not None:
        delay_queue.add(lot(1), time.monotonic() + starts_in)
    before = time.monotonic()
    BreakerWatch(sources, delay_queue, breaker).step()  # type: ignore[arg-type]
    assert sources.asked == looks
    if looks:
        assert before <= breaker.shut["towns"] <= time.monotonic()
    else:
        assert not breaker.shut
