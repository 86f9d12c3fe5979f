"""Workers that are killed, brokers that are not there: every check still gets its one verdict."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest

from examples.sources import Mood, Sources
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import INSIDE, PATIENCE, PHYSICIAN, Town, soon
from tests.rigs.servers import Valkey
from tests.rigs.workers import Worker

pytestmark = pytest.mark.acceptance


def all_settled(town: Town) -> bool:
    states = town.states()
    return states["settled"] == sum(states.values())


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_of_lookups_leaves_one_verdict_to_each_check(
    make_town: MakeTown, sources: Sources
) -> None:
    town = make_town()
    waiting = town.worker("--concurrency", "8", "-Q", "checks.stuck")
    busy = town.worker("--concurrency", "8", "-Q", "checks.registry")
    waiting.start()
    busy.start()
    asked = sources.count("slow-headers")
    stuck = town.submit_many(8, "patience", PHYSICIAN, prefix="stuck")
    assert soon(lambda: sources.count("slow-headers") == asked + 8)
    # However late this process comes to kill it, the worker has not done everything by then.
    sources.switch("ok", Mood.TIME_OUT, after=200)
    try:
        checks = town.submit_many(300, "profession", PHYSICIAN)
        assert soon(lambda: town.states()["settled"] >= 20)
        busy.kill()
        waiting.kill()
        states = town.states()
        assert states["settled"] <= 200, "it was killed in the middle"
        assert states["leased"] >= 8
        sources.switch("ok", Mood.OK)
        sources.switch("slow-headers", Mood.OK)
        town.leases_run_out()
        with town.worker("--concurrency", "8") as worker:
            assert soon(lambda: all_settled(town)), town.states()
            assert worker.stop(PATIENCE) == 0
    finally:
        sources.switch("ok", Mood.OK)
        sources.switch("slow-headers", Mood.SLOW_HEADERS)
    assert town.verdicts_a_check([*checks, *stuck]) == Counter({1: 308})
    assert town.sql("SELECT outcome, reason, count(*) FROM jurat_verdicts GROUP BY outcome, reason") == [
        ("accepted", "record_matches", 308)
    ]
    lost = Counter(dict(town.sql("SELECT lost_leases, count(*) FROM jurat_checks GROUP BY lost_leases")))
    assert set(lost) == {0, 1}
    assert 8 <= lost[1] <= 308 - states["settled"], "what was held, and nothing that was settled"


@pytest.mark.slow
def test_a_second_sigterm_drops_look_ups_that_have_started(make_town: MakeTown, sources: Sources) -> None:
    town = make_town()
    with town.worker("--concurrency", "16") as worker:
        asked = sources.count("slow-headers")
        town.submit_many(8, "patience", PHYSICIAN, prefix="stuck")
        assert soon(lambda: sources.count("slow-headers") == asked + 8)
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.says("Warm shutdown", PATIENCE)
        time.sleep(0.5)
        assert town.states()["leased"] == 8, "after the first they run to their end"
        # One that comes before the first was dealt with is the same one to a process, so there may be a third.
        assert any(ends_by_sigterm(worker) for _ in range(4)), "the look-ups would take a minute"
        assert worker.exit_code == 0
    assert town.states() == Counter(pending=8)
    assert town.sql("SELECT max(lost_leases), max(lookups) FROM jurat_checks") == [(0, 0)]


def ends_by_sigterm(worker: Worker) -> bool:
    """Whether it ends within some seconds of one more SIGTERM."""
    os.kill(worker.pid, signal.SIGTERM)
    return soon(lambda: not worker.running, 9)


@pytest.mark.slow
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
            assert time.monotonic() - begun < 30, "neither submit nor ring tries again until there is a broker"
            valkey.start()
            assert worker.says("ready.", PATIENCE)
            assert "ready." not in worker.log[: worker.log.index("configuration taken")]
            assert town.hears_bells("profession", PHYSICIAN, "late")
            valkey.kill()
            assert town.verdict(town.submit("later", "profession", PHYSICIAN)) == ("accepted", "record_matches")
            assert worker.stop(PATIENCE) == 0
            assert "engine thread failed" not in worker.log  # Celery itself shows how it lost its connection
    finally:
        valkey.close()
