"""`health`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jurat.database import parse_url
from tests.cli.shell import Shell
from worker import health as files
from worker.health import Facts, Health
from worker.installation import installation

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


# ------------------------------------------------------------------------------------------------ whose workers


def test_workers_of_other_databases_are_left_out(bare_shell: Shell, worker: Health, tmp_path: Path) -> None:
    here, there = "postgresql://u:p@db/one", "postgresql://v:q@db:5432/two"
    worker.write(replace(READY, name="w1@here", version="1.2.3", installation=installation(here)))
    other = Health(tmp_path / "jurat-worker-2.json", clock=lambda: files.clock() - 60)
    other.write(replace(READY, installation=installation(there)))
    ran = bare_shell("health", "--ready", "--json", JURAT_DATABASE_URL=here)
    assert (ran.code, [each["name"] for each in ran.json["workers"]]) == (0, ["w1@here"])
    assert ran.json["workers"][0]["version"] == "1.2.3"
    every = bare_shell("health", "--all", JURAT_DATABASE_URL=here)
    assert (every.code, len(every.out.splitlines())) == (1, 3)
    none = bare_shell("health", JURAT_DATABASE_URL="postgresql://u@db/three")
    assert none.code == 1
    assert "2 of other databases, see --all" in none.err
    hung = bare_shell("doctor", "--json", JURAT_DATABASE_URL=here, JURAT_BROKER_URL="none")
    assert [step["found"][:6] for step in hung.json["steps"] if step["name"] == "workers"] == ["worker"]
    other.close()


def test_a_worker_that_lacks_a_key_is_alive_and_not_ready_and_names_the_key(bare_shell: Shell, worker: Health) -> None:
    worker.write(replace(READY, strange={"0123456789abcdef": 7}))
    assert bare_shell("health").code == 0
    ran = bare_shell("health", "--ready")
    assert ran.code == 1
    assert "7 for the key 0123456789abcdef" in ran.err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:confidential@DB:5432/one",
        "postgres://v@db/one",
        "postgresql+psycopg://db/one?sslmode=require",
        "postgresql:///one?host=db&port=5432",
    ],
)
def test_the_same_database_is_the_same_by_whatever_user(url: str) -> None:
    assert installation(url) == installation("postgresql://u@db/one")


@pytest.mark.parametrize(
    "url",
    ["postgresql://db/two", "postgresql://db2/one", "postgresql://db:5433/one", "sqlite:///one", "sqlite:////one"],
)
def test_another_database_is_another(url: str) -> None:
    assert installation(url) != installation("postgresql://db/one")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db1.example:5433,db2.example/platform?target_session_attrs=read-write",
        "postgresql://u:p@db2.example,db1.example:5433/platform?target_session_attrs=read-write",
        "postgresql://u@db1.example/platform",
        "postgresql://u@/platform?host=db1.example,db2.example&port=5433,",
    ],
)
def test_a_database_is_the_same_in_each_form_of_its_url(url: str) -> None:
    """A worker knows it by its settings, which have SQLAlchemy's form; `health` by the variable alone."""
    assert installation(parse_url(url).render_as_string(hide_password=False)) == installation(url)
    if "db2" in url:
        assert installation(url) == installation("postgresql://u@db2.example:5432,db1.example:5433/platform")
