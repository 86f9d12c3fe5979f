"""The command line as a whole: help, completion, and what becomes of errors."""

from __future__ import annotations

import inspect
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import DBAPIError, OperationalError

from cli.command import ENVIRONMENT, Command
from cli.main import SECTIONS, explain, load, run
from cli.output import ACCESS_CODES, Exit, Failure
from jurat import AccessState
from jurat.errors import AlreadyConfirmed, SchemaMissing, WaitTimeout
from jurat.ids import uuid7
from store.schema.release import VERSION
from tests.cli.conftest import configure
from tests.cli.shell import LAUNCHER, ROOT, Shell, Terminal, command_of, is_one_sentence


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, groups left out; `demo` is looked at by its own tests."""
    for name in (name for part in SECTIONS.values() for name in part if name != "demo"):
        command = load(name)
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", part) for below, part in command.commands.items())
        else:
            yield name, command


ALL = dict(commands())

# ----------------------------------------------------------------------------------------------------------------- help


def test_help_loads_none_of_the_large_libraries() -> None:
    script = (
        "import sys; from cli.main import run; run(['--help']); "
        "print(*[name for name in ('alembic', 'celery', 'pydantic', 'rich', 'shapely', 'sqlalchemy', 'structlog') "
        "if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == ""


def test_the_health_check_loads_click_and_nothing_else_of_the_libraries(tmp_path: Path) -> None:
    """A container asks every few seconds: it costs 0.08 s of a processor, and each library would double that."""
    script = (
        "import sys; at_start = set(sys.modules); from cli.main import run; run(['health']); "
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - at_start}; "
        "print(*sorted(loaded - sys.stdlib_module_names))"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert set(ran.stdout.splitlines()[-1].split()) == {"cli", "click", "store", "worker"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("config lint jurat.yaml", {"config.document"}),
        ("audit", set()),
        ("db status", set()),
        ("fleet", set()),
        ("now", set()),
        ("status budget p-1", set()),
        ("zones list", {"config.document"}),
    ],
)
def test_a_command_loads_nothing_of_what_only_others_need(configured: Shell, words: str, needed: set[str]) -> None:
    """The model of the configuration alone is a fifth of the time of a command that does without."""
    heavy = ("alembic", "celery", "config.document", "lxml", "numpy", "requests", "rich", "shapely", "worker.engine")
    script = (
        f"import sys; from cli.main import run; code = run({words.split()}); "
        f"print(code, *[name for name in {heavy} if name in sys.modules])"
    )
    environment = {**os.environ, **configured.environment, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=configured.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    code, *loaded = ran.stdout.splitlines()[-1].split()
    assert int(code) != Exit.FAULT, ran.stderr
    assert set(loaded) == needed


def test_the_help_has_every_command_setting_and_exit_code(bare_shell: Shell) -> None:
    ran = bare_shell("--help")
    assert (ran.code, ran.err) == (0, "")
    for word in (*(name for part in SECTIONS.values() for name in part), *ENVIRONMENT, "_JURAT_COMPLETE"):
        assert word in ran.out
    for code in Exit:
        assert re.search(rf"^  {code.value}\s", ran.out, re.MULTILINE)


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_json_a_help_text_and_examples(bare_shell: Shell, name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    ran = bare_shell(*name.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "--json" in ran.out
    assert "--verbose" in ran.out
    assert f"Usage: jurat {name}" in ran.out
    assert f"  jurat {name}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 120


@pytest.mark.parametrize("name", [*ALL, "demo"])
def test_the_help_of_every_command_names_its_exit_codes(bare_shell: Shell, name: str) -> None:
    command = command_of(name.split())
    assert command is not None
    returned = {Exit[word] for word in re.findall(r"Exit\.([A-Z]+)", inspect.getsource(of_ours(command)))}
    assert {Exit.DONE, Exit.USAGE, *(returned - {Exit.FAULT})} <= set(command.codes)
    said = bare_shell(*name.split(), "--help").out
    assert said.count("Exit codes:") == 1
    listed = re.findall(r"^  (\d+)  +\w", said.partition("Exit codes:")[2], re.MULTILINE)
    assert [int(code) for code in listed] == list(command.codes)
    assert re.search(r"^  70, 130  +\w", said, re.MULTILINE)


def test_every_state_of_an_access_has_its_code() -> None:
    assert set(ACCESS_CODES) == set(AccessState)


def of_ours(command: click.Command) -> Callable[..., object]:
    """What a command calls, without the wrapping of click."""
    assert command.callback is not None
    ours: Callable[..., object] = inspect.unwrap(command.callback)
    return ours


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("access show budget NOBODY", 2),
        ("access revoke budget NOBODY", 2),
        ("access restore budget NOBODY", 2),
        ("access transfer budget NOBODY p-2", 2),
        ("access revoke vote NOBODY", 2),
        ("access show vote NOBODY", 2),
        ("reopen budget NOBODY who", 2),
        ("erase NOBODY --yes", 2),
        ("review show CHECK", 2),
        ("review show CHECK --answer", 2),
        ("review decide CHECK person_accepted", 2),
        ("review open CHECK", 2),
        ("explain CHECK", 2),
        ("status CHECK", 2),
        ("wait CHECK", 2),
        ("config show --version 99", 2),
        ("config diff jurat.yaml --version 99", 2),
        ("config withdraw nothing --yes", 2),
        ("sources health nowhere", 2),
        ("sources pause nowhere --for 2h --reason moving", 2),
        ("sources resume nowhere", 2),
        ("datasets remove nowhere", 2),
        ("zones show nowhere", 2),
        ("submit vote p-1 who --field word=accept", 2),
    ],
)
def test_what_is_not_there_by_a_name_that_was_given_ends_every_command_alike(
    configured: Shell, words: str, code: int
) -> None:
    ran = configured(*words.replace("NOBODY", "p-nobody").replace("CHECK", str(uuid7())).split())
    assert (ran.code, is_one_sentence(ran)) == (code, True), ran.err


@pytest.mark.parametrize(
    "words",
    [
        "config show",
        "sources list",
        "sources health",
        "sources test --all",
        "zones locate number=8,street=quai,postcode=00100,city=Valmont",
        "datasets import-roster people LIST --source people",
    ],
)
def test_without_a_configuration_or_a_zone_the_code_is_that_of_wrong_settings(shell: Shell, words: str) -> None:
    ran = shell(*words.replace("LIST", str(shell.write("people.csv", "number\n1\n"))).split())
    assert (ran.code, is_one_sentence(ran)) == (2, True), ran.err


@pytest.mark.parametrize("name", ALL)
def test_examples_use_only_options_that_there_are(name: str) -> None:
    command = ALL[name]
    assert isinstance(command, Command)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for example in command.examples:
        used = {word for word in shlex.split(example) if word.startswith("--")}
        if name == "worker":
            used -= {"--loglevel", "--hostname"}  # Celery's own
        assert used <= known


def test_the_version_is_that_of_the_project(bare_shell: Shell) -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert bare_shell("--version").out == f"jurat {VERSION}\n"


def test_without_a_command_the_help_is_talk_and_not_data(bare_shell: Shell) -> None:
    for words in ([], ["config"]):
        ran = bare_shell(*words)
        assert (ran.code, ran.out) == (2, "")
        assert "Usage: jurat" in ran.err


# ----------------------------------------------------------------------------------------------------------- completion


@pytest.mark.parametrize(
    ("line", "word", "found"),
    [
        ("jurat wo", 1, {"worker"}),
        ("jurat config ", 2, {"lint", "schema", "apply", "diff", "show", "shadow", "withdraw"}),
        ("jurat submit --ans", 2, {"--answer", "--answer-file"}),
    ],
)
def test_the_shell_completes_commands_and_options(bare_shell: Shell, line: str, word: int, found: set[str]) -> None:
    ran = bare_shell(_JURAT_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(word))
    assert {answer.partition(",")[2] for answer in ran.out.split()} == found


def test_the_shell_learns_how_to_complete(bare_shell: Shell) -> None:
    for kind in ("zsh_source", "fish_source"):
        assert "_JURAT_COMPLETE" in bare_shell(_JURAT_COMPLETE=kind).out


# --------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("helth", "did you mean 'health'"),
        ("config lnit", "did you mean 'lint'"),
        ("config apply x.yaml --forse", "--force"),
        ("wait nothing", "a uuid is expected"),
        ("wait", "missing argument 'id'"),
        ("submit budget p\x07 who --field x=y", "printable"),
        ("sources test", "--all"),
        ("worker --slots 0", "1<=x<=1024"),
    ],
)
def test_wrong_usage_is_one_sentence(bare_shell: Shell, words: str, said: str) -> None:
    ran = bare_shell(*words.split())
    assert ran.code == Exit.USAGE
    assert is_one_sentence(ran)
    assert said in ran.err.lower()
    assert "--help`" in ran.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Failure("no.", Exit.UNDETERMINED), Exit.UNDETERMINED, "no."),
        (SchemaMissing("no tables"), Exit.DEPENDENCY, "no tables"),
        (WaitTimeout(uuid7(), 3), Exit.PENDING, "after 3 s"),
        (AlreadyConfirmed("c", "q", uuid7()), Exit.USAGE, "is confirmed already"),
        (FileNotFoundError(2, "No such file or directory", "x.json"), Exit.USAGE, "x.json: No such file"),
        (OperationalError("SELECT 1", {"p": "secret"}, Exception("refused\n\tIs the server running?")), 3, "refused"),
        (DBAPIError("SELECT 1", {}, ValueError("a value of somebody's")), 3, "ValueError"),
        (KeyError("secret"), Exit.FAULT, "KeyError"),
    ],
)
def test_each_error_has_its_exit_code_and_sentence(error: Exception, code: int, said: str) -> None:
    sentences, found = explain(error)
    assert found == code
    assert said in " ".join(sentences)
    assert "secret" not in " ".join(sentences)


def test_what_a_database_says_about_a_value_is_not_told() -> None:
    class Rejected(Exception):
        sqlstate = "22P02"

    sentences, code = explain(DBAPIError("INSERT", {}, Rejected("invalid input: 'Iris Valombre'")))
    assert code == Exit.DEPENDENCY
    assert "Iris" not in sentences[0]
    assert "22P02" in sentences[0]


def test_a_fault_is_one_sentence_and_with_verbose_a_traceback(
    bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise TypeError("p-42 is no number")

    monkeypatch.setattr("worker.health.workers", fail)
    ran = bare_shell("health")
    assert ran.code == Exit.FAULT
    assert is_one_sentence(ran)
    assert "TypeError in " in ran.err
    assert "p-42" not in ran.err
    assert "Traceback" in bare_shell("health", "--verbose").err


@pytest.mark.slow
def test_control_c_ends_a_command_without_a_traceback(postgresql_shell: Shell) -> None:
    shell = configure(postgresql_shell)
    submitted = shell("submit", "budget", "p-1", "who", "--field", "x=accept")
    before = connections(shell.environment["JURAT_DATABASE_URL"])
    with shell.start("wait", submitted.out.strip(), "--timeout", "600") as process:
        while connections(shell.environment["JURAT_DATABASE_URL"]) <= before:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert out == ""
    assert err.strip() == "jurat: interrupted"


def test_control_c_while_a_connection_closes_logs_no_traceback(
    bare_shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    bare_shell("db", "upgrade")
    monkeypatch.setattr(DefaultDialect, "do_close", interrupted)
    for command in (("status", "--access", "budget", "p-1"), ("sources", "list")):
        ran = bare_shell(*command)
        assert ran.code == Exit.INTERRUPTED, ran
        assert ran.err.strip() == "jurat: interrupted"
    assert caplog.records == []


def connections(url: str) -> set[int]:
    """Who is connected to this database of PostgreSQL, but for the one who asks."""
    others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn) as connection:
        return {pid for (pid,) in connection.execute(others)}


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(bare_shell: Shell) -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(str(LAUNCHER))} config schema | head -n 1"],
        cwd=bare_shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == ("{\n", "")


def test_a_terminal_gets_colours_unless_no_color_is_set(bare_shell: Shell) -> None:
    for terminal, no_color, coloured in ((True, "", True), (True, "1", False), (False, "", False)):
        bare_shell.stream = Terminal if terminal else io.TextIOWrapper
        ran = bare_shell("doctor", NO_COLOR=no_color)
        assert ("\x1b[" in ran.out) is coloured


def test_nothing_that_run_is_given_makes_it_raise(bare_shell: Shell) -> None:
    for words in (["\udcff"], ["--", "-"], ["submit"] * 9, ["config", "lint", "\udcff"], [""]):
        assert run(words) == Exit.USAGE
