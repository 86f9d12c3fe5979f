"""The engine in a process that serves pages itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog

from config.settings import Settings
from jurat import Client
from jurat.errors import ConfigurationError
from jurat.seal import generate, key_to_text
from tests.rigs import loggers
from tests.store.desk import DOCUMENT, PRIVATE_KEY, PUBLIC_KEY, Desk
from tests.worker.engine.works import PATIENCE, soon
from worker import health
from worker.embedded import embedded
from worker.engine import wake_schedule
from worker.engine.threads import EngineThread

KEYS: Mapping[str, Any] = {"unseal_keys": (key_to_text(PRIVATE_KEY),), "seal_key": key_to_text(PUBLIC_KEY)}
ROOT = Path(__file__).resolve().parents[2]


BEFORE: set[threading.Thread] = set()
"""What lives already as a test starts: a sender of traces that a test of the same process gave up still waits."""


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Health files and threads of the test's own, and structlog as it was."""
    monkeypatch.setattr(health, "folder", lambda: tmp_path)
    BEFORE.update(threading.enumerate())
    yield
    BEFORE.clear()
    loggers.forget()


def settings(url: str, **given: Any) -> Settings:
    return Settings(database_url=url, **{"broker_url": "none", **KEYS, **given})


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("jurat-") and thread not in BEFORE]


@pytest.mark.slow
def test_a_platform_with_an_engine_inside_needs_nothing_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake_schedule, "IDLE", 2 * PATIENCE)  # what is done is done because it was woken
    desk = Desk(database_url)
    client = Client(database_url, "none", key_to_text(PUBLIC_KEY))
    with embedded(settings(database_url), slots=2) as engine:
        assert engine.plans.current() is not None
        assert health.workers(), "`jurat health` sees it as a worker"
        for n in range(3):
            with desk.engine.begin() as connection:
                check = client.submit(
                    connection,
                    consultation="budget",
                    participant=f"p-{n}",
                    question="residence",
                    answer={"word": "accept"},
                )
            threading.Thread(target=engine.wake).start()
            assert client.wait(check.id, timeout=PATIENCE).outcome == "accepted"
    assert threads() == []
    assert health.workers() == []
    assert desk.sql("SELECT state, count(*) FROM jurat_checks GROUP BY 1") == [("settled", 3)]
    client.close()
    desk.close()


def test_what_is_not_looked_up_at_its_end_waits_for_the_next(database_url: str) -> None:
    desk = Desk(database_url)
    with pytest.raises(ZeroDivisionError), embedded(settings(database_url)):
        raise ZeroDivisionError
    assert threads() == []
    desk.submit()
    assert desk.sql("SELECT state FROM jurat_checks") == [("pending",)]
    with embedded(settings(database_url, broker_url=None)):
        assert soon(lambda: desk.sql("SELECT state FROM jurat_checks") == [("settled",)])
    desk.close()


def test_a_key_that_it_was_given_as_an_argument_is_sent_to_no_source(sqlite_url: str, tmp_path: Path) -> None:
    """No variable holds it, and none names the folder."""
    desk = Desk(sqlite_url)
    source = {"type": "pelias", "url": "https://geocoder.example", "api_key": {"file": "geocoder"}}
    desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "geo": source}})
    found: list[list[str]] = []
    for written in ("its own", key_to_text(PRIVATE_KEY)):
        (tmp_path / "geocoder").write_text(written, encoding="utf-8")
        with embedded(settings(sqlite_url, source_secrets=tmp_path)) as engine:
            plan = engine.plans.current()
            assert plan is not None
            found.append([each for each in plan.problems if each.startswith("source geo ")])
    assert found[0] == []
    assert "contains JURAT_UNSEAL_KEYS of jurat itself, which no source may get" in found[1][0]
    desk.close()


def test_it_serves_health_and_metrics_where_it_is_told_to(sqlite_url: str) -> None:
    desk = Desk(sqlite_url)
    with (
        structlog.testing.capture_logs() as logs,
        embedded(settings(sqlite_url, listen="127.0.0.1:0"), slots=2) as engine,
    ):
        (address,) = [line["address"] for line in logs if line["event"] == "serves health and metrics"]
        assert soon(lambda: requests.get(f"http://{address}/readyz", timeout=PATIENCE).status_code == 200)
        engine.wake()
        shown = requests.get(f"http://{address}/metrics", timeout=PATIENCE).text
        assert 'jurat_bells_total{kind="rung"} 1.0' in shown
        assert "jurat_worker_broker_connected 1.0" in shown
        taken = settings(sqlite_url, listen=address)
        with pytest.raises(ConfigurationError, match=f"JURAT_LISTEN: {address} cannot be used"), embedded(taken):
            pass
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}/livez", timeout=PATIENCE)
    desk.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"unseal_keys": ()}, "JURAT_UNSEAL_KEYS is not set"),
        ({"seal_key": key_to_text(generate()[1])}, "JURAT_SEAL_KEY is the wrong key"),
        ({"broker_url": "redis://localhost"}, "JURAT_BROKER_URL names a broker"),
    ],
)
def test_settings_that_do_not_do_are_refused(sqlite_url: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said), embedded(settings(sqlite_url, **given)):
        pass


def test_a_database_without_tables_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    with pytest.raises(ConfigurationError, match="there is no database"), embedded(settings(f"sqlite:///{missing}")):
        pass
    assert not missing.exists()
    missing.touch()
    with pytest.raises(ConfigurationError, match="no jurat tables"), embedded(settings(f"sqlite:///{missing}")):
        pass
    nobody = "postgresql://u:secret@127.0.0.1:1/x"
    with pytest.raises(ConfigurationError, match="does not answer") as raised, embedded(settings(nobody)):
        pass
    assert "secret" not in str(raised.value)
    assert threads() == []


@pytest.mark.slow
def test_it_does_without_celery() -> None:
    looked = "import sys, worker.embedded; print(sorted({'celery', 'kombu', 'redis'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", looked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_threads_of_an_engine_have_names_of_their_own() -> None:
    class Idle(EngineThread):
        def step(self) -> None:
            """Nothing."""

    assert Idle("x")._thread.name.startswith("jurat-"), "what the tests above count by"
