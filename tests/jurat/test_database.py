from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from jurat import Client, UnknownCheck, database
from jurat.batches import Statement, begin, commit, run
from jurat.database import bounded, is_away, open_engine, parse_url, preparing, reader
from jurat.errors import ConfigurationError
from jurat.ids import uuid7
from tests.rigs.servers import Databases


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    """An engine with one connection, as behind a pooler: whatever a transaction leaves there, the next one meets."""
    engine = open_engine(postgresql_url, pool_size=1)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("place", "host", "port"),
    [
        ("h1,h2", "h1,h2", ","),
        ("u:p@h1:5432,h2:5433", "h1,h2", "5432,5433"),
        ("u@h1,h2:5433", "h1,h2", ",5433"),
        ("u:a%2Fb,c@h1,h2", "h1,h2", ","),
        ("u@[::1]:5432,h2", "::1,h2", "5432,"),
    ],
)
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_several_hosts_are_taken_as_libpq_takes_them(scheme: str, place: str, host: str, port: str) -> None:
    url = parse_url(f"{scheme}://{place}/town?target_session_attrs=read-write")
    engine = open_engine(url.render_as_string(hide_password=False))
    given = engine.dialect.create_connect_args(engine.url)[1]
    assert (given["host"], given["port"], given["dbname"]) == (host, port, "town")
    assert given["target_session_attrs"] == "read-write"
    assert conninfo_to_dict(f"postgresql://{place}/town")["host"] == host
    engine.dispose()


@pytest.mark.parametrize("password", ["a,b", "a/b,c", "a,b/c"])
def test_a_comma_in_a_password_makes_no_second_host(password: str) -> None:
    url = parse_url(f"postgresql://u:{password}@h/town")
    assert (url.password, url.host) == (password, "h")


@pytest.mark.parametrize("place", ["u:se@cret@h", "u:se/c@ret@h", "u/se:cret@h", "u:se@c,ret@h"])
def test_a_part_of_a_password_is_never_taken_for_a_host(place: str) -> None:
    with pytest.raises(ConfigurationError, match="write @ as %40, / as %2F") as caught:
        parse_url(f"postgresql://{place}/town")
    assert "cret" not in str(caught.value)


def test_a_database_that_takes_no_writes_is_away_and_its_connections_go(engine: Engine) -> None:
    """Also where one is read-only by itself: with several hosts another may be the primary by now."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE town (name text)"))
    writes: list[Statement] = [("SELECT 1", {}), ("INSERT INTO town VALUES ('Valmont')", {})]
    for each in (engine, bounded(engine), preparing(bounded(engine))):
        before = ask(each, "SELECT pg_backend_pid()")
        with each.connect() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            with pytest.raises(DBAPIError) as caught:
                run(connection, *writes)
        assert is_away(caught.value)
        assert caught.value.connection_invalidated
        assert ask(each, "SELECT pg_backend_pid()") != before


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "LATIN9", "WIN1252"])
def test_a_database_that_cannot_hold_every_text_is_refused_in_a_sentence(
    postgresql_server: Databases, encoding: str
) -> None:
    maintenance = open_engine(postgresql_server.url).execution_options(isolation_level="AUTOCOMMIT")
    name = f"encoded_{uuid7().hex}"
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"))
    url = str(make_url(postgresql_server.url).set(database=name))
    engine = open_engine(url)
    with pytest.raises(OperationalError, match=f"the database has the encoding {encoding}, .* ENCODING 'UTF8'"):
        ask(engine)
    engine.dispose()
    with closing(Client(url, None)) as client, pytest.raises(OperationalError, match=encoding):
        client.access("budget", "p-1")
    with maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    maintenance.dispose()


def bound(engine: Engine) -> dict[str, str]:
    names = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout", "transaction_timeout")
    with engine.begin() as connection:
        return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in names}


def test_the_bounds_of_a_transaction_end_with_it(engine: Engine) -> None:
    assert bound(bounded(engine)) == {
        "idle_in_transaction_session_timeout": "5s",
        "lock_timeout": "3s",
        "statement_timeout": "10s",
        "transaction_timeout": "12s",
    }
    assert set(bound(engine).values()) == {"0"}
    assert (ask(bounded(engine), "SHOW jit"), ask(engine, "SHOW jit")) == ("off", "on")


@pytest.mark.slow
def test_a_transaction_that_stands_still_gives_its_row_locks_back(engine: Engine, postgresql_url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE town (name text)"))
        connection.execute(text("INSERT INTO town VALUES ('Valmont')"))
    lock = text("SELECT name FROM town FOR UPDATE")
    second = open_engine(postgresql_url)
    with closing(bounded(engine).connect()) as standing, second.begin() as other:
        standing.begin()
        standing.execute(lock)
        other.execute(text("SET LOCAL lock_timeout = '60s'"))
        begun = time.monotonic()
        other.execute(lock)  # would wait for hours
        assert time.monotonic() - begun > 2
        with pytest.raises(DBAPIError) as caught:
            standing.execute(lock)
        assert caught.value.connection_invalidated
    second.dispose()


def ask(engine: Engine, sql: str = "SELECT 1") -> object:
    with engine.begin() as connection:
        return connection.execute(text(sql)).scalar()


def plans(engine: Engine) -> list[tuple[str, int]]:
    """What is prepared on the connection, and how often PostgreSQL ran it by a plan that it had."""
    with engine.begin() as connection:
        found = connection.execute(text("SELECT statement, generic_plans FROM pg_prepared_statements"))
        return [(row[0], row[1]) for row in found if "pg_prepared_statements" not in row[0]]


def end_sessions(url: str) -> None:
    """Cut every connection to the database but the one that does it, and wait until their processes are gone."""
    other = open_engine(url)
    ask(
        other,
        "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    other.dispose()


def test_a_connection_that_was_cut_while_it_was_idle_is_replaced(engine: Engine, postgresql_url: str) -> None:
    for each in (engine, bounded(engine), preparing(bounded(engine))):
        before = ask(each, "SELECT pg_backend_pid()")
        end_sessions(postgresql_url)
        assert ask(each, "SELECT pg_backend_pid()") != before


def test_a_client_reads_on_when_its_connection_was_cut(postgresql_url: str) -> None:
    with closing(Client(postgresql_url)) as client:
        for _ in range(2):
            with pytest.raises(UnknownCheck):
                client.result(uuid7())
            end_sessions(postgresql_url)


def test_a_client_takes_several_hosts(postgresql_url: str) -> None:
    url = make_url(postgresql_url)
    several = f"postgresql://{url.username}@127.0.0.1:1,{url.host}:{url.port}/{url.database}"
    with closing(Client(several)) as client, pytest.raises(UnknownCheck):
        client.result(uuid7())


def test_a_connection_that_is_cut_inside_a_transaction_fails_it(engine: Engine, postgresql_url: str) -> None:
    """What was done in it is lost, so it must not go on elsewhere."""
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE town (name text)"))
        end_sessions(postgresql_url)
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
    assert ask(engine, "SELECT to_regclass('town')") is None


def test_a_transaction_is_undone_as_a_whole_and_kept_as_a_whole(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE town (name text)"))
        connection.execute(text("INSERT INTO town VALUES ('Valmont')"))
    with pytest.raises(DBAPIError):
        ask(engine, "WITH gone AS (DELETE FROM town RETURNING 1) SELECT 1 / (count(*) - 1) FROM gone")
    with engine.connect() as connection:
        connection.execute(text("DELETE FROM town"))
    assert ask(engine, "SELECT count(*) FROM town") == 1


def test_what_runs_all_the_time_is_planned_once_and_everything_else_each_time(engine: Engine) -> None:
    often = preparing(bounded(engine))
    for _ in range(4):
        ask(often, "SELECT 2")
        ask(engine, "SELECT 3")
        ask(bounded(engine), "SELECT 4")
    assert plans(engine) == [("SELECT 2", 3)]
    assert ask(bounded(engine), "SHOW plan_cache_mode") == "auto", "for those transactions alone"


def test_a_plan_is_made_anew_after_a_while(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made for an empty table; nothing tells PostgreSQL that it is full now."""
    monkeypatch.setattr(database, "_PLANS_LAST", 0.0)
    often = preparing(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE town AS SELECT n FROM generate_series(1, 10) AS n"))
        connection.execute(text("CREATE INDEX town_n ON town (n)"))
        connection.execute(text("ALTER TABLE town SET (autovacuum_enabled = off)"))
    one = "SELECT count(*) FROM town WHERE n = 7"
    for _ in range(3):
        ask(often, one)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO town SELECT n FROM generate_series(11, 50000) AS n"))
    name = ask(engine, f"SELECT name FROM pg_prepared_statements WHERE statement = '{one}'")
    ask(often)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        plan = "".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}"))
    assert "town_n" in plan


