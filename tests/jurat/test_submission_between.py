"""What somebody else confirms between our look at what stands and our own writing."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import create_engine, make_url

from jurat import (
    AccessRevoked,
    AlreadyConfirmed,
    Check,
    Client,
    InvalidSubmission,
    Outcome,
    Reason,
    Submission,
    savepoint,
    submission,
)
from jurat.ids import uuid7
from tests.jurat import calls
from tests.jurat.consultations import WAYS, Town, execute, plain


@contextlib.contextmanager
def _each_alone(url: str) -> Iterator[Any]:
    """A connection of the driver on which each statement is a transaction of its own."""
    with contextlib.closing(plain(url)) as connection:
        if isinstance(connection, sqlite3.Connection):
            connection.isolation_level = None
        else:
            connection.autocommit = True
        yield connection


@contextlib.contextmanager
def _each_alone_by_sqlalchemy(url: str) -> Iterator[Any]:
    driver = "sqlite" if url.startswith("sqlite") else "postgresql+psycopg"
    engine = create_engine(make_url(url).set(drivername=driver), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


# Where a transaction of SQLite has read, nobody else's commit lets it write any more.
WITHIN = {way: WAYS[way] for way in WAYS if way.startswith("postgresql") or way == "sqlite: sqlite3"}
ALONE = {
    f"{dialect}: {way} alone": opened
    for dialect in ("sqlite", "postgresql")
    for way, opened in (("driver", _each_alone), ("SQLAlchemy", _each_alone_by_sqlalchemy))
}


@pytest.fixture(params=[*WITHIN, *ALONE])
def opened(request: pytest.FixtureRequest) -> Callable[[str], contextlib.AbstractContextManager[Any]]:
    return (WITHIN | ALONE)[request.param]


@pytest.fixture
def town(request: pytest.FixtureRequest) -> Town:
    ways = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    way: str = ways.get("opened", "postgresql")
    town: Town = request.getfixturevalue(f"_{way.partition(':')[0]}_town")
    town.furnish()
    return town


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something happen once, after a submit looked and before it writes."""

    def arrange(happens: Callable[[], object]) -> None:
        really, waiting = savepoint.all_or_nothing, [happens]

        def first(statements: Any) -> Any:
            if waiting:
                waiting.pop()()
            return really(statements)

        monkeypatch.setattr(submission, "all_or_nothing", first)

    return arrange


def confirm(client: Client, town: Town, participant: str, **given: Any) -> Check:
    with town.engine.begin() as connection:
        return client.submit(
            connection,
            **{"consultation": "budget", "participant": participant, "question": "profession", "answer": {}} | given,
        )


def many(*participants: str, **ids: UUID) -> list[Submission]:
    return [Submission("budget", each, "profession", {}, ids.get(each.replace("-", "_"))) for each in participants]


PEOPLE = [f"p-{n}" for n in range(9)]


def test_many_that_meet_another_confirmation_write_nothing(
    opened: Any, town: Town, client: Client, between: Any
) -> None:
    others: list[Check] = []
    between(lambda: others.append(confirm(client, town, "p-7")))
    with opened(town.url) as connection:
        with pytest.raises(AlreadyConfirmed) as raised:
            client.submit_many(connection, many(*PEOPLE))
        execute(connection, "INSERT INTO notes VALUES ('after')")
    assert raised.value.check_id == others[0].id
    assert town.read("SELECT participant FROM jurat_checks") == [("p-7",)]
    assert town.read("SELECT participant FROM jurat_access") == [("p-7",)]
    assert ("after",) in town.read("SELECT body FROM notes")
    with opened(town.url) as connection:
        rest = client.submit_many(connection, many(*PEOPLE[:7]))
    assert [check.created for check in rest] == [True] * 7
    assert town.count("jurat_checks") == 8


