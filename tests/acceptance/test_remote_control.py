"""Celery's remote control, over a real broker: whoever may ring cannot end a worker with it, be it on or off."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, PHYSICIAN, Town, soon
from tests.rigs.workers import ROOT
from worker.celery_settings import celery_settings

pytestmark = pytest.mark.acceptance

CONTROL = "/0.celery.pidbox"
"""The channel of remote control, as Celery names it in database 0 of Redis."""


def tell(url: str, command: str) -> None:
    """What anybody can send who knows the URL of the broker."""
    app: Any = Celery("anybody")
    app.conf.update(celery_settings(url))
    app.control.broadcast(command)
    app.close()


def works(town: Town, participant: str) -> bool:
    return town.verdict(town.submit(participant, "profession", PHYSICIAN)) == ("accepted", "record_matches")


def listens(url: str) -> bool:
    with Redis.from_url(url) as broker:
        return int(broker.publish(CONTROL, b"no command")) > 0


@pytest.mark.slow
def test_who_may_ring_ends_no_worker(make_town: MakeTown, valkey_server: str) -> None:
    town = make_town()
    with town.worker("--concurrency", "2") as worker:
        assert worker.says("ready.", PATIENCE)
        assert not listens(valkey_server)
        tell(valkey_server, "shutdown")
        assert works(town, "p")
        assert worker.running
        assert "shutdown" not in worker.log
        assert worker.stop(PATIENCE) == 0


def ask(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Celery's own command, without any key."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JURAT_")}
    environment |= {"PYTHONPATH": str(ROOT), "JURAT_BROKER_URL": url, "JURAT_DATABASE_URL": "sqlite:///none.db"}
    command = [sys.executable, "-P", "-m", "celery", "-A", "worker.app", *words, "--timeout", "25"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.slow
def test_where_it_is_on_workers_answer_without_keys_and_take_no_command(
    make_town: MakeTown, valkey_server: str
) -> None:
    town = make_town()
    with town.worker("--concurrency", "2", JURAT_REMOTE_CONTROL="true") as worker:
        assert worker.says("ready.", PATIENCE)
        assert soon(lambda: listens(valkey_server))
        here = f"{worker.folder.name}@{socket.gethostname()}"
        pinged = ask(valkey_server, "inspect", "ping", "--destination", here)
        assert "pong" in pinged.stdout, pinged.stderr
        for command in ("shutdown", "pool_shrink"):
            told = ask(valkey_server, "control", command, "--destination", here)
            assert "answer `celery inspect` alone" in told.stdout, told.stderr
        tell(valkey_server, "shutdown")
        assert works(town, "p")
        assert worker.running
        assert worker.stop(PATIENCE) == 0
