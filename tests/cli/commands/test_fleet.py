"""`fleet`, and what other commands say of workers that are not there or lack keys. With real workers."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from jurat.database import open_engine
from jurat.seal import Unseal, generate, key_from_text, key_id, key_to_text
from store.workers import Fleet, Member
from tests.cli.conftest import configure
from tests.cli.shell import Ran, Shell
from tests.conftest import ENGINES
from tests.rigs.waiting import until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=ENGINES)
def town(request: pytest.FixtureRequest) -> Shell:
    """A shell on each engine, with codes and an applied configuration."""
    return configure(request.getfixturevalue("shell" if request.param == "sqlite" else "postgresql_shell"))


@pytest.fixture
def start(town: Shell) -> Iterator[Start]:
    """Starts workers that end with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, **environment: str) -> subprocess.Popen[str]:
        started.append(town.start("worker", "--loglevel", "INFO", *words, **environment))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        with process:
            process.communicate(timeout=60)


def sql(shell: Shell, statement: str, **given: Any) -> None:
    engine = open_engine(shell.environment["JURAT_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text(statement), given)
    engine.dispose()


def ago(shell: Shell, seconds: int) -> str:
    """SQL for a time in the past."""
    if "sqlite" in shell.environment["JURAT_DATABASE_URL"]:
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{seconds} seconds')"
    return f"statement_timestamp() - interval '{seconds} s'"


def fleet(shell: Shell) -> dict[str, dict[str, Any]]:
    return {worker["name"]: worker for worker in shell("fleet", "--json").json["workers"]}


def submit(shell: Shell, participant: str, **environment: str) -> str:
    ran = shell("submit", "budget", participant, "who", "--field", "word=accept", **environment)
    assert ran.code == 0, ran.err
    return ran.out.strip()


def steps(ran: Ran, name: str) -> list[dict[str, Any]]:
    return [step for step in ran.json["steps"] if step["name"] == name]


def opened_by(shell: Shell) -> str:
    """The id of the key that the shell's own setting opens."""
    return Unseal([key_from_text(shell.environment["JURAT_UNSEAL_KEYS"], "")]).key_ids[0]


@pytest.mark.slow
def test_it_lists_the_live_workers_and_ends_with_1_where_there_is_none(town: Shell, start: Start) -> None:
    none = town("fleet")
    assert (none.code, "no worker of this database was seen" in none.err) == (1, True)
    assert town("fleet", "--json").json == {"ok": False, "workers": []}
    both = start("--hostname", "all@here", "--slots", "3"), start("--hostname", "one@here", "-Q", "checks.magic")
    assert until(lambda: {name for name, each in fleet(town).items() if each["ready"]} == {"all@here", "one@here"})
    found = fleet(town)
    assert (found["all@here"]["sources"], found["one@here"]["sources"]) == (None, ["magic"])
    assert (found["all@here"]["slots"], found["all@here"]["config_version"]) == (3, 1)
    assert found["all@here"]["unseal_keys"] == [opened_by(town)]
    assert len(found["all@here"]["hash_keys"]) == 1
    assert 0 <= found["all@here"]["age_s"] < 30
    shown = town("fleet")
    assert (shown.code, shown.err) == (0, "")
    assert "all@here" in shown.out
    for secret in ("JURAT_UNSEAL_KEYS", "JURAT_HASH_KEYS"):
        assert town.environment[secret] not in shown.out + str(found)

    both[0].send_signal(signal.SIGTERM)
    both[1].kill()
    assert both[0].wait(100) == 0
    assert both[1].wait(100) == -signal.SIGKILL
    assert set(fleet(town)) == {"one@here"}, "who ends takes its row away, who is killed does not"
    sql(town, f"UPDATE jurat_workers SET seen_at = {ago(town, 31)}")
    assert town("fleet").code == 1


@pytest.mark.slow
def test_what_waits_and_is_served_by_nobody_is_a_problem(town: Shell, start: Start) -> None:
    assert town("sources", "health").code == 0
    for n in range(3):
        submit(town, f"p-{n}")
    ran = town("sources", "health", "magic")
    assert ran.code == 1
    assert "3 checks wait" in ran.out
    assert "no live worker serves it" in ran.out
    doctor = town("doctor", "--json")
    assert (doctor.code, [step["mark"] for step in steps(doctor, "NobodyWorks")]) == (1, ["problem"])
    explained = town("explain", submit(town, "p-9"))
    assert "no live worker serves magic (no_worker)" in explained.out

    start("--hostname", "other@here", "-Q", "checks.spring")
    assert until(lambda: "served by 1 worker (other@here)" in town("sources", "health", "spring").out)
    assert town("sources", "health", "magic").code == 1

    start("--hostname", "every@here")
    served = "nothing waits; served by 1 worker (every@here)"
    assert until(lambda: served in town("sources", "health", "magic").out)
    assert until(lambda: town("sources", "health").code == 0)


def test_figures_that_nobody_keeps_are_a_problem_and_their_age_is_told(town: Shell) -> None:
    sql(town, f"UPDATE jurat_sources SET waiting = 0, wait_s = 0, poll_ms = 250, figures_at = {ago(town, 116)}")
    check = submit(town, "p-1")
    ran = town("sources", "health", "magic", "--json")
    assert ran.code == 1
    (told,) = ran.json["sources"]
    assert told["waiting"] == 1, "it was counted now"
    assert 115 < told["figures_age_s"] < 216
    assert "the workers' figures are 11" in town("sources", "health", "spring").out
    assert town("sources", "health", "spring").code == 1
    assert town("doctor").code == 1
    assert town("status", check, "--json").json["next_poll_ms"] == 5000


def test_what_came_since_the_last_worker_ended_is_counted_at_once(town: Shell) -> None:
    sql(town, f"UPDATE jurat_sources SET waiting = 0, figures_at = {ago(town, 5)}")
    submit(town, "p-1")
    ran = town("sources", "health", "magic")
    assert ran.code == 1
    assert "1 check waits; no live worker serves it" in ran.out
    assert town("doctor").code == 1


def test_polls_grow_rarer_while_nobody_counts(town: Shell) -> None:
    check = submit(town, "p-1")
    polls = []
    for age in (0, 40, 70, 3600):
        sql(town, f"UPDATE jurat_sources SET poll_ms = 250, figures_at = {ago(town, age)}")
        polls.append(town("status", check, "--json").json["next_poll_ms"])
    assert (polls[0], polls[-1]) == (250, 5000)
    assert polls[0] < polls[1] < polls[2] <= polls[3]


@pytest.mark.slow
@pytest.mark.parametrize("town", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"], indirect=True)
def test_a_worker_without_the_key_is_named_everywhere_and_settles_nothing(town: Shell, start: Start) -> None:
    """The platform seals for a key that no worker has, and then one comes that has it."""
    private, public = generate()
    check = submit(town, "p-1", JURAT_SEAL_KEY=key_to_text(public), JURAT_UNSEAL_KEYS="")
    submit(town, "p-2")
    wrong = start("--hostname", "wrong@here")
    assert until(lambda: town("health", "--ready").code == 1 and "lacks the keys" in town("health", "--ready").err)
    assert town("health").code == 0
    missing = key_id(public)
    ready = town("health", "--ready", "--json").json
    assert [worker["key_missing"] for worker in ready["workers"]] == [{missing: 1}]
    for command in ("doctor", "sources health"):
        ran = town(*command.split(), "--json")
        assert ran.code == 1
        (step,) = [each for each in steps(ran, "source magic") if missing in each["found"]]
        assert step["found"] == f"no live worker opens 1 answer sealed for the key {missing}"
        assert step["advice"].startswith(f"bring back the key with the id {missing}")
        assert steps(ran, "keys of workers") == []
    assert until(lambda: f"no live worker has the key {missing}" in town("explain", check).out)
    assert town("explain", check, "--json").json["waits_for"] == "key_missing"
    assert until(lambda: fleet(town)["wrong@here"]["ready"] is False)

    elsewhere = Member(uuid4(), "here", "aside@here", "0", "0028", 4, sources=("other",), unseal_keys=(missing,))
    engine = open_engine(town.environment["JURAT_DATABASE_URL"])
    Fleet(engine).report(elsewhere)
    engine.dispose()
    (step,) = [each for each in steps(town("doctor", "--json"), "source magic") if missing in each["found"]]
    assert step["advice"].startswith("have a worker with that key serve magic (-Q)")

    keys = f"{key_to_text(private)},{town.environment['JURAT_UNSEAL_KEYS']}"
    start("--hostname", "right@here", JURAT_UNSEAL_KEYS=keys)
    assert until(lambda: town("status", check, "--json").json["state"] == "settled")
    assert town("status", check, "--json").json["reason"] == "record_matches"
    wrong.send_signal(signal.SIGTERM)
    _, said = wrong.communicate(timeout=100)
    assert said.count("answers wait that no key of this worker opens") == 1
