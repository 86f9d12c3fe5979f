"""What operators type: options that do not fit are refused in a sentence, queues may be named before they exist."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import pytest

from examples.sources import Sources
from jurat.seal import generate, key_to_text
from tests.acceptance.conftest import MakeTown
from tests.acceptance.town import PATIENCE, PHYSICIAN, soon
from tests.rigs.workers import refused

pytestmark = pytest.mark.acceptance

SETTINGS: Mapping[str, str] = {
    "JURAT_DATABASE_URL": "sqlite:////nonexistent/jurat.db",
    "JURAT_BROKER_URL": "none",
    "JURAT_UNSEAL_KEYS": key_to_text(generate()[0]),
    "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
}
POOL = "lookups run in threads"
REFUSED: Mapping[str, tuple[Mapping[str, str], tuple[str, ...], str]] = {
    "-P prefork": ({}, ("-P", "prefork"), POOL),
    "--pool=solo": ({}, ("--pool=solo",), POOL),
    "-Pprocesses": ({}, ("-Pprocesses",), POOL),
    "--autoscale": ({}, ("--autoscale", "10,2"), "--concurrency"),
    "no private key": ({"JURAT_UNSEAL_KEYS": ""}, (), "JURAT_UNSEAL_KEYS is not set"),
    "no key at all": ({"JURAT_UNSEAL_KEYS": "c2hvcnQ="}, (), "JURAT_UNSEAL_KEYS"),
    "no broker": ({"JURAT_BROKER_URL": ""}, (), "JURAT_BROKER_URL is not set"),
    "no database": ({"JURAT_DATABASE_URL": "mysql://root:geheim@localhost/x"}, (), "JURAT_DATABASE_URL"),
}
OTHER_SPELLINGS = ("--pool=solo", "-Pprocesses", "no key at all", "no private key", "no broker", "no database")
"""Of these another one or a quicker test knows the rule: each takes two seconds, most of it to load Celery."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in OTHER_SPELLINGS else ()) for name in REFUSED]
)
def test_what_does_not_fit_is_refused_in_a_sentence(name: str) -> None:
    changed, options, told = REFUSED[name]
    ended = refused({**SETTINGS, **changed}, *options, timeout=PATIENCE)
    said = [line for line in ended.stderr.splitlines() if line.strip() and "RuntimeWarning" not in line]
    assert ended.returncode == 2, ended
    assert told in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "geheim" not in ended.stdout + ended.stderr
    assert len(said[-1]) < 200


@pytest.mark.slow
def test_a_worker_serves_the_queues_that_it_is_given_and_warns_of_unknown_ones(make_town: MakeTown) -> None:
    town = make_town()
    with town.worker("--concurrency", "4", "-Q", "checks.registry,checks.registre") as worker:
        assert worker.says("no such source", PATIENCE)
        assert "checks.registre" in worker.log
        served = town.submit("p-1", "profession", PHYSICIAN)
        other = town.submit("p-1", "honour", PHYSICIAN)
        assert town.verdict(served) == ("accepted", "record_matches")
        assert not soon(lambda: town.client.result(other).state != "pending", 1.5)
        assert worker.stop(PATIENCE) == 0
        assert "Traceback" not in worker.log


@pytest.mark.slow
def test_a_worker_starts_before_its_database_is_there_and_waits(make_town: MakeTown) -> None:
    town = make_town()
    away = "postgresql://nobody@127.0.0.1:1/none"
    with town.worker("-P", "threads", "-n", "solo@%h", JURAT_DATABASE_URL=away) as worker:
        assert worker.says("database away", PATIENCE)
        assert worker.log.count("database away") <= 4
        assert worker.stop(PATIENCE) == 0
        assert "Traceback" not in worker.log


@pytest.mark.slow
def test_celerys_own_commands_work(make_town: MakeTown, sources: Sources) -> None:
    town = make_town()
    with town.worker("--concurrency", "16", JURAT_REMOTE_CONTROL="true") as worker:
        assert worker.says("ready.", PATIENCE)
        asked = sources.count("slow-headers")
        checks = town.submit_many(8, "patience", PHYSICIAN, prefix="stuck")
        assert soon(lambda: sources.count("slow-headers") == asked + 8)
        this_one = ("--destination", f"{worker.folder.name}@{socket.gethostname()}", "--timeout", "45")
        shown = worker.celery("inspect", *this_one, "held", "--json", timeout=PATIENCE)
        assert all(str(check) in shown.stdout for check in checks), shown
        assert "Valombre" not in shown.stdout
        pinged = worker.celery("inspect", *this_one, "ping", timeout=PATIENCE)
        assert pinged.returncode == 0, pinged
        assert "pong" in pinged.stdout
        worker.kill()
