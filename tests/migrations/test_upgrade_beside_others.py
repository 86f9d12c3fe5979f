"""An upgrade while somebody else uses the database: it waits for nobody for long, and says who stands in its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, make_url, text
from sqlalchemy.exc import IntegrityError

from jurat.database import open_engine
from store.schema import blockers, migrations
from store.schema.migrations import UpgradeBlocked, upgrade
from store.schema.status import SchemaStatus, schema_status
from tests.cli.conftest import bare_shell
from tests.cli.shell import Shell, is_one_sentence
from tests.migrations.catalogue import catalogue, differences
from tests.migrations.later import CHANGES, become_later
from tests.rigs.servers import Databases

__all__ = ["bare_shell"]

STATEMENTS = [step for change in CHANGES["postgresql"].values() for step in change.steps]

SECRETS = "'confidential ''1''', E'it\\'s confidential', $x$confidential$x$, 4711 /* confidential */ -- confidential"


@pytest.fixture
def behind(postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database that is behind, by a step that changes tables that are read."""
    engine = open_engine(postgresql_url)
    become_later(monkeypatch, tmp_path / "later")
    yield engine
    engine.dispose()


@pytest.fixture
def beside(behind: Engine, postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[Engine]:
    """Another one that is as far behind."""
    url = postgresql_server.create(template=_migrated_postgresql)
    engine = open_engine(url)
    yield engine
    engine.dispose()
    postgresql_server.drop(url)


def plain_url(engine: Engine) -> str:
    return make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def reader(engine: Engine, *statements: str) -> Iterator[psycopg.Connection]:
    """Somebody whose transaction stays open after these statements, as that of a backup does."""
    with psycopg.connect(plain_url(engine), application_name="nightly-backup") as connection:
        for statement in statements or (every_table(engine), f"SELECT {SECRETS}"):
            connection.execute(statement.encode())
        connection.execute(
            "SELECT pg_sleep(2.1)"
        )  # only who holds a lock for longer than a migration waits is in its way
        connection.execute(f"SELECT 'done', {SECRETS}".encode())
        yield connection


def every_table(engine: Engine) -> str:
    with engine.begin() as connection:
        names = connection.execute(
            text("SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relname LIKE 'jurat%'")
        )
        return "; ".join(f"SELECT count(*) FROM {name}" for (name,) in names)


def stands(engine: Engine) -> SchemaStatus:
    with engine.begin() as connection:
        return schema_status(connection)


@pytest.mark.slow
def test_an_upgrade_beside_a_reader_lets_others_go_on_and_says_who_is_in_its_way(behind: Engine) -> None:
    said: list[str] = []
    rests: list[float] = []
    other = open_engine(behind.url.render_as_string(hide_password=False))
    with reader(behind) as connection:
        pid = connection.info.backend_pid

        def rest(seconds: float) -> None:
            rests.append(seconds)
            with other.begin() as polls:  # as a platform does: nothing of the upgrade may stand before it now
                polls.execute(text("SET LOCAL lock_timeout = '1ms'"))
                assert polls.execute(text("SELECT count(*) FROM jurat_results")).scalar() == 0
            if len(rests) == 2:
                connection.rollback()

        upgrade(behind, said.append, sleep=rest)
    other.dispose()
    assert stands(behind) is SchemaStatus.CURRENT
    assert rests == [2.0, 4.0]
    assert len(said) == 2
    for words in (
        f"process {pid} of the user postgres",
        "application nightly-backup",
        "since 20",
        "its last query is `SELECT ?",
    ):
        assert words in said[0]
    assert said[0].endswith("`; it tries again in 2 s")
    assert "confidential" not in said[0]
    assert "4711" not in said[0]


@pytest.mark.slow
def test_an_upgrade_gives_up_after_five_minutes_and_the_next_goes_on(behind: Engine) -> None:
    now = [0.0]
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        now[0] += seconds + 61

    with (
        reader(behind),
        pytest.raises(UpgradeBlocked, match=r"gave up: .* holds a lock; .*; end that, and"),
    ):
        upgrade(behind, clock=lambda: now[0], sleep=rest)
    assert rests == [2.0, 4.0, 8.0, 16.0]
    assert stands(behind) is SchemaStatus.BEHIND
    upgrade(behind)
    assert stands(behind) is SchemaStatus.CURRENT


class Killed(BaseException):
    """What ends this process, as far as the upgrade can tell."""


def kill_at(engine: Engine, statement: int, *, done: bool) -> None:
    """Upgrade, and end at a statement of the migration: before the server does it, or when it is `done`."""
    steps, left = [" ".join(each.split()) for each in STATEMENTS], [statement]

    def end(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if " ".join(text.split()) in steps:
            left[0] -= 1
            if left[0] < 0:
                raise Killed

    moment = "after_cursor_execute" if done else "before_cursor_execute"
    event.listen(engine, moment, end)
    with pytest.raises(Killed):
        upgrade(engine)
    event.remove(engine, moment, end)


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("statement", range(len(STATEMENTS)))
def test_an_upgrade_that_ended_at_any_statement_goes_on(
    behind: Engine, beside: Engine, statement: int, done: bool
) -> None:
    kill_at(behind, statement, done=done)
    assert stands(behind) is SchemaStatus.BEHIND
    for engine in (behind, beside):
        upgrade(engine)
    with behind.begin() as one, beside.begin() as other:
        assert differences(catalogue(one), catalogue(other)) == []


def test_an_index_that_was_not_completed_is_made_again(behind: Engine) -> None:
    with behind.begin() as connection:
        connection.execute(
            text("INSERT INTO jurat_pauses VALUES ('s', now(), now(), 'why'), ('t', now(), now(), 'why')")
        )
    with behind.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, pytest.raises(IntegrityError):
        connection.execute(text("CREATE UNIQUE INDEX CONCURRENTLY jurat_pauses_until ON jurat_pauses (until)"))
    with behind.begin() as connection:
        assert connection.scalar(text(migrations._INVALID), {"name": "jurat_pauses_until"})
    upgrade(behind)
    with behind.begin() as connection:
        assert connection.scalar(text(migrations._INVALID), {"name": "jurat_pauses_until"}) is False
        assert "UNIQUE" not in connection.scalar(text("SELECT pg_get_indexdef('jurat_pauses_until'::regclass)"))


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = 'repeatable read'",
        "default_transaction_isolation = 'serializable'",
        "statement_timeout = '1s'",
        "lock_timeout = '1ms'",
    ],
)
def test_what_the_database_sets_for_all_spoils_no_upgrade(
    behind: Engine, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blockers, "LOOKS_EVERY", 0.2)
    monkeypatch.setattr(migrations, "PATIENCE", 1.0)
    with behind.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {behind.url.database} SET {setting}"))
    behind.dispose()
    upgrade(behind)
    assert stands(behind) is SchemaStatus.CURRENT


