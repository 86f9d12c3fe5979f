"""`worker`: what it would do, and the whole way of a check with the real one."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import configure
from tests.cli.shell import Shell, is_one_sentence
from tests.rigs.waiting import until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(shell: Shell) -> Iterator[Start]:
    """Starts workers that end with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, **environment: str) -> subprocess.Popen[str]:
        started.append(shell.start("worker", *words, **environment))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        with process:
            process.communicate(timeout=60)


# ---------------------------------------------------------------------------------------------------------------- check


def test_the_check_says_what_a_worker_would_do(configured: Shell) -> None:
    ran = configured("worker", "--check", "--json", "--slots", "9")
    assert ran.code == 0
    assert (ran.json["slots"], ran.json["sources"], ran.json["ok"]) == (9, ["magic", "spring"], True)
    assert "9 lookups at once" in configured("worker", "--check", "--slots", "9").out


def test_the_check_knows_which_sources_are_served(configured: Shell) -> None:
    ran = configured("worker", "--check", "--json", "-Q", "checks.spring")
    assert (ran.code, ran.json["sources"]) == (0, ["spring"])
    wrong = configured("worker", "--check", "-Q", "checks.sprng,spring")
    assert wrong.code == 2
    assert "did you mean 'spring'" in wrong.out


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        ({"JURAT_BROKER_URL": ""}, 2, "JURAT_BROKER_URL"),
        ({"JURAT_UNSEAL_KEYS": ""}, 2, "JURAT_UNSEAL_KEYS"),
        ({"JURAT_HASH_KEYS": ""}, 2, "JURAT_HASH_KEYS"),
        ({"JURAT_SEAL_KEY": "x"}, 2, "JURAT_SEAL_KEY"),
        ({"JURAT_BROKER_URL": "redis://127.0.0.1:1/0"}, 3, "does not answer"),
        ({"JURAT_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x"}, 3, "refused"),
        ({"JURAT_DATABASE_URL": "sqlite:///missing.db"}, 3, "db upgrade"),
    ],
)
def test_the_check_names_what_is_missing(configured: Shell, environment: dict[str, str], code: int, said: str) -> None:
    ran = configured("worker", "--check", **environment)
    assert ran.code == code
    assert said in ran.out
    assert "Traceback" not in ran.err


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ("", {"JURAT_BROKER_URL": ""}, "JURAT_BROKER_URL is not set"),
        pytest.param("--nonsense", {}, "--nonsense", marks=pytest.mark.slow),
        ("--detach", {}, "foreground"),
        pytest.param(
            "",
            {"JURAT_BROKER_URL": "none", "JURAT_ERASURE_JOURNAL": "/proc/erasures"},
            "/proc/erasures cannot be written",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_cannot_start_says_why_in_one_sentence(
    shell: Shell, words: str, environment: dict[str, str], said: str
) -> None:
    ran = shell.process("worker", *words.split(), **environment)
    assert ran.code == 2
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    assert said in ran.err


def test_json_goes_with_the_check_alone(shell: Shell) -> None:
    ran = shell("worker", "--json")
    assert ran.code == 2
    assert is_one_sentence(ran)


# --------------------------------------------------------------------------------------------------------- the real one


@pytest.mark.slow
@pytest.mark.acceptance
def test_a_worker_without_a_broker_takes_a_check_from_submit_to_its_verdict(shell: Shell, start: Start) -> None:
    worker = start("--slots", "2", "-Q", "checks.spring", JURAT_LOG="json")
    assert until(lambda: shell("health").code == 0)
    assert shell("health", "--ready").code == 1  # nothing is configured yet, and the worker waits
    configure(shell)
    code = (shell.folder / "codes.txt").read_text().split()[0]
    assert until(lambda: shell("health", "--ready").code == 0)

    others = shell("submit", "budget", "p-1", "who", "--field", "x=accept")
    typo = shell("submit", "budget", "p-3", "code", "--field", "code=1234")
    accepted = shell("submit", "budget", "p-1", "code", "--field", f"code={code}", "--wait", "100", "--json")
    assert (accepted.code, accepted.json["reason"]) == (0, "code_valid")
    used = shell.process(
        "submit", "budget", "p-2", "code", "--answer-file", "-", "--wait", "100", stdin=f'{{"code": "{code}"}}'
    )
    assert (used.code, used.err) == (1, "")
    assert "code_used" in used.out
    malformed = shell("wait", typo.out.strip(), "--json")
    assert (malformed.code, malformed.json["reason"]) == (5, "code_malformed")
    assert shell("status", others.out.strip()).code == 4  # another source, which this worker does not serve
    assert shell("codes", "list", "--json").json[0]["redeemed"] == 1

    worker.send_signal(signal.SIGTERM)
    out, err = worker.communicate(timeout=100)
    assert worker.returncode == 0
    assert "Traceback" not in out + err
    assert code not in out + err
    assert shell("health").code == 1
