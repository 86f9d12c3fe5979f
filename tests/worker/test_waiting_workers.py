"""Worker processes whose database will not do: each says why in its log, once, and waits for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from sqlalchemy import make_url, text

from jurat.database import open_engine
from jurat.seal import key_to_text
from store.schema.migrations import upgrade
from tests.rigs.servers import NoServer, PostgreSQL
from tests.rigs.standby import Standby
from tests.rigs.workers import Worker
from tests.store.desk import HASH_KEY, PRIVATE_KEY, PUBLIC_KEY, Desk
from tests.worker.engine.works import soon
from worker import health

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

KEYS = {
    "JURAT_BROKER_URL": "none",
    "JURAT_UNSEAL_KEYS": key_to_text(PRIVATE_KEY),
    "JURAT_SEAL_KEY": key_to_text(PUBLIC_KEY),
    "JURAT_HASH_KEYS": key_to_text(HASH_KEY),
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server for these tests alone, on which one user has a password."""
    try:
        made = PostgreSQL(settings={"synchronous_commit": "on"})
    except NoServer as error:
        pytest.skip(str(error))
    with made:
        rules = made._data / "pg_hba.conf"
        rules.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        administer(made, "CREATE ROLE guarded LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()")
        yield made


def administer(server: PostgreSQL, *statements: str, database: str = "postgres") -> None:
    url = make_url(server.url).set(drivername="postgresql", database=database).render_as_string()
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        for statement in statements:
            connection.execute(statement)


@contextlib.contextmanager
def working(**settings: str) -> Iterator[Worker]:
    """A worker process that starts whatever its database says, and ends when it is asked to."""
    with Worker({**KEYS, **settings}, "--concurrency", "2") as worker:
        yield worker
        assert worker.exit_code is None, worker.log
        assert worker.stop() == 0


def assert_said_once(worker: Worker, event: str, *words: str) -> None:
    assert worker.says(event), worker.log
    said = [line for line in worker.log.splitlines() if event in line]
    assert len(said) == 1, "a sentence a minute for all threads together"
    for word in (*words, "look='bin/jurat worker --check'"):
        assert word in said[0]
    assert "Traceback" not in worker.log
    assert "confidential" not in worker.log


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("guarded:confidential@127.0.0.1:{port}/postgres", ("authentication failed", "correct user and password")),
        ("u:confidential@no-such-host.invalid:{port}/x", ("no-such-host.invalid", "correct the host")),
        ("postgres:confidential@127.0.0.1:{port}/missing", ("does not exist", "correct its name")),
        ("u:confidential@127.0.0.1:1/x", ("refused", "start it, or correct JURAT_DATABASE_URL")),
    ],
    ids=["password", "host", "name", "down"],
)  # fmt: skip
def test_a_worker_says_why_it_cannot_reach_its_database(server: PostgreSQL, place: str, words: tuple[str, ...]) -> None:
    with working(JURAT_DATABASE_URL=f"postgresql://{place.format(port=server.port)}") as worker:
        assert_said_once(worker, "database away", *words)


def test_a_worker_says_which_option_of_its_url_is_none(server: PostgreSQL) -> None:
    url = f"postgresql://postgres@127.0.0.1:{server.port}/postgres?pasword=confidential"
    with working(JURAT_DATABASE_URL=url) as worker:
        assert_said_once(worker, "database unusable", 'option "pasword"', "correct what follows the ?")


def test_a_worker_without_tables_makes_none_and_begins_when_they_are_there(server: PostgreSQL) -> None:
    url = server.databases.create()
    engine = open_engine(url)
    with working(JURAT_DATABASE_URL=url) as worker:
        assert_said_once(worker, "database unusable", "has no jurat tables", "run `bin/jurat db upgrade`")
        with engine.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM pg_class WHERE relname LIKE 'jurat%'")).scalar() == 0
        upgrade(engine)
        desk = Desk(url)
        check = desk.submit()
        assert soon(lambda: desk.verdicts(check.id) != [])
        assert worker.says("database back")
        desk.close()
    engine.dispose()


def test_a_worker_on_a_schema_of_before_the_first_release_says_so(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE jurat_alembic_version SET version_num = '0028'"))
    engine.dispose()
    with working(JURAT_DATABASE_URL=postgresql_url) as worker:
        assert worker.says("the schema is of a version of jurat that was never released")
        assert worker.says("no configuration was applied")
        assert worker.log.count("run `bin/jurat db upgrade`") == 1


@pytest.mark.parametrize("settings", [{}, {"JURAT_DATABASE_URL": "sqlite:///jurat.db"}], ids=["unset", "missing"])
def test_a_worker_makes_no_database_file(settings: Mapping[str, str]) -> None:
    with working(**settings) as worker:
        assert_said_once(worker, "database away", "there is no database", "run `bin/jurat db upgrade`")
        assert ("JURAT_DATABASE_URL is not set" in worker.log) != bool(settings)
        assert list(worker.folder.glob("jurat.db*")) == []


@pytest.mark.faults
def test_workers_follow_the_primary_to_another_host(server: PostgreSQL) -> None:
    """The old primary lives on and takes no writes: where no one tells, workers would wait there for ever."""
    url = server.databases.create()
    name = str(make_url(url).database)
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    desk = Desk(url)
    with Standby(server) as standby:
        hosts = f"127.0.0.1:{server.port},127.0.0.1:{standby.port}"
        both = f"postgresql://postgres@{hosts}/{name}?target_session_attrs=read-write"
        with working(JURAT_DATABASE_URL=both) as worker:
            first = desk.submit("p-1")
            assert soon(lambda: desk.verdicts(first.id) != [])
            standby.promote()
            administer(server, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
            moved = Desk(make_url(standby.url).set(database=name).render_as_string())
            second = moved.submit("p-2")
            assert soon(lambda: moved.verdicts(second.id) != [])
            assert worker.says("database back")
            assert "Traceback" not in worker.log
            moved.close()
        desk.close()
        administer(server, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


def test_a_standby_counts_as_away_and_its_workers_as_not_ready(server: PostgreSQL) -> None:
    url = server.databases.create()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    with Standby(server) as standby:  # a copy of what is there now
        theirs = make_url(standby.url).set(database=make_url(url).database).render_as_string()
        with working(JURAT_DATABASE_URL=theirs) as worker:
            assert_said_once(worker, "database away", "read-only", "target_session_attrs=read-write")
            why = f"worker {worker.pid} does not reach the database, or may not write there"
            assert soon(lambda: [beat.unready for beat in health.workers(worker.folder)] == [why])


@pytest.mark.faults
def test_a_worker_outlives_a_database_that_hangs(server: PostgreSQL) -> None:
    """It waited for the server to answer until its own watchdog ended it."""
    url = server.databases.create()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    desk = Desk(url)
    with working(JURAT_DATABASE_URL=url) as worker:
        assert worker.says("configuration taken")
        server.pause()
        assert_said_once(worker, "database away", "look whether it hangs")
        server.resume()
        check = desk.submit()
        assert soon(lambda: desk.verdicts(check.id) != [])
        assert worker.says("database back")
    desk.close()
