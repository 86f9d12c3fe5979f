"""With JURAT_LOG=json every line that a worker process writes is an object: from its start over outages to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from config.settings import Settings
from jurat.seal import key_to_text
from store.schema.migrations import upgrade
from store.schema.release import VERSION
from tests.rigs.servers import PostgreSQL, Valkey
from tests.rigs.workers import ROOT, Worker
from tests.store.desk import HASH_KEY, PRIVATE_KEY, Desk
from tests.worker.engine.works import soon
from worker.service import open_service

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER_ENDINGS = ("SIGINT", "SIGQUIT", "SIGKILL")
FIELDS = {"event", "level", "logger", "timestamp", "worker", "host", "version"}


class Jurat(Worker):
    """The same worker, started by our own command."""

    def _command(self) -> list[str]:
        return [str(ROOT / "bin" / "jurat"), "worker", "-n", f"{self.folder.name}@%h", *self._options]


def environment(database: str, broker: str) -> Mapping[str, str]:
    return {
        "JURAT_DATABASE_URL": database,
        "JURAT_BROKER_URL": broker,
        "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
        "JURAT_HASH_KEYS": key_to_text(HASH_KEY),
        "JURAT_LOG": "json",
        "PYTHONWARNINGS": "",  # root gets Celery's warning about that as well
    }


def read(log: str) -> list[dict[str, Any]]:
    """The lines of a log; each must be whole."""
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line for line in lines if not line.keys() >= FIELDS] == []
    return lines


def events(log: str) -> list[str]:
    return [line["event"] for line in read(log)]


def ends(worker: Worker) -> bool:
    return soon(lambda: not worker.running)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Worker, pytest.param(Jurat, marks=pytest.mark.slow)])
def test_every_line_is_an_object_from_the_start_over_outages_to_the_end(kind: type[Worker]) -> None:
    with PostgreSQL() as server, Valkey() as broker:
        url = server.databases.create()
        with closing(open_service(Settings(database_url=url))) as service:
            upgrade(service.database)
        desk = Desk(url)
        with kind(environment(desk.url, broker.url), "--concurrency", "2") as worker:
            assert worker.says("ready.")
            check = desk.submit(traceparent=TRACEPARENT)
            assert soon(lambda: desk.result(check.id).outcome is not None)
            server.kill()
            broker.kill()
            assert worker.says("database away")
            assert worker.says("Cannot connect to")
            server.start()
            broker.start()
            assert worker.says("database back")
            os.kill(worker.pid, signal.SIGTERM)
            assert ends(worker)
            lines = read(worker.log)
        desk.close()
    assert {(line["worker"], line["host"], line["version"]) for line in lines} == {
        (f"{worker.folder.name}@{socket.gethostname()}", socket.gethostname(), VERSION)
    }
    # Twice, where the server was killed before the commit was on its disk.
    assert {line["trace_id"] for line in lines if line["event"] == "settled"} == {TRACE}
    said = [line["event"].strip() for line in lines]
    assert {"worker: Warm shutdown (MainProcess)", "engine stopped"} <= set(said)
    if os.geteuid() == 0:
        assert any("SecurityWarning" in event for event in said)


@pytest.mark.slow
@pytest.mark.parametrize(
    "ending", [signal.SIGTERM, *(pytest.param(signal.Signals[name], marks=pytest.mark.slow) for name in OTHER_ENDINGS)]
)
def test_without_database_and_broker_as_well_and_however_it_ends(ending: signal.Signals, sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
    with Worker(environment(f"{sqlite_url}.none", nobody), "--concurrency", "2") as worker:
        assert worker.says("Cannot connect to")
        os.kill(worker.pid, ending)
        assert ends(worker)
        assert {"database away", "engine started"} <= set(events(worker.log))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", pytest.param("text", marks=pytest.mark.slow)])
def test_where_threads_are_is_shown_without_what_they_hold(form: str, sqlite_url: str) -> None:
    given = {**environment(sqlite_url, "none"), "JURAT_LOG": form}
    with Worker(given, "--concurrency", "2") as worker:
        assert worker.says("ready.")
        os.kill(worker.pid, signal.SIGUSR1)
        assert worker.says("jurat-lookup-1")
        assert worker.says("in _bootstrap")
        assert "LOCAL VARIABLES" not in worker.log
        if form == "json":
            assert any("jurat-lookup-1" in event for event in events(worker.log))


SPEAK = """
import celery.apps.worker, os, sys, threading, traceback, types, warnings
from config.settings import LogFormat
from worker.logs import set_up
from worker.output import capture

worker = types.SimpleNamespace(quiet=False)
set_up(LogFormat.JSON, worker="w@here", host="here", version="1")
capture(worker, LogFormat.JSON)
assert worker.quiet

class Broken:
    def __del__(self):
        raise RuntimeError("in a destructor")

def fail():
    raise RuntimeError("in a thread")

def end():
    sys.exit("not an error of a thread")

warnings.warn("a warning\\nof two lines", UserWarning)
print("to standard output", 1)
print("to standard error", file=sys.stderr)
Broken()
for target in (fail, end):
    thread = threading.Thread(target=target, name="mine")
    thread.start()
    thread.join()
celery.apps.worker.safe_say("worker: Warm shutdown", sys.__stdout__)
raise RuntimeError("at the end")
"""


@pytest.mark.slow
def test_what_python_and_libraries_print_is_logged() -> None:
    command = [sys.executable, "-W", "default::UserWarning", "-c", SPEAK]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    lines = read(ran.stderr)
    assert ran.stdout == ""
    assert ran.returncode == 1
    assert [line["level"] for line in lines if line["event"] in ("to standard output", "to standard error")] == [
        "warning",
        "warning",
    ]
    assert any(line["event"].endswith("UserWarning: a warning\nof two lines") for line in lines)
    failed = {line["event"]: line for line in lines if "exception" in line}
    assert list(failed) == ["exception ignored", "thread failed", "process failed"]
    assert failed["thread failed"]["thread"] == "mine"
    assert [line["exception"].splitlines()[-1] for line in failed.values()] == [
        "RuntimeError: in a destructor",
        "RuntimeError: in a thread",
        "RuntimeError: at the end",
    ]
    assert "worker: Warm shutdown" in [line["event"] for line in lines]


@pytest.mark.slow
def test_who_is_refused_gets_a_sentence_and_no_object(sqlite_url: str) -> None:
    given = {**environment(sqlite_url, "none"), "JURAT_UNSEAL_KEYS": "short", "PATH": os.environ["PATH"]}
    command = [str(ROOT / "bin" / "jurat"), "worker"]
    ran = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 2
    assert ran.stderr.startswith("JURAT_UNSEAL_KEYS ")
