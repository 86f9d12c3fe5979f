"""`exporter` as a process, over HTTP, as a reader without keys, while its database comes and goes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from store.schema.grants import DatabaseRole
from store.upkeep.schedule import EVERY
from tests.cli.shell import Shell, is_one_sentence
from tests.conftest import missing
from tests.rigs.logins import Logins
from tests.rigs.servers import NoServer, PostgreSQL
from tests.store.desk import Desk
from tests.store.monitoring.fleets import report
from worker.metrics.names import FLEET_METRICS

PATIENCE = 100.0
MEMORY = 100 * 1024
"""KiB that an exporter may use."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def soon(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def get(port: int, path: str) -> requests.Response | None:
    """The answer; None while nobody listens."""
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE)
    except requests.ConnectionError:
        return None


def status(port: int, path: str) -> int:
    found = get(port, path)
    return found.status_code if found is not None else 0


def value(port: int, name: str, **labels: str) -> float | None:
    """A sample of a scrape; None where it is not there."""
    found = get(port, "/metrics")
    assert found is not None
    for family in text_string_to_metric_families(found.text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    try:
        made = PostgreSQL()
    except NoServer as error:
        missing(str(error))
    with made:
        yield made


@pytest.fixture
def start(bare_shell: Shell) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts exporters that end with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(**environment: str) -> subprocess.Popen[str]:
        started.append(bare_shell.start("exporter", **environment))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        with process:
            process.communicate(timeout=PATIENCE)


@pytest.mark.acceptance
@pytest.mark.slow
def test_it_shows_the_fleet_while_its_database_comes_and_goes(
    server: PostgreSQL, bare_shell: Shell, start: Callable[..., subprocess.Popen[str]]
) -> None:
    url, port = server.databases.create(), free_port()
    ran = bare_shell("db", "upgrade", JURAT_DATABASE_URL=url)
    assert ran.code == 0, ran.err
    with closing(Desk(url)) as desk, Logins(url) as logins:
        desk.submit_many(3)
        desk.upkeep.turns(EVERY)
        report(desk)
        reader = logins.url(DatabaseRole.READER, options="CONNECTION LIMIT 1")
        process = start(JURAT_DATABASE_URL=reader, JURAT_LISTEN=f"127.0.0.1:{port}")
        soon(lambda: status(port, "/readyz") == 200)
        scraped = get(port, "/metrics")
        assert scraped is not None
        assert set(re.findall(r"^# TYPE (\S+)", scraped.text, re.MULTILINE)) == {
            metric.name for metric in FLEET_METRICS
        }
        assert value(port, "jurat_checks_waiting", source="towns", state="due") == 3
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: status(port, "/metrics"), range(40))) == {200}
        memory = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text("ascii"))
        assert memory is not None
        assert int(memory[1]) < MEMORY

        desk.engine.dispose()
        server.kill()
        soon(lambda: value(port, "jurat_database_up") == 0)
        assert value(port, "jurat_condition", condition="JuratDatabaseAway", source="") == 1
        assert value(port, "jurat_checks_waiting", source="towns", state="due") is None
        assert (status(port, "/readyz"), status(port, "/livez"), status(port, "/startupz")) == (503, 200, 200)

        server.start()
        soon(lambda: value(port, "jurat_database_up") == 1)
        assert value(port, "jurat_condition", condition="JuratDatabaseAway", source="") == 0
        assert status(port, "/readyz") == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (0, "")
        assert "Traceback" not in err


def test_an_address_that_cannot_be_used_is_said_in_one_sentence(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = shell("exporter", JURAT_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "cannot be used" in ran.err
