"""What a worker makes of its broker: strange messages, connections that die without a word, an end in every state."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from bench.faults.proxy import Proxy
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PHYSICIAN, soon
from tests.rigs.servers import Valkey
from tests.worker.strange_messages import ALL, PERSONAL, UNREADABLE

pytestmark = pytest.mark.acceptance


CONTROL = "/0.celery.pidbox"
"""The channel of remote control, as Celery names it in database 0 of Redis."""


@pytest.mark.slow
def test_no_message_of_whatever_shape_ends_a_worker_or_comes_to_stand_in_its_log(
    make_town: MakeTown, valkey_server: str
) -> None:
    town = make_town()
    asked = {"JURAT_REMOTE_CONTROL": "true"}
    with town.worker("--concurrency", "2", **asked) as worker, Redis.from_url(valkey_server) as broker:
        assert worker.says("ready.", 60)
        for item in ALL:
            broker.lpush("checks", item)
            broker.lpush("checks.registry", item)
        for item in UNREADABLE.values():
            assert broker.publish(CONTROL, item) == 1, "the worker receives it"
        assert soon(lambda: broker.llen("checks") == broker.llen("checks.registry") == 0, 60)
        assert town.verdict(town.submit("p", "profession", PHYSICIAN)) == ("accepted", "record_matches")
        assert not broker.exists("unacked")
        assert worker.stop(60) == 0
        log = worker.log
    assert log.count("message dropped") == 2, "each kind once"
    assert PERSONAL not in log
    assert "Traceback" not in log
    assert "Connection to broker lost" not in log
    assert "mingle" not in log, "it greets no other workers"


@pytest.mark.slow
def test_a_worker_that_starts_after_many_bells_that_nobody_heard_works_at_once(
    make_town: MakeTown, valkey_server: str
) -> None:
    town = make_town()
    checks = [town.submit(f"p-{number}", "profession", PHYSICIAN) for number in range(200)]
    with Redis.from_url(valkey_server) as broker:
        assert soon(lambda: broker.llen("checks.registry") <= 1)
        assert broker.pttl("checks.registry") != -1, "none stays for ever"
    with town.worker("--concurrency", "8") as worker:
        assert worker.says("ready.", 60)
        assert soon(lambda: town.verdicts_a_check(checks) == {1: len(checks)}, 60)
        assert town.hears_bells("profession", PHYSICIAN, "later")
        assert worker.stop(60) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "state",
    [
        "none",
        pytest.param("up", marks=pytest.mark.slow),
        pytest.param("refused", marks=pytest.mark.slow),
        "hung",  # without an end of our own it never comes
    ],
)
def test_an_idle_worker_ends_soon_in_every_state_of_its_broker(
    make_town: MakeTown, sqlite_url: str, state: str
) -> None:
    valkey = Valkey()
    try:
        if state in ("up", "hung"):
            valkey.start()
        town = make_town("none" if state == "none" else valkey.url, sqlite_url)
        with town.worker("--concurrency", "2") as worker:
            assert worker.says("Cannot connect" if state == "refused" else "ready.", 60)
            if state == "hung":
                valkey.pause()
            begun = time.monotonic()
            assert worker.stop(100) == 0
            took = time.monotonic() - begun
            assert "engine stopped" in worker.log
        assert took < 30
    finally:
        valkey.close()


@pytest.mark.slow
def test_a_worker_waits_for_bells_again_soon_after_its_connections_died_without_a_word(
    make_town: MakeTown, sqlite_url: str
) -> None:
    with Valkey() as valkey, Proxy(valkey.port) as proxy, Redis(port=valkey.port) as broker:
        town = make_town(f"redis://127.0.0.1:{proxy.port}/0", sqlite_url)

        def waits() -> bool:
            return bool(broker.info("clients")["blocked_clients"])

        with town.worker("--concurrency", "2") as worker:
            assert worker.says("ready.", 60)
            assert soon(waits)
            begun = time.monotonic()
            assert proxy.cut() > 0
            assert soon(lambda: not waits()), "the server gives up the connection that is dead"
            assert soon(waits, 60)
            assert time.monotonic() - begun < 45, "without time-outs it is deaf for minutes"
            assert worker.stop(60) == 0
