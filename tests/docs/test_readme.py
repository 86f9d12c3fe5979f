"""The README: its table is what the demonstration says, and its blocks work."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from jurat import Outcome, Reason
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases

PAGE = ROOT / "README.md"

_LINE = re.compile(r"^(.+?) +(accepted|refused|undetermined|review) +(\w*?) *\d+ [\d.]+ s$", re.MULTILINE)

WORKER = "bin/jurat worker "
IN_THE_BACKGROUND = "bin/jurat worker > worker.log 2>&1 & : "


@pytest.mark.slow
def test_the_demonstration_says_what_the_table_shows() -> None:
    ran = subprocess.run([ROOT / "bin" / "jurat", "demo", "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    made = {(check["question"], check["outcome"], check["reason"] or "") for check in said["checks"]}
    (shown,) = re.findall(r"^\$ make demo\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = _LINE.findall(shown)
    assert len(lines) == shown.count(" s\n") >= 15
    assert set(lines) <= made
    access = re.findall(r"^(\w+)'s access to \S+: (\w+)$", shown, re.MULTILINE)
    assert dict(access) == said["access"]
    assert f"{len(said['checks'])} of {len(said['checks'])} as expected" in shown


@pytest.fixture
def owner_url(postgresql_server: Databases) -> Iterator[str]:
    """An empty database, for a user who owns it and is nothing more."""
    url = postgresql_server.create()
    with Logins(url) as logins:
        owner = logins.url()
        with plain(url) as connection:
            connection.execute(
                f'ALTER DATABASE "{make_url(url).database}" OWNER TO "{make_url(owner).username}"'.encode()
            )
        yield make_url(owner).set(drivername="postgresql").render_as_string(hide_password=False)
        with plain(url) as connection:
            connection.execute(f'ALTER DATABASE "{make_url(url).database}" OWNER TO CURRENT_USER'.encode())
    postgresql_server.drop(url)


@pytest.mark.slow
def test_the_commands_work_as_they_stand_there(
    terminal: Terminal, owner_url: str, valkey_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a fresh clone, on an empty database. Where the servers are differs, and the worker goes to the background."""
    script = block(PAGE, "sh")
    instead = {
        "postgresql://jurat@localhost/platform": f"'{owner_url}'",
        "redis://localhost:6379/0": f"'{valkey_url}'",
        WORKER: IN_THE_BACKGROUND,
    }
    for theirs, ours in instead.items():
        assert script.count(theirs) == 1
        script = script.replace(theirs, ours)
    first, *script_lines = script.splitlines()
    assert first.startswith("make demo "), "it makes .venv, which is there"
    for command in script_lines:
        code, said = terminal.run(command)
        assert code == 0, said
    seal_key = terminal.run("printenv JURAT_SEAL_KEY")[1].strip()
    given: dict[str, Any] = {
        "engine": create_engine(make_url(owner_url).set(drivername="postgresql+psycopg")),
        "database_url": owner_url,
        "broker_url": valkey_url,
        "seal_key": seal_key,
    }
    exec(compile(block(PAGE, "python"), "README.md", "exec"), given)
    assert capsys.readouterr().out.splitlines()[-1] in ("pending", "incomplete")
    result = given["client"].wait(given["check"].id, timeout=100)
    assert (result.outcome, result.reason) == (Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    assert given["client"].access("budget", "p-42").state == "incomplete", "the code is still to be answered"
    letter = terminal.run("sed -n 1p codes.txt")[1].strip()
    with given["engine"].begin() as connection:
        who = {"consultation": "budget", "participant": "p-42", "question": "code"}
        check = given["client"].submit(connection, **who, answer={"code": letter})
    given["client"].ring()
    assert given["client"].wait(check.id, timeout=100).outcome == Outcome.ACCEPTED
    assert given["client"].access("budget", "p-42").state == "granted"
    given["client"].close()
    given["engine"].dispose()
    log = (terminal.folder / "worker.log").read_text("utf-8")
    assert "Connected to redis://" in log, "the bell rings over the broker"