def test_a_statement_that_no_longer_fits_its_tables_gets_a_new_connection(engine: Engine, postgresql_url: str) -> None:
    often = preparing(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE town AS SELECT 1 AS n"))
    for _ in range(3):
        ask(often, "SELECT n FROM town")
    other = open_engine(postgresql_url)
    with other.begin() as connection:
        connection.execute(text("ALTER TABLE town ALTER n TYPE text"))
    other.dispose()
    with pytest.raises(DBAPIError) as caught:
        ask(often, "SELECT n FROM town")
    assert caught.value.connection_invalidated
    assert ask(often, "SELECT n FROM town") == "1"


def test_behind_a_pooler_nothing_is_prepared_and_the_bounds_hold(pooled_url: str) -> None:
    """Its connections to PostgreSQL are everybody's: what is prepared there is another one's, or gone the next time."""
    engines = [open_engine(pooled_url, pool_size=1) for _ in range(3)]
    for _ in range(5):
        for each in engines:
            ask(preparing(bounded(each)), "SELECT 2")
    for each in engines:
        with begin(preparing(bounded(each)), ("SELECT 3", {}), ("SHOW lock_timeout", {})) as (connection, found):
            assert found == [[(3,)], [("3s",)]]
            commit(connection, ("SELECT 4", {}))
    assert plans(engines[0]) == []
    assert bound(bounded(engines[1]))["statement_timeout"] == "10s"
    assert bound(engines[2])["statement_timeout"] == "0"
    for each in engines:
        each.dispose()


def test_sqlite_keeps_what_was_committed_and_nothing_deleted_however_the_driver_was_built(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's driver writes each commit through and overwrites what is deleted. Others do not: ours says so."""

    class Careless(sqlite3.Connection):
        def __init__(self, *arguments: Any, **values: Any) -> None:
            super().__init__(*arguments, **values)
            for pragma in ("synchronous=OFF", "foreign_keys=OFF", "busy_timeout=0", "secure_delete=OFF"):
                self.execute(f"PRAGMA {pragma}").close()

    monkeypatch.setattr(sqlite3.dbapi2, "connect", functools.partial(sqlite3.connect, factory=Careless))
    engine = open_engine(sqlite_url)
    for each in (reader(engine), engine):
        with each.begin() as connection:
            set_to = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("synchronous", "foreign_keys", "busy_timeout", "journal_mode", "secure_delete")
            ]
        assert set_to == [2, 1, 5000, "wal", 1]
    engine.dispose()