@pytest.mark.parametrize(
    "query", [r"INSERT INTO t VALUES ('C:\', 'Jane Doe')", "SELECT 1 /* a /* b */ Jane Doe */", "SELECT 'Jane Doe"]
)
def test_whoever_is_in_the_way_shows_no_one_s_words(query: str) -> None:
    row = SimpleNamespace(pid=1, usename="u", application_name="", state="active", since=None, query=query)
    assert "Jane" not in blockers._sentence([row])


@contextmanager
def writer_before_the_index(engine: Engine) -> Iterator[psycopg.Connection]:
    """Somebody whose transaction writes just before an index is built, and stays open."""
    with psycopg.connect(plain_url(engine), application_name="importer") as connection:

        def write(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith("CREATE INDEX"):
                connection.execute("DELETE FROM jurat_pauses WHERE source = 'confidential'")

        event.listen(engine, "before_cursor_execute", write)
        yield connection
        event.remove(engine, "before_cursor_execute", write)


@pytest.mark.slow
def test_an_index_waits_for_a_writer_says_so_and_holds_up_no_one(behind: Engine) -> None:
    said: list[str] = []
    with writer_before_the_index(behind) as writer:

        def say(sentence: str) -> None:
            said.append(sentence)
            with behind.begin() as other:
                other.execute(text("INSERT INTO jurat_pauses VALUES ('s', now(), now(), 'why')"))
            writer.rollback()

        upgrade(behind, say)
    assert len(said) == 1
    assert "application importer" in said[0]
    assert "`DELETE FROM jurat_pauses WHERE source = ?`" in said[0]
    assert stands(behind) is SchemaStatus.CURRENT


@pytest.mark.slow
def test_an_index_that_waits_too_long_is_given_up_and_made_by_the_next(
    behind: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blockers, "LOOKS_EVERY", 0.2)
    monkeypatch.setattr(migrations, "PATIENCE", 1.0)
    with writer_before_the_index(behind), pytest.raises(UpgradeBlocked, match=r"gave up: .*application importer"):
        upgrade(behind)
    assert stands(behind) is SchemaStatus.BEHIND
    upgrade(behind)
    assert stands(behind) is SchemaStatus.CURRENT
    with behind.begin() as connection:
        assert connection.scalar(text(migrations._INVALID), {"name": "jurat_pauses_until"}) is False


@pytest.mark.slow
def test_a_second_upgrade_says_that_another_is_under_way(behind: Engine) -> None:
    said: list[str] = []
    with reader(behind, f"SELECT pg_advisory_xact_lock({blockers.LOCK})") as connection:
        upgrade(behind, said.append, sleep=lambda _: connection.rollback())
        assert len(said) == 1
        assert f"process {connection.info.backend_pid} of the user postgres" in said[0]
    assert stands(behind) is SchemaStatus.CURRENT


@pytest.mark.slow
def test_the_command_ends_with_a_sentence(behind: Engine, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_shell.environment["JURAT_DATABASE_URL"] = behind.url.render_as_string(hide_password=False)
    monkeypatch.setattr(migrations, "PATIENCE", 1.0)
    with reader(behind):
        ran = bare_shell("db", "upgrade")
    assert ran.code == 3
    assert is_one_sentence(ran)
    assert "application nightly-backup" in ran.err
    assert "confidential" not in ran.err
    assert bare_shell("db", "upgrade").code == 0
