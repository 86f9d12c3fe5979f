from __future__ import annotations

from tests.worker.engine.test_claim_buffer import checks
from worker.engine.claimer import LATELY, LEAST, Throughput
from worker.engine.in_flight import InFlight


def test_the_pace_follows_what_ends() -> None:
    now = 0.0
    in_flight = InFlight(4)
    throughput = Throughput(in_flight, lambda: now)

    def end(count: int) -> None:
        held = checks("towns", count)
        in_flight.add(held)
        in_flight.mark_looked_up(held)
        in_flight.release(held)

    end(50)
    now = LATELY
    assert throughput.look() == {"towns": 50 / LATELY}
    end(1)
    now += LEAST / 2
    assert throughput.look() == {"towns": 50 / LATELY}, "too short to tell"
    now += 10 * LATELY
    assert throughput.look()["towns"] < 1