def test_who_confirms_the_same_id_at_the_same_moment_gets_the_same_check(
    opened: Any, town: Town, client: Client, between: Any
) -> None:
    given = uuid7()
    between(lambda: confirm(client, town, "p-1", id=given))
    with opened(town.url) as connection:
        checks = client.submit_many(connection, many("p-0", "p-1", "p-2", p_1=given))
    assert [check.created for check in checks] == [True, False, True]
    assert checks[1] == Check(given, "budget", "p-1", "profession", 1, created=False)
    assert town.count("jurat_checks") == 3


@pytest.mark.parametrize("opened", ["sqlite: sqlite3", "postgresql: psycopg"], indirect=True)
def test_an_id_that_another_answer_takes_at_the_same_moment_is_refused(
    opened: Any, town: Town, client: Client, between: Any
) -> None:
    given = uuid7()
    between(lambda: confirm(client, town, "p-1", id=given))
    with opened(town.url) as connection:
        with pytest.raises(InvalidSubmission, match=f"{given} belongs to the check of another answer"):
            client.submit_many(connection, many("p-0", "p-2", p_2=given))
        execute(connection, "INSERT INTO notes VALUES ('after')")
    assert town.read("SELECT participant FROM jurat_checks") == [("p-1",)]


@pytest.mark.parametrize("opened", ["sqlite: sqlite3", "postgresql: psycopg"], indirect=True)
def test_of_several_rounds_the_one_that_was_met_is_told(opened: Any, town: Town, client: Client, between: Any) -> None:
    code: dict[str, Any] = {"question": "code", "answer": {"code": "spring"}}
    first = confirm(client, town, "p-1", **code)
    town.settle(first.id, Outcome.REFUSED, Reason.CODE_UNKNOWN)
    others: list[Check] = []
    between(lambda: others.append(confirm(client, town, "p-1", **code)))
    with opened(town.url) as connection, pytest.raises(AlreadyConfirmed) as raised:
        client.submit(connection, consultation="budget", participant="p-1", **code)
    assert (raised.value.check_id, others[0].round) == (others[0].id, 2)


@pytest.mark.parametrize("opened", WITHIN, indirect=True)
def test_what_was_submitted_first_of_all_goes_with_a_transaction_that_is_rolled_back(
    opened: Any, town: Town, client: Client
) -> None:
    with opened(town.url) as connection:
        client.submit_many(connection, many("p-0", "p-1"))
        connection.rollback()
    assert town.count("jurat_checks") == 0


TRIGGER = """
    CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.participant = 'p-5' THEN RAISE EXCEPTION '{said}'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_one BEFORE INSERT ON jurat_checks FOR EACH ROW EXECUTE FUNCTION refuse_one()"""


@pytest.mark.parametrize("said", ["not on Sundays", "jurat: this one is not taken"])
@pytest.mark.parametrize("opened", [way for way in WAYS if way.startswith("postgresql")], indirect=True)
def test_what_the_database_refuses_leaves_the_transaction_usable(
    opened: Any, town: Town, client: Client, said: str
) -> None:
    town.write(TRIGGER.format(said=said))
    try:
        with opened(town.url) as connection:
            with pytest.raises(Exception, match=said):
                client.submit_many(connection, many(*PEOPLE))
            execute(connection, "INSERT INTO notes VALUES ('after')")
    finally:
        town.write("DROP FUNCTION refuse_one CASCADE")
    assert town.count("jurat_checks") == 0
    assert town.read("SELECT body FROM notes") == [("after",)]


def test_what_the_tables_refuse_now_is_told_as_what_has_changed(town: Town, client: Client, between: Any) -> None:
    """A trigger of the tables may see what was not there when the client looked."""

    def revoke() -> None:
        town.write(
            "INSERT INTO jurat_requests (id, kind, consultation, participant, by_whom, asked_at, applied_at)"
            " VALUES (gen_random_uuid(), 'revoke', 'budget', 'p-5', 'Ada', now(), now())"
        )
        town.write(TRIGGER.format(said="jurat: this one is not taken"))

    between(revoke)
    try:
        with town.engine.begin() as connection:
            with pytest.raises(AccessRevoked):
                client.submit(connection, consultation="budget", participant="p-5", question="profession", answer={})
            execute(connection, "INSERT INTO notes VALUES ('after')")
    finally:
        town.write("DROP FUNCTION refuse_one CASCADE")
    assert town.read("SELECT body FROM notes") == [("after",)]


WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


# -- a second try of the platform's while the first is still open


def _by_client(client: Client, connection: Any, given: UUID) -> tuple[UUID, bool]:
    check = client.submit(
        connection, consultation="budget", participant="p-1", question="profession", answer={}, id=given
    )
    return check.id, check.created


def _among_many(client: Client, connection: Any, given: UUID) -> tuple[UUID, bool]:
    check = client.submit_many(connection, many("p-1", p_1=given))[0]
    return check.id, check.created


def _by_sql(_client: Client, connection: Any, given: UUID) -> tuple[UUID, bool]:
    found, _, created = calls.submit(connection, participant="p-1", id=given)
    return found, created


@pytest.mark.parametrize("submit", [_by_client, _among_many, _by_sql])
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_second_try_under_the_same_id_while_the_first_is_open_gets_the_same_check(
    town: Town, client: Client, level: str, submit: Any
) -> None:
    given, outcomes = uuid7(), list[Any]()

    def try_again() -> None:
        with plain(town.url) as second:
            second.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            try:
                outcomes.append(submit(client, second, given))
            except Exception as error:  # noqa: BLE001 - the test looks at it
                outcomes.append(error)

    with plain(town.url) as first:
        assert submit(client, first, given) == (given, True)
        thread = threading.Thread(target=try_again)
        thread.start()
        _until(lambda: bool(town.read(WAITING)))
        assert outcomes == []
    thread.join(60)
    if level != "READ COMMITTED":  # it sees nothing that was committed since it began
        assert isinstance(outcomes.pop(), psycopg.errors.SerializationFailure)
        try_again()
    assert outcomes == [(given, False)]
    assert town.count("jurat_checks") == 1


@pytest.mark.parametrize("kind", ["contest", "transfer", "erase", "add_codes"])
def test_a_second_try_of_a_request_while_the_first_is_open_is_the_same_request(
    town: Town, client: Client, kind: str
) -> None:
    check, given, outcomes = confirm(client, town, "p-1"), uuid7(), list[Any]()
    town.settle(check.id, Outcome.REFUSED, Reason.STATUS_INACTIVE)
    about = {"consultation": "budget", "participant": "p-1"}

    def ask(connection: Any) -> UUID:
        match kind:
            case "contest":
                return client.contest(connection, check.id, note="It is mine.", id=given)
            case "transfer":
                return client.transfer(connection, **about, target="p-2", by="Ada", id=given)
            case "erase":
                return client.erase(connection, **about, id=given)
            case _:
                return client.add_codes(connection, "spring", ["A1B2"], by="Ada", id=given)

    def try_again() -> None:
        with plain(town.url) as second:
            outcomes.append(ask(second))

    with plain(town.url) as first:
        assert ask(first) == given
        thread = threading.Thread(target=try_again)
        thread.start()
        _until(lambda: bool(town.read(WAITING)))
    thread.join(60)
    assert outcomes == [given]
    assert town.count("jurat_requests") == 1


def _until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end, "it does not come to it"
        time.sleep(0.01)


@pytest.mark.parametrize("opened", ["postgresql: psycopg", "postgresql: driver alone"], indirect=True)
def test_with_a_driver_that_does_not_tell_the_database_is_asked_whether_it_is_in_a_transaction(
    opened: Any, town: Town, client: Client, between: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(savepoint, "psycopg_of", lambda _: None)
    test_many_that_meet_another_confirmation_write_nothing(opened, town, client, between)
