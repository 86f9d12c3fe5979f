"""How to connect a platform: every block runs, on both engines where both are spoken of."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox
from sqlalchemy import create_engine, make_url, text
from structlog.testing import capture_logs

from config.lint import lint
from config.settings import read_settings
from jurat.candidates import seal_candidates
from jurat.ids import uuid7
from jurat.messages import message_for
from jurat.seal import generate, key_id, key_to_text
from store.configurations.publisher import ConfigPublisher
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal
from tests.migrations.next_version import one_release_later
from tests.rigs.servers import Databases
from worker.bootstrap import engine_on
from worker.service import open_service

PAGE = ROOT / "docs" / "platforms" / "connect-a-platform.md"
CONTRACT = ROOT / "docs" / "reference" / "contract.md"
PATIENCE = 60.0
"""Seconds for a verdict that a quick machine gives at once."""

SUBMITS = {"SQLAlchemy": "with engine.begin", "psycopg": "psycopg.connect", "sqlite3": "sqlite3.connect"}


@dataclass
class Platform:
    """A database with the page's configuration and a worker's engine; `names` are those that its blocks expect."""

    url: str
    names: dict[str, Any]
    public_key: bytes

    def run(self, holding: str) -> None:
        """Run one of the page's Python blocks."""
        exec(compile(block(PAGE, "python", holding), PAGE.name, "exec"), self.names)

    def sql(self, holding: str, **values: Any) -> list[dict[str, Any]] | int:
        """Run one of the pages' SQL blocks as a driver would: the rows of a SELECT, else the number of rows."""
        (sql,) = (each.text for page in (PAGE, CONTRACT) for each in blocks(page, "sql") if holding in each.text)
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.names["database_file"])) as connection, connection:
                return _rows(connection.execute(sql, values))
        with psycopg.connect(self.names["database_url"]) as other:
            return _rows(other.execute(re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql).encode(), values))


def _rows(cursor: Any) -> list[dict[str, Any]] | int:
    if cursor.description is None:
        return int(cursor.rowcount)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(params=["this release", pytest.param("the next release", marks=pytest.mark.slow)])
