"""A real worker process that gets a signal to end: its engine ends in order, whatever its broker does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jurat.seal import key_to_text
from tests.rigs.workers import Worker
from tests.store.desk import DOCUMENT, PRIVATE_KEY, Desk
from tests.worker.engine.works import soon

ROOT = Path(__file__).resolve().parents[2]

LONG = "slow:50s"
"""A lookup that lasts for longer than all else here, on a slow machine too."""

DOCUMENT_HERE = {**DOCUMENT, "sources": {**DOCUMENT["sources"], "towns": {"type": "simulated", "timeout": "60s"}}}


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    made = Desk(sqlite_url, DOCUMENT_HERE)
    yield made
    made.close()


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@contextmanager
def working(desk: Desk, broker: str = "none", *, look_up: str = "slow:2s") -> Iterator[Worker]:
    """A worker with two lookups under way, half of its slots for one source, and eight checks that wait behind them."""
    for number in range(10):
        desk.submit(f"p-{number}", answer={"word": look_up})
    environment = {
        "JURAT_DATABASE_URL": desk.url,
        "JURAT_BROKER_URL": broker,
        "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
        "JURAT_HASH_KEYS": key_to_text(bytes(32)),
    }
    with Worker(environment, "--concurrency", "4") as worker:
        assert soon(lambda: states(desk)["leased"] >= 2)
        yield worker


def states(desk: Desk) -> Counter[str]:
    return Counter(dict(desk.sql("SELECT state, count(*) FROM jurat_checks GROUP BY state")))


def is_dropped(worker: Worker) -> bool:
    """Whether it ends soon after one more SIGTERM. One that comes before the first was dealt with is the same one."""
    os.kill(worker.pid, signal.SIGTERM)
    return soon(ends(worker), 7)


def ends(worker: Worker) -> Callable[[], bool]:
    return lambda: not worker.running


CELERY_HANGS = """
import sys, threading, time
from types import SimpleNamespace
from tests.store.desk import Desk
from tests.worker.engine.works import Steered, Works, soon
from worker.celery_step import EngineStep

desk = Desk(sys.argv[1])
works = Works(desk, Steered(), slots=2)
works.steered.hold()
desk.submit_many(5)
queues = SimpleNamespace(consume_from={"checks": None}, select_add=lambda queue: None)
app = SimpleNamespace(amqp=SimpleNamespace(queues=queues), jurat_make_engine=lambda slots, only, name: works.engine)
consumer = SimpleNamespace(call_soon=lambda *given: None, task_consumer=None)
parent = SimpleNamespace(app=app, concurrency=2, consumer=consumer, hostname="w@here")
step = EngineStep(parent)
step.start(parent)
assert soon(lambda: works.steered.asked)
step.shut_down()
threading.Timer(0.3, works.steered.let_go).start()
time.sleep(60)
sys.exit("no one has ended it")
"""


@pytest.mark.slow
def test_the_engine_ends_by_itself_where_celery_hangs_in_its_broker(desk: Desk) -> None:
    command = [sys.executable, "-c", CELERY_HANGS, desk.url]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert ran.returncode == 0, ran.stderr
    assert "engine stopped" in ran.stdout
    found = states(desk)
    assert (found["leased"], found["settled"] > 0, found["pending"] > 0) == (0, True, True)
    assert desk.sql("SELECT max(lost_leases), max(lookups) FROM jurat_checks") == [(0, 0)]


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["none", pytest.param("silent", marks=pytest.mark.slow)])
def test_sigterm_lets_lookups_end_and_gives_the_rest_back(desk: Desk, silent_broker: str, broker: str) -> None:
    with working(desk, silent_broker if broker == "silent" else broker) as worker:
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.says("engine stopped")
        assert soon(ends(worker))
        assert worker.exit_code == 0
        assert "clean=True" in worker.log or '"clean": true' in worker.log
        assert "Traceback" not in worker.log
    found = states(desk)
    assert found["leased"] == 0
    assert found["settled"] <= 4, "what had begun, and nothing after that"
    assert desk.sql("SELECT max(lost_leases), max(lookups) FROM jurat_checks") == [(0, 0)]


@pytest.mark.slow
def test_a_second_sigterm_gives_back_lookups_that_have_begun(desk: Desk) -> None:
    with working(desk, look_up=LONG) as worker:
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.says("Warm shutdown")
        assert any(is_dropped(worker) for _ in range(4)), "the lookups would take far longer"
        assert worker.exit_code == 0
    assert states(desk) == Counter(pending=10)
    assert desk.sql("SELECT max(lost_leases), max(lookups) FROM jurat_checks") == [(0, 0)]
