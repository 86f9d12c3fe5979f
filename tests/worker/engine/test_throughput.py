from __future__ import annotations

from tests.worker.engine.test_claim_buffer import checks
from worker.engine.in_flight import Holdings
from worker.engine.throughput import LATELY, LEAST, Pace


def test_the_pace_follows_what_ends() -> None:
    now = 0.0
    holdings = Holdings(4)
    pace = Pace(holdings, lambda: now)

    def end(count: int) -> None:
        held = checks("towns", count)
        holdings.add(held)
        holdings.looked_up(held)
        holdings.release(held)

    end(50)
    now = LATELY
    assert pace.look() == {"towns": 50 / LATELY}
    end(1)
    now += LEAST / 2
    assert pace.look() == {"towns": 50 / LATELY}, "too short to tell"
    now += 10 * LATELY
    assert pace.look()["towns"] < 1