def platform(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    """On the schema of this release, and on one with more columns, tables and functions than the page knows."""
    private, public = generate()
    monkeypatch.setenv("JURAT_DATABASE_URL", database_url)
    monkeypatch.setenv("JURAT_UNSEAL_KEYS", key_to_text(private))
    service = open_service(read_settings())
    (tmp_path / "jurat.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    configuration = lint([tmp_path / "jurat.yaml"]).configuration
    assert configuration is not None
    ConfigPublisher(service.database).apply(configuration, "an administrator")
    worker = engine_on(service, slots=2)
    url = make_url(database_url)
    in_a_file = url.get_backend_name() == "sqlite"
    names: dict[str, Any] = {
        "database_url": url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False),
        "database_file": url.database,
        "engine": create_engine(url if in_a_file else url.set(drivername="postgresql+psycopg")),
    }
    monkeypatch.setenv("JURAT_DATABASE_URL", names["database_url"])
    monkeypatch.setenv("JURAT_SEAL_KEY", key_to_text(public))
    made = Platform(url=database_url, names=names, public_key=public)
    made.run("Client(")
    if request.param == "the next release":
        one_release_later(database_url)
    with capture_logs():
        worker.start()
        yield made
        assert worker.stop(PATIENCE)
    names["client"].close()
    names["engine"].dispose()
    service.close()


def _kinds(platform: Platform) -> list[str]:
    other = "psycopg" if platform.url.startswith("sqlite") else "sqlite3"
    return [name for name in SUBMITS if name != other]


@pytest.mark.slow
def test_every_kind_of_connection_gets_a_verdict(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in _kinds(platform):
        platform.run(SUBMITS[kind])
        settled = platform.names["client"].wait(platform.names["check"].id, timeout=PATIENCE)
        assert settled.outcome == "accepted", kind
        platform.run("client.result(")
        assert "accepted Le registre confirme votre réponse." in capsys.readouterr().out, kind
        assert platform.names["access"].open == ["profession"], kind


@pytest.mark.slow
def test_a_page_shows_all_that_stands(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    names = platform.names
    with names["engine"].begin() as connection:
        check = names["client"].submit(
            connection, consultation="budget", participant="p-1", question="residence", answer={"street": "refuse"}
        )
    names["client"].wait(check.id, timeout=PATIENCE)
    platform.run("client.participant_status(")
    assert capsys.readouterr().out.splitlines() == [
        f"residence refused {message_for('status_inactive', 'de')}",
        f"profession open {message_for('state.open', 'de')}",
        f"{message_for('access.incomplete', 'de')} Write to participation@valmont.example",
        "ask again in 0 ms",
    ]
    platform.run("client.state_message(")
    assert capsys.readouterr().out.splitlines() == [
        "Le registre ne vous connaît plus. Passez à la mairie avec votre carte.",
        f"{message_for('state.review', 'fr')} Write to participation@valmont.example",
    ]


@pytest.mark.slow
def test_any_language_shows_all_that_stands_with_one_statement(platform: Platform) -> None:
    who = {"consultation": "budget", "participant": "p-12"}
    for row in _list(platform.sql("q.messages", **who)):
        assert [row[name] for name in ("access", "questions", "check_id", "state", "reason")] == [None] * 5
    names = platform.names
    with names["engine"].begin() as connection:
        check = names["client"].submit(connection, **who, question="residence", answer={"street": "refuse"})
    names["client"].wait(check.id, timeout=PATIENCE)
    residence, profession = _list(platform.sql("q.messages", **who))
    assert (residence["question"], str(residence["check_id"])) == ("residence", str(check.id))
    assert (residence["outcome"], residence["reason"], residence["next_poll_ms"]) == ("refused", "status_inactive", 0)
    assert _json(residence["questions"])["residence"] == residence["outcome"]
    assert set(_json(residence["messages"])["status_inactive"]) == {"fr"}
    assert (profession["question"], profession["check_id"]) == ("profession", None)
    assert _json(profession["contact"]) == {"und": "Write to participation@valmont.example"}


@pytest.mark.slow
def test_the_addresses_that_may_be_meant_are_shown(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.run("reply_key=reply_key")
    names = platform.names
    names["client"].wait(names["check"].id, timeout=PATIENCE)
    platform.run("client.candidates(")
    assert capsys.readouterr().out == "", "its source is sure"
    offered = [{**names["answer"], "city": city} for city in ("Valmont", "Port-Valmont")]
    kept = "UPDATE jurat_checks SET candidates = :sealed, candidates_until = '9999-12-31 00:00:00.000'"
    with names["engine"].begin() as connection:  # as a worker does
        connection.execute(text(kept), {"sealed": seal_candidates(offered, names["reply_key"])})
    platform.run("client.candidates(")
    assert capsys.readouterr().out.splitlines() == [
        "6 Rue des Tanneurs 99001 Valmont",
        "6 Rue des Tanneurs 99001 Port-Valmont",
    ]
    alone = [{"street": "Rue des Tanneurs", "city_code": "99901"}]
    with names["engine"].begin() as connection:
        connection.execute(text(kept), {"sealed": seal_candidates(alone, names["reply_key"])})
    platform.run("client.candidates(")
    assert capsys.readouterr().out == "Rue des Tanneurs 99901\n", "what is not known is missing"


def _submitted(
    platform: Platform, who: Mapping[str, str], round_: int, words: Mapping[str, str], reply_key: bytes | None = None
) -> tuple[UUID, Any]:
    """The id of an answer that the page's INSERT writes, and how many rows it wrote."""
    identifier = uuid7()
    row = {
        "id": str(identifier),
        "question": "residence",
        "round": round_,
        "answer": SealedBox(PublicKey(platform.public_key)).encrypt(json.dumps(words).encode()),
        "answer_key": key_id(platform.public_key),
        "reply_key": reply_key,
    }
    engine = "strftime" if platform.url.startswith("sqlite") else "make_interval"
    return identifier, platform.sql(engine, **who, **row)


@pytest.mark.slow
def test_any_language_submits_and_polls_with_sql_alone(platform: Platform) -> None:
    who = {"consultation": "budget", "participant": "p-9"}
    submit = partial(_submitted, platform, who)
    assert platform.sql("c.round DESC", question="residence", **who) == []
    refused, written = submit(1, {"street": "refuse"})
    assert written == 1
    assert submit(1, {"street": "accept"})[1] == 0
    client = platform.names["client"]
    assert client.wait(refused, timeout=PATIENCE).outcome == "refused"
    (polled,) = _list(platform.sql("jurat_results WHERE check_id", id=str(refused)))
    assert polled == {"state": "settled", "outcome": "refused", "reason": "status_inactive", "next_poll_ms": 0}
    (state,) = _list(platform.sql("c.round DESC", question="residence", **who))
    assert (str(state["id"]), state["round"], state["state"]) == (str(refused), 1, "settled")
    assert _json(state["rounds_left"])["residence"] == 1
    assert _json(state["questions"]) == {"residence": "refused", "profession": "open"}
    accepted, _ = submit(2, {"street": "accept"})
    assert client.wait(accepted, timeout=PATIENCE).outcome == "accepted"
    (access,) = _list(platform.sql("SELECT access, questions", **who))
    assert access["access"] == "incomplete"
    assert _json(access["questions"])["residence"] == "accepted"


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_any_language_submits_by_one_call_on_postgresql(platform: Platform) -> None:
    who = {"consultation": "budget", "participant": "p-11", "question": "residence"}
    sealed = SealedBox(PublicKey(platform.public_key)).encrypt(b'{"street": "refuse"}')
    row = {**who, "answer": sealed, "answer_key": key_id(platform.public_key), "reply_key": None}
    client = platform.names["client"]
    rounds = []
    for _ in range(2):
        (made,) = _list(platform.sql("jurat_submit", **row, id=None))
        rounds.append((made["round"], made["created"]))
        assert client.wait(made["check_id"], timeout=PATIENCE).outcome == "refused"
        (again,) = _list(platform.sql("jurat_submit", **row, id=made["check_id"]))
        assert again == {**made, "created": False}
    assert rounds == [(1, True), (2, True)]
    with pytest.raises(psycopg.Error) as raised:
        platform.sql("jurat_submit", **row, id=None)
    assert raised.value.sqlstate == "JU003"


def test_any_language_reads_the_addresses_that_may_be_meant_with_sql_alone(platform: Platform) -> None:
    private = PrivateKey.generate()
    who = {"consultation": "budget", "participant": "p-10"}
    check, written = _submitted(platform, who, 1, {"street": "accept"}, bytes(private.public_key))
    assert written == 1
    assert platform.names["client"].wait(check, timeout=PATIENCE).settled
    assert platform.sql("candidates_until", id=str(check)) == [], "its source is sure"
    offered = [{"street": "Rue des Tanneurs", "city": "Valmont"}, {"street": "Rue des Tannées", "city": "Valmont"}]

    def keep(until: str) -> None:  # as a worker does, for the key that the INSERT stored
        with platform.names["engine"].begin() as connection:
            (key,) = connection.execute(text("SELECT reply_key FROM jurat_checks")).scalars()
            kept = text(f"UPDATE jurat_checks SET candidates = :sealed, candidates_until = '{until}'")
            connection.execute(kept, {"sealed": seal_candidates(offered, bytes(key))})

    keep("9999-12-31 00:00:00.000")
    (row,) = _list(platform.sql("candidates_until", id=str(check)))
    assert json.loads(SealedBox(private).decrypt(bytes(row["candidates"])).decode()) == offered
    assert str(row["candidates_until"]).startswith("9999-12-31")
    keep("2000-01-01 00:00:00.000")
    assert platform.sql("candidates_until", id=str(check)) == [], "its time is over"


def _list(rows: list[dict[str, Any]] | int) -> list[dict[str, Any]]:
    assert isinstance(rows, list)
    return rows


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def test_the_form_is_reported_in_order(platform: Platform) -> None:
    form = _list(platform.sql("ORDER BY position", consultation="budget"))
    assert [question["question"] for question in form] == ["residence", "profession"]
    assert _json(form[0]["title"]) == {"en": "Where do you live?"}
    assert _json(form[0]["contact"]) == {"und": "Write to participation@valmont.example"}


def test_two_lines_let_a_platform_on_sqlite_wait_for_its_turn(sqlite_url: str) -> None:
    pragma, begin = (line for line in block(PAGE, "sql", "busy_timeout").splitlines() if line)
    with closing(sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)) as connection:
        connection.execute(pragma)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        connection.execute(begin)
        assert connection.in_transaction


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_platform_works_with_the_rights_that_the_page_grants(platform: Platform) -> None:
    role = f"platform_{secrets.token_hex(4)}"
    grants = block(PAGE, "sql", "GRANT").replace("TO platform", f"TO {role}")
    submit = block(PAGE, "python", SUBMITS["psycopg"]).replace(
        "as connection:\n", f'as connection:\n    connection.execute("SET ROLE {role}")\n'
    )
    with psycopg.connect(platform.names["database_url"]) as admin:
        admin.execute(f"CREATE ROLE {role}".encode())
        admin.execute(grants.encode())
    try:
        exec(compile(submit, PAGE.name, "exec"), platform.names)
        assert platform.names["client"].wait(platform.names["check"].id, timeout=PATIENCE).outcome == "accepted"
        with psycopg.connect(platform.names["database_url"]) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM jurat_verdicts")
    finally:
        with psycopg.connect(platform.names["database_url"]) as admin:
            admin.execute(f"DROP OWNED BY {role}".encode())
            admin.execute(f"DROP ROLE {role}".encode())


def test_every_block_is_run_by_one_of_these_tests() -> None:
    assert (len(blocks(PAGE, "python")), len(blocks(PAGE, "sql")), len(blocks(PAGE, "sh"))) == (11, 9, 2)
    assert len(blocks(CONTRACT, "sql")) == 3


DJANGO = """\
import sys
import django
from django.conf import settings
(file,) = sys.argv[1:]
options = {"transaction_mode": "IMMEDIATE", "timeout": 5}
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": options}})
django.setup()
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_django_gets_a_verdict(tmp_path: Path, platform: Platform) -> None:
    libraries = tmp_path / "libraries"
    tool = ["uv", "pip"] if shutil.which("uv") else [sys.executable, "-m", "pip"]
    python = ["--python", sys.executable] if shutil.which("uv") else []
    brought = _ran(*tool, "install", "--quiet", *python, "--target", libraries, "django>=5.2,<5.3")
    assert brought.returncode == 0, brought.stderr
    script = (DJANGO, block(PAGE, "python", "Client("), block(PAGE, "python", "django.db"), "print(check.id)")
    (tmp_path / "try.py").write_text("\n".join(script), "utf-8")
    file = platform.names["database_file"]
    ran = _ran(sys.executable, "-W", "error", tmp_path / "try.py", file, PYTHONPATH=f"{libraries}:{ROOT}")
    assert ran.returncode == 0, ran.stderr
    assert platform.names["client"].wait(UUID(ran.stdout.strip()), timeout=PATIENCE).outcome == "accepted"


STARLETTE = """\
import asyncio
import sys
import httpx
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async_engine = create_async_engine(sys.argv[1])
"""

ASKED = """\
async def confirm_by_session(request):
    given = {"consultation": "budget", "participant": "p-7", "question": "residence", "answer": answer}
    async with AsyncSession(async_engine) as session, session.begin():
        check = await session.run_sync(client.submit, **given)
    return JSONResponse({"id": str(check.id)})

async def confirm_many(request):
    given = {"consultation": "budget", "question": "profession", "answer": answer}
    async with async_engine.begin() as connection:
        checks = await connection.run_sync(client.submit_many, [{**given, "participant": f"q-{n}"} for n in range(9)])
    return JSONResponse({"id": str(checks[-1].id)})

async def main():
    views = (confirm, confirm_by_session, confirm_many)
    posted = [Route(f"/{view.__name__}", view, methods=["POST"]) for view in views]
    app = Starlette(routes=[*posted, Route("/state/{id}", state)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://platform") as browser:
        for route in posted:
            made = await browser.post(route.path)
            while (seen := (await browser.get("/state/" + made.json()["id"])).json())["state"] != "settled":
                await asyncio.sleep(0.01)
            print(seen["outcome"])
    await async_engine.dispose()

asyncio.run(main())
client.close()
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_asynchronous_platform_gets_verdicts(tmp_path: Path, platform: Platform) -> None:
    libraries = tmp_path / "libraries"
    tool = ["uv", "pip"] if shutil.which("uv") else [sys.executable, "-m", "pip"]
    python = ["--python", sys.executable] if shutil.which("uv") else []
    needed = ("starlette>=0.50", "httpx>=0.28", "greenlet>=3")  # the last is what sqlalchemy[asyncio] brings
    brought = _ran(*tool, "install", "--quiet", *python, "--target", libraries, *needed)
    assert brought.returncode == 0, brought.stderr
    script = (STARLETTE, block(PAGE, "python", "Client("), block(PAGE, "python", "run_sync"), ASKED)
    (tmp_path / "try.py").write_text("\n".join(script), "utf-8")
    url = make_url(platform.url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    ran = _ran(sys.executable, "-W", "error", tmp_path / "try.py", url, PYTHONPATH=f"{libraries}:{ROOT}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["accepted"] * 3


NEWCOMERS = {"SQLAlchemy": "import sqlalchemy\nengine = sqlalchemy.create_engine(URL)", "psycopg": ""}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_newcomer_gets_verdicts_by_what_stands_on_the_page(terminal: Terminal, postgresql_server: Databases) -> None:
    url = make_url(postgresql_server.create())
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    (terminal.folder / "jurat.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    wheel = f'{sys.executable} -m hatchling build -t wheel -d "$OLDPWD/dist"'
    environment = {
        "make demo": ":",
        "make wheel": f"(cd {ROOT} && {wheel})",
        "postgresql://postgres@localhost/valmont": plain,
        "--wait 30": "--wait 100",
    }
    for each in blocks(PAGE, "sh"):
        terminal.run_block(each, environment)
    for kind, before in NEWCOMERS.items():
        first = before.replace("URL", repr(url.render_as_string(hide_password=False)))
        client, submit, poll = (block(PAGE, "python", part) for part in ("Client(", SUBMITS[kind], "client.result("))
        script = (first, client, submit, f"client.wait(check.id, timeout={PATIENCE})", poll)
        (terminal.folder / "try.py").write_text("\n".join(script), "utf-8")
        code, said = terminal.run("platform/bin/python -W error try.py")
        assert code == 0, said
        assert "accepted Le registre confirme votre réponse." in said
        assert "['profession']" in said
    code, said = terminal.run("kill %1; wait %1")
    assert code == 0, said
    postgresql_server.drop(url.render_as_string(hide_password=False))


def _ran(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
