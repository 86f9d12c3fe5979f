"""An upgrade while somebody else uses the database: it waits for nobody for long, and says who stands in its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from jurat.database import open_engine
from store.schema import migrations
from store.schema.migrations import UpgradeBlocked, upgrade
from store.schema.status import SchemaStatus, schema_status
from tests.cli.conftest import bare_shell
from tests.cli.shell import Shell, is_one_sentence
from tests.migrations.later import become_later
from tests.rigs.servers import Databases

__all__ = ["bare_shell"]

SECRETS = "'confidential ''1''', E'it\\'s confidential', $x$confidential$x$, 4711 /* confidential */ -- confidential"


@pytest.fixture
def behind(postgresql_server: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database that is behind, by a step that changes tables that are read."""
    url = postgresql_server.create()
    engine = open_engine(url)
    upgrade(engine)
    become_later(monkeypatch, tmp_path / "later")
    yield engine
    engine.dispose()
    postgresql_server.drop(url)


@contextmanager
def reader(engine: Engine, *statements: str) -> Iterator[psycopg.Connection]:
    """Somebody whose transaction stays open after these statements, as that of a backup does."""
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, application_name="nightly-backup") as connection:
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


@pytest.mark.slow
def test_a_second_upgrade_says_that_another_is_under_way(behind: Engine) -> None:
    said: list[str] = []
    with reader(behind, f"SELECT pg_advisory_xact_lock({migrations._LOCK})") as connection:
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
