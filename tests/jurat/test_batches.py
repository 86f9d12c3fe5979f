from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from jurat import database
from jurat.batches import Statement, begin, commit, run
from jurat.database import bounded, open_engine, preparing

CREATE: Statement = ("CREATE TABLE town (name text PRIMARY KEY, people int CHECK (people > 0))", {})
ALL: Statement = ("SELECT name FROM town ORDER BY name", {})


def add(name: str, people: int = 1) -> Statement:
    return "INSERT INTO town (name, people) VALUES (:name, :people)", {"name": name, "people": people}


@pytest.fixture(params=["sqlite", "postgresql", "listened to", "an old libpq"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine with one connection, on each kind of database, where somebody listens to statements, and where no two
    can be sent together.
    """
    if request.param == "an old libpq":
        monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: False)
        monkeypatch.delattr(psycopg.Connection, "pipeline")
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgresql_url")
    engine = open_engine(url, pool_size=1)
    if request.param == "listened to":
        event.listen(engine, "before_cursor_execute", lambda *_: None)
    with begin(engine, CREATE):
        pass
    yield preparing(bounded(engine))
    engine.dispose()


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Engine]:
    engine = open_engine(postgresql_url, pool_size=1)
    with begin(engine, CREATE):
        pass
    yield preparing(bounded(engine))
    engine.dispose()


def names(engine: Engine) -> list[str]:
    with begin(engine, ALL) as (_, (rows,)):
        return [row[0] for row in rows]


def test_each_statement_sees_what_those_before_it_did_and_gives_its_own_rows(engine: Engine) -> None:
    for round_ in range(4):  # prepared from the second time on
        with begin(engine, ALL, add(f"Valmont {round_}"), ALL) as (connection, found):
            before = [f"Valmont {n}" for n in range(round_)]
            after = [*before, f"Valmont {round_}"]
            assert [[row[0] for row in rows] for rows in found] == [before, [], after]
            assert [[tuple(row) for row in rows] for rows in run(connection, ALL)] == [[(name,) for name in after]]
            assert run(connection) == []
    assert len(names(engine)) == 4


def test_what_fails_undoes_all_and_nothing_after_it_runs(engine: Engine) -> None:
    for statements in ([add("Valmont")], [add("Valmont"), add("Dunes", -1), add("Rive")]):
        with pytest.raises(IntegrityError) as caught, begin(engine, add("Valmont")) as (connection, _):
            run(connection, *statements)
        assert not caught.value.connection_invalidated
        assert names(engine) == []
    with pytest.raises(IntegrityError), begin(engine, add("Valmont"), add("Valmont")):
        pytest.fail("it has not begun")
    assert names(engine) == []


def test_an_error_of_the_caller_s_undoes_all(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), begin(engine, add("Valmont")):
        raise ZeroDivisionError
    assert names(engine) == []


def test_what_is_committed_with_the_last_statements_stands(engine: Engine) -> None:
    with begin(engine, add("Valmont")) as (connection, _):
        commit(connection, add("Dunes"), add("Rive"))
    with begin(engine) as (connection, found):
        assert found == []
        commit(connection)
    assert names(engine) == ["Dunes", "Rive", "Valmont"]


def test_last_statements_that_fail_are_not_committed(engine: Engine) -> None:
    with pytest.raises(IntegrityError), begin(engine, add("Valmont")) as (connection, _):
        commit(connection, add("Dunes"), add("Rive", -1))
    assert names(engine) == []


def test_the_commit_goes_the_same_way_as_the_last_statement(postgresql: Engine, postgresql_url: str) -> None:
    other = open_engine(postgresql_url)
    with begin(postgresql) as (connection, _):
        commit(connection, add("Valmont"))
        assert names(other) == ["Valmont"], "before the block ends"
    other.dispose()


def test_a_commit_that_fails_raises_and_leaves_nothing(postgresql: Engine) -> None:
    with begin(postgresql, ("ALTER TABLE town ADD UNIQUE (people) DEFERRABLE INITIALLY DEFERRED", {})):
        pass
    with pytest.raises(IntegrityError), begin(postgresql, add("Valmont")) as (connection, _):
        commit(connection, add("Dunes"))
    assert names(postgresql) == []


def test_a_value_that_cannot_be_stored_is_an_error_of_its_data(postgresql: Engine) -> None:
    cast = "SELECT CAST(:value AS jsonb)"
    for value in ('{"a": "\\u0000"}', "\0", "{"):
        with pytest.raises(DataError), begin(postgresql, add("Valmont")) as (connection, _):
            run(connection, (cast, {"value": '"good"'}), (cast, {"value": value}))
        assert names(postgresql) == []


def test_what_holds_for_a_transaction_holds_from_its_first_statement_on(postgresql: Engine) -> None:
    show: list[Statement] = [(f"SHOW {name}", {}) for name in ("lock_timeout", "statement_timeout", "plan_cache_mode")]
    for _ in range(3):
        with begin(postgresql, *show) as (_, found):
            assert [rows[0][0] for rows in found] == ["3s", "10s", "force_generic_plan"]
    with postgresql.execution_options(jurat_bounded=False, jurat_prepares=False).begin() as connection:
        assert [rows[0][0] for rows in run(connection, *show)] == ["0", "0", "auto"]


def test_a_sign_of_the_driver_s_in_a_statement_stands_for_itself(engine: Engine) -> None:
    like = "SELECT count(*) FROM town WHERE name LIKE 'V%' AND name <> :name"
    with begin(engine, add("Valmont"), (like, {"name": "Dunes"}), (like.replace(":name", "'%'"), {})) as (_, found):
        assert [rows[0][0] for rows in found[1:]] == [1, 1]


def cut(url: str) -> None:
    other = open_engine(url)
    end = "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity"
    where = "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    with begin(other, (f"{end} {where}", {})):
        pass
    other.dispose()


def test_a_connection_that_was_cut_while_it_was_idle_is_replaced(postgresql: Engine, postgresql_url: str) -> None:
    pid: Statement = ("SELECT pg_backend_pid()", {})
    with begin(postgresql, pid) as (_, before):
        pass
    cut(postgresql_url)
    with begin(postgresql, pid) as (_, after):
        assert before != after


def test_a_connection_that_is_cut_inside_a_transaction_fails_it(postgresql: Engine, postgresql_url: str) -> None:
    for last in (run, commit):

        def work(last: Callable[..., object] = last) -> None:
            with begin(postgresql, add("Valmont")) as (connection, _):
                cut(postgresql_url)
                last(connection, add("Dunes"), ALL)

        with pytest.raises(OperationalError) as caught:
            work()
        assert caught.value.connection_invalidated
        assert names(postgresql) == []


def test_a_statement_that_no_longer_fits_its_tables_gets_a_new_connection(
    postgresql: Engine, postgresql_url: str
) -> None:
    read: Statement = ("SELECT people FROM town", {})
    with begin(postgresql, add("Valmont", 7)):
        pass
    for _ in range(3):
        with begin(postgresql, read):
            pass
    other = open_engine(postgresql_url)
    with begin(other, ("ALTER TABLE town DROP CONSTRAINT town_people_check, ALTER people TYPE text", {})):
        pass
    other.dispose()
    with begin(postgresql, read) as (_, (rows,)):
        assert rows == [("7",)], "the transaction had not begun"
    with begin(postgresql, read) as (_, (rows,)):
        assert rows == [("7",)]


def test_whoever_listens_sees_each_statement(postgresql_url: str) -> None:
    engine, seen = open_engine(postgresql_url), []
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    with begin(engine, CREATE, add("Valmont")) as (connection, _):
        commit(connection, ALL)
    assert [statement.split()[0] for statement in seen] == ["BEGIN", "CREATE", "INSERT", "SELECT"]
    engine.dispose()


@pytest.mark.slow
def test_a_transaction_whose_end_never_arrives_gives_its_row_locks_back(
    postgresql: Engine, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its statements are sent one by one: a connection that is cut, or a process that is stopped, between two of them
    leaves PostgreSQL in the middle of a message, where neither idle transactions nor statements are bounded.
    """
    monkeypatch.setitem(database._BOUND_OF_ALL, "transaction_timeout", 700)
    for name in database._BOUNDS:
        monkeypatch.setitem(database._BOUNDS, name, 100)
    lock: Statement = ("SELECT name FROM town FOR UPDATE", {})
    with begin(postgresql, add("Valmont")):
        pass
    second = open_engine(postgresql_url)

    def stand_still() -> None:
        with begin(postgresql, ("SELECT 1", {})) as (standing, _):
            raw: Any = standing.connection.dbapi_connection
            with suppress(psycopg.OperationalError), raw.pipeline():
                assert raw.execute(lock[0]).fetchall() == [("Valmont",)]
                raw.execute(lock[0])  # whose rows nobody asks for, and no end follows
                with begin(second, ("SET LOCAL lock_timeout = '60s'", {}), lock) as (_, found):
                    assert len(found[1]) == 1
            run(standing, lock)

    with pytest.raises(OperationalError) as caught:
        stand_still()
    assert caught.value.connection_invalidated
    second.dispose()


def test_they_go_one_by_one_where_nothing_bounds_a_transaction_as_a_whole(
    postgresql: Engine, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent_together(engine: Engine) -> int:
        pipelines: list[object] = []
        with monkeypatch.context() as patched:
            patched.setattr("jurat.batches.travel", lambda *sent: pipelines.append(sent))
            with begin(engine) as (connection, _):
                run(connection, ALL, ALL)
        return len(pipelines)

    unbounded = open_engine(postgresql_url)
    assert (sent_together(postgresql), sent_together(unbounded)) == (1, 0)
    unbounded.dispose()
    monkeypatch.setattr(database, "_HAS_BOUND_OF_ALL", 999_999)
    old = open_engine(postgresql_url)
    assert sent_together(bounded(old)) == 0
    with begin(bounded(old), ("SHOW transaction_timeout", {})) as (_, found):
        assert found == [[("0",)]]
    old.dispose()
