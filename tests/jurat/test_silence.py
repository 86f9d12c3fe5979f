from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jurat import Client, ConfigurationError
from jurat.batches import begin
from jurat.database import bounded, is_away, open_engine
from jurat.ids import uuid7
from tests.jurat.consultations import ADDRESS, Town, plain
from tests.rigs.servers import NoServer, PostgreSQL

DEADLINE = 0.5
LONG = 60.0
"""Seconds that a test waits for what never comes without the deadline."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server of our own, to be stopped in its tracks."""
    try:
        with PostgreSQL() as server:
            yield server
    except NoServer as error:
        pytest.skip(str(error))


@pytest.fixture
def town(server: PostgreSQL) -> Iterator[Town]:
    from store.schema.migrations import upgrade

    url = server.databases.create()
    town = Town(url)
    upgrade(town.engine)
    town.furnish()
    yield town
    server.resume()
    town.close()


def seconds_until_given_up(action: Any) -> float:
    """How long `action` takes to raise that the database is away. A hang is no end of the test."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    begun = time.monotonic()
    thread.start()
    thread.join(LONG)
    took = time.monotonic() - begun
    assert not thread.is_alive(), "it hangs"
    (error,) = raised
    assert isinstance(error, OperationalError | psycopg.OperationalError), error
    assert "has not answered" in str(error) or "timeout" in str(error), error
    return took


def submit(client: Client, connection: Any, participant: str = "p-42") -> UUID:
    given = {"consultation": "budget", "question": "residence", "answer": ADDRESS}
    return client.submit(connection, participant=participant, **given).id  # type: ignore[arg-type]


@pytest.mark.slow
def test_reading_gives_up_on_a_server_that_hangs_and_reads_on_when_it_answers(
    server: PostgreSQL, town: Town, seal_key: str
) -> None:
    with closing(Client(town.url, seal_key=seal_key, deadline=DEADLINE)) as client:
        with town.engine.begin() as connection:
            check = submit(client, connection)
        assert client.result(check).check_id == check
        for read in (
            lambda: client.result(check),  # on a connection that was open
            lambda: client.result(check),  # on a new one
            lambda: client.participant_status("budget", "p-42"),
        ):
            server.pause()
            assert seconds_until_given_up(read) < LONG / 2
            server.resume()
        assert client.result(check).check_id == check
        assert client._engine is not None
        assert "Current Checked out connections: 0" in client._engine.pool.status()


@pytest.mark.slow
def test_who_waits_for_a_free_connection_gives_up_as_well(server: PostgreSQL, town: Town) -> None:
    with closing(Client(town.url, deadline=DEADLINE)) as client:
        with pytest.raises(Exception, match="there is no check"):
            client.result(uuid7())
        server.pause()
        raised: list[Exception] = []

        def read() -> None:
            try:
                client.result(uuid7())
            except Exception as error:  # noqa: BLE001 - the test looks at it
                raised.append(error)

        threads = [threading.Thread(target=read, daemon=True) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
        server.resume()
        assert len(raised) == 30
        assert all(map(is_away, raised))
        with pytest.raises(Exception, match="there is no check"):
            client.result(uuid7())


def _with_engine(town: Town) -> Iterator[Any]:
    engine = create_engine(town.engine.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _with_session(town: Town) -> Iterator[Any]:
    for connection in _with_engine(town):
        with Session(connection) as session:
            yield session


def _with_psycopg(town: Town) -> Iterator[Any]:
    with closing(plain(town.url)) as connection:
        yield connection


@pytest.mark.slow
@pytest.mark.parametrize("way", [_with_engine, _with_session, _with_psycopg])
def test_a_submit_gives_up_on_a_server_that_hangs(server: PostgreSQL, town: Town, seal_key: str, way: Any) -> None:
    with closing(Client(town.url, seal_key=seal_key, deadline=DEADLINE)) as client:
        opened = way(town)
        connection = next(opened)
        submit(client, connection)
        server.pause()
        assert seconds_until_given_up(lambda: submit(client, connection, "p-43")) < LONG / 2
        server.resume()
        connection.close()
    assert town.count("jurat_checks") == 0, "the transaction went with its connection"


@pytest.mark.slow
def test_a_submit_leaves_the_platforms_own_statements_as_patient_as_they_were(town: Town, seal_key: str) -> None:
    with closing(Client(town.url, seal_key=seal_key, deadline=DEADLINE)) as client, plain(town.url) as connection:
        submit(client, connection)
        assert "wait" not in vars(connection)
        assert connection.execute(f"SELECT 1 FROM pg_sleep({3 * DEADLINE})").fetchone() == (1,)


@pytest.mark.slow
def test_a_connection_that_is_limited_by_its_engine_stays_so(town: Town, seal_key: str) -> None:
    engine = open_engine(town.url, deadline=LONG)
    with closing(Client(town.url, seal_key=seal_key, deadline=DEADLINE)) as client, engine.begin() as connection:
        raw: Any = connection.connection.dbapi_connection
        before = vars(raw)["wait"]
        submit(client, connection)
        assert vars(raw)["wait"] is before
        connection.rollback()
    engine.dispose()


@pytest.mark.slow
def test_a_connection_that_waits_in_its_own_way_goes_on_to(town: Town, seal_key: str) -> None:
    waited: list[object] = []

    class Patient(psycopg.Connection[Any]):
        def wait(self, gen: Any, *arguments: Any, **values: Any) -> Any:
            waited.append(gen)
            return super().wait(gen, *arguments, **values)

    url = town.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(Client(town.url, seal_key=seal_key)) as client, Patient.connect(url) as connection:
        before = len(waited)
        submit(client, connection)
        assert len(waited) > before
        connection.rollback()


def test_a_slow_answer_that_keeps_coming_is_no_silence(town: Town) -> None:
    engine = open_engine(town.url, deadline=DEADLINE)
    slowly = "SELECT repeat('x', 20000) FROM generate_series(1, 15), LATERAL (SELECT pg_sleep(0.1)) AS s"
    with engine.begin() as connection:
        assert len(connection.execute(text(slowly)).all()) == 15
    engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("prepare", [lambda engine: engine, bounded], ids=["one by one", "together"])
def test_a_transaction_gives_up_wherever_it_is(server: PostgreSQL, town: Town, prepare: Any) -> None:
    engine: Engine = open_engine(town.url, deadline=DEADLINE)
    with begin(prepare(engine), ("SELECT 1", {}), ("SELECT 2", {})) as (_, found):
        assert found == [[(1,)], [(2,)]]

    def stop_within() -> None:
        with begin(prepare(engine), ("SELECT 1", {})) as (connection, _):
            server.pause()
            connection.execute(text("SELECT 2"))

    def stop_at_the_end() -> None:
        with begin(prepare(engine), ("SELECT 1", {})):
            server.pause()

    for hangs in (stop_within, stop_at_the_end):
        assert seconds_until_given_up(hangs) < LONG / 2
        server.resume()
    _ask(prepare(engine))
    server.pause()
    assert seconds_until_given_up(lambda: _ask(prepare(engine))) < LONG / 2
    server.resume()
    engine.dispose()


def _ask(engine: Engine) -> None:
    with begin(engine, ("SELECT 1", {}), ("SELECT 2", {})):
        pass


def test_without_a_deadline_nothing_is_limited(town: Town) -> None:
    with closing(Client(town.url, deadline=None)) as client:
        opened: list[Any] = []
        event.listen(client._engine, "connect", lambda raw, _: opened.append(raw))
        client.zones()
        assert "wait" not in vars(opened[0])


@pytest.mark.parametrize("deadline", [0, -1, "10", True, float("nan"), float("inf"), []], ids=repr)
def test_a_deadline_is_a_number_of_seconds(deadline: Any) -> None:
    with pytest.raises(ConfigurationError, match="deadline must be a number of seconds above 0"):
        Client(deadline=deadline)
