"""`health`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.shell import Shell
from worker import health as files
from worker.health import Facts, Health

READY = Facts(slots=8, held=2, database=True, config_version=3, threads={"writer": 0.2})


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Health]:
    health = Health(tmp_path / "jurat-worker-1.json")
    yield health
    health.close()


def test_without_a_worker_it_fails(bare_shell: Shell) -> None:
    ran = bare_shell("health")
    assert (ran.code, ran.out) == (1, "")
    assert "no worker" in ran.err
    assert bare_shell("health", "--json").json["ok"] is False


def test_a_living_worker_is_shown(bare_shell: Shell, worker: Health) -> None:
    worker.write(READY)
    ran = bare_shell("health", "--ready")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[1].split()[-4:] == ["yes", "2", "8", "3"]
    document = bare_shell("health", "--json").json
    assert document["ok"] is True
    assert document["workers"][0]["threads"] == {"writer": 0.2}


@pytest.mark.parametrize("facts", [Facts(8, 0, database=False, config_version=3), Facts(8, 0, database=True)])
def test_a_worker_that_waits_for_something_is_alive_and_not_ready(
    bare_shell: Shell, worker: Health, facts: Facts
) -> None:
    worker.write(facts)
    assert bare_shell("health").code == 0
    assert bare_shell("health", "--ready").code == 1


def test_one_hanging_worker_fails_the_check(bare_shell: Shell, worker: Health, tmp_path: Path) -> None:
    worker.write(READY)
    second = Health(tmp_path / "jurat-worker-2.json", clock=lambda: files.clock() - 60)
    second.write(READY)
    ran = bare_shell("health")
    second.close()
    assert ran.code == 1
    assert re.search(r"hangs: its last sign of life is (6\d|[7-9]\d) s old", ran.err)
    assert len(ran.out.splitlines()) == 3
