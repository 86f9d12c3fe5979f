"""Workers that are killed, brokers that are not there: every check still gets its one verdict."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections import Counter

import pytest

from examples.sources import Mood, Sources
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import INSIDE, PHYSICIAN, Town, soon
from tests.rigs.servers import Valkey

pytestmark = pytest.mark.acceptance


def all_settled(town: Town) -> bool:
    states = town.states()
    return states["settled"] == sum(states.values())


def test_a_worker_that_is_killed_in_the_middle_of_look_ups_leaves_one_verdict_to_each_check(
    make_town: MakeTown, sources: Sources
) -> None:
    town = make_town()
    waiting = town.worker("--concurrency", "8", "-Q", "checks.stuck")
    busy = town.worker("--concurrency", "8", "-Q", "checks.register")
    waiting.start()
    busy.start()
    stuck = town.submit_many(8, "patience", PHYSICIAN, prefix="stuck")
    assert soon(lambda: town.states()["leased"] == 8)
    checks = town.submit_many(300, "profession", PHYSICIAN)
    assert soon(lambda: town.states()["settled"] >= 20)
    busy.kill()
    waiting.kill()
    states = town.states()
    assert states["settled"] < 300, "it was killed in the middle"
    assert states["leased"] >= 8
    sources.switch("slow-headers", Mood.OK)
    try:
        town.leases_run_out()
        with town.worker("--concurrency", "8") as worker:
            assert soon(lambda: all_settled(town)), town.states()
            assert worker.stop() == 0
    finally:
        sources.switch("slow-headers", Mood.SLOW_HEADERS)
    assert town.verdicts_a_check([*checks, *stuck]) == Counter({1: 308})
    assert town.sql("SELECT outcome, reason, count(*) FROM jurat_verdicts GROUP BY outcome, reason") == [
        ("accepted", "record_matches", 308)
    ]
    lost = Counter(dict(town.sql("SELECT lost_leases, count(*) FROM jurat_checks GROUP BY lost_leases")))
    assert set(lost) == {0, 1}
    assert 8 <= lost[1] <= 308 - states["settled"], "what was held, and nothing that was settled"


def test_a_second_sigterm_drops_look_ups_that_have_started(make_town: MakeTown) -> None:
    town = make_town()
    with town.worker("--concurrency", "8") as worker:
        town.submit_many(8, "patience", PHYSICIAN, prefix="stuck")
        assert soon(lambda: town.states()["leased"] == 8)
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.says("Warm shutdown", 5)
        time.sleep(0.5)
        assert town.states()["leased"] == 8, "after the first they run to their end"
        begun = time.monotonic()
        assert worker.stop(timeout=10) == 0
        assert time.monotonic() - begun < 5.5
    assert town.states() == Counter(pending=8)
    assert town.sql("SELECT max(lost_leases), max(lookups) FROM jurat_checks") == [(0, 0)]


def test_with_no_broker_at_all_everything_gets_its_verdict(make_town: MakeTown, sqlite_url: str) -> None:
    town = make_town("none", sqlite_url)
    with town.worker("--concurrency", "8") as worker:
        checks = town.submit_many(60, "profession", PHYSICIAN) + town.submit_many(60, "residence", INSIDE)
        assert soon(lambda: all_settled(town))
        assert town.verdicts_a_check(checks) == Counter({1: 120})
        assert town.sql("SELECT access, count(*) FROM jurat_access GROUP BY access") == [("granted", 60)]
        assert "Traceback" not in worker.log


@pytest.mark.slow
def test_a_broker_that_is_down_at_first_costs_no_verdict_and_is_taken_when_it_comes(make_town: MakeTown) -> None:
    valkey = Valkey()
    try:
        town = make_town(valkey.url)
        with town.worker("--concurrency", "4") as worker:
            check = town.submit("early", "profession", PHYSICIAN)
            assert town.verdict(check) == ("accepted", "record_matches")
            begun = time.monotonic()
            town.submit("early", "residence", INSIDE)
            assert time.monotonic() - begun < 1.0, "neither submit nor ring waits for a broker"
            valkey.start()
            assert worker.says("ready.", 30)
            assert "ready." not in worker.log[: worker.log.index("configuration taken")]
            waits = []
            for n in range(9):
                begun = time.monotonic()
                check = town.submit(f"late-{n}", "profession", PHYSICIAN)
                while not town.client.result(check).settled:
                    time.sleep(0.002)
                waits.append(time.monotonic() - begun)
            assert statistics.median(waits) < 0.3, waits
            valkey.kill()
            assert town.verdict(town.submit("later", "profession", PHYSICIAN)) == ("accepted", "record_matches")
            assert worker.stop() == 0
            assert "engine thread failed" not in worker.log  # Celery itself shows how it lost its connection
    finally:
        valkey.close()
