from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, ProgrammingError

from jurat import (
    Access,
    AccessState,
    Check,
    Client,
    ConfigurationError,
    Outcome,
    QuestionState,
    Reason,
    SchemaMissing,
    State,
    UnknownCheck,
    UnknownConsultation,
    WaitTimeout,
)
from jurat.ids import uuid7
from tests.conftest import ENGINES
from tests.jurat.consultations import ADDRESS, Town, plain
from tests.rigs.servers import Databases

PASSWORD = "correct-horse"


def submit(client: Client, town: Town, participant: str = "p-42", **changed: Any) -> Check:
    given = {"consultation": "budget", "question": "residence", "answer": ADDRESS} | changed
    with town.engine.begin() as connection:
        return client.submit(connection, participant=participant, **given)


# -- results


def test_a_result_follows_the_check_from_submit_to_verdict(client: Client, town: Town) -> None:
    check = submit(client, town)
    waiting = client.result(check.id)
    assert (waiting.check_id, waiting.consultation, waiting.participant, waiting.question) == (
        check.id,
        "budget",
        "p-42",
        "residence",
    )
    assert (waiting.state, waiting.outcome, waiting.reason, waiting.revision, waiting.decided_at) == (
        State.PENDING,
        None,
        None,
        None,
        None,
    )
    assert (waiting.settled, waiting.next_poll_ms) == (False, 500)
    town.settle(check.id, Outcome.ACCEPTED, Reason.INSIDE_ZONE)
    decided = client.result(check.id)
    assert (decided.state, decided.outcome, decided.reason, decided.revision, decided.next_poll_ms) == (
        State.SETTLED,
        Outcome.ACCEPTED,
        Reason.INSIDE_ZONE,
        1,
        0,
    )
    assert decided.settled
    assert decided.decided_at is not None
    assert decided.decided_at.tzinfo is UTC
    assert abs((datetime.now(UTC) - decided.decided_at).total_seconds()) < 60


def test_results_come_in_the_order_that_was_asked_for_without_unknown_ones(client: Client, town: Town) -> None:
    checks = [submit(client, town, f"p-{n}") for n in range(5)]
    wanted = [checks[3].id, uuid7(), checks[0].id, checks[3].id]
    assert [result.check_id for result in client.results(wanted)] == [checks[3].id, checks[0].id, checks[3].id]
    assert client.results([]) == []
    assert client.results([uuid7()]) == []


@pytest.mark.slow
def test_results_of_three_thousand_checks_are_one_query(client: Client, town: Town) -> None:
    many = [
        {"consultation": "budget", "participant": f"p-{n}", "question": "residence", "answer": ADDRESS}
        for n in range(3000)
    ]
    with town.engine.begin() as connection:
        checks = client.submit_many(connection, many)
    asked: list[str] = []
    event.listen(client._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    results = client.results([check.id for check in checks])
    assert [result.participant for result in results] == [f"p-{n}" for n in range(3000)]
    assert sum("jurat_results" in sql for sql in asked) == 1


def test_an_unknown_check_says_what_may_have_happened(client: Client) -> None:
    with pytest.raises(UnknownCheck, match="was the transaction that submitted it committed"):
        client.result(uuid7())


def test_a_result_is_not_there_before_the_commit(client: Client, town: Town) -> None:
    with town.engine.begin() as connection:
        check = client.submit(connection, consultation="budget", participant="p", question="residence", answer=ADDRESS)
        with pytest.raises(UnknownCheck):
            client.result(check.id)
    assert client.result(check.id).state is State.PENDING


def test_reading_waits_for_no_writer(client: Client, town: Town) -> None:
    check = submit(client, town)
    with contextlib.closing(plain(town.url)) as writer:
        writer.execute("UPDATE jurat_checks SET lookups = 1")
        assert client.result(check.id).state is State.PENDING
        assert client.access("budget", "p-42").state is AccessState.PENDING
        writer.rollback()


# -- access


def test_access_before_the_first_answer_is_the_whole_form(client: Client) -> None:
    access = client.access("budget", "nobody-yet")
    assert access.state is AccessState.INCOMPLETE
    assert list(access.questions.items()) == [
        ("residence", QuestionState.OPEN),
        ("profession", QuestionState.OPEN),
        ("code", QuestionState.OPEN),
    ]
    assert access.rounds_left == {"residence": 1, "profession": 1, "code": 3}
    assert access.open == ["residence", "profession", "code"]


def test_access_has_a_question_that_was_published_after_the_first_answer(client: Client, town: Town) -> None:
    submit(client, town)
    town.ask("budget", "age", position=0, rounds=2)
    access = client.access("budget", "p-42")
    assert list(access.questions) == ["age", "residence", "profession", "code"]
    assert (access.questions["age"], access.rounds_left["age"]) == (QuestionState.OPEN, 2)
    assert access.open == ["age", "profession", "code"]


@pytest.mark.parametrize("decided", ["granted", "blocked"])
def test_another_answer_takes_nothing_away_that_was_decided(client: Client, town: Town, decided: str) -> None:
    submit(client, town)
    town.write("UPDATE jurat_access SET access = :decided", decided=decided)
    submit(client, town, question="code", answer={"code": "spring"})
    access = client.access("budget", "p-42")
    assert (access.state, access.questions["code"], access.rounds_left["code"]) == (decided, QuestionState.PENDING, 2)


def test_the_access_of_two_participants_and_two_consultations_are_apart(client: Client, town: Town) -> None:
    submit(client, town, "p-1")
    submit(client, town, "p-2", question="code", answer={"code": "spring"})
    submit(client, town, "p-1", consultation="budget-2027")
    assert client.access("budget", "p-1").open == ["profession", "code"]
    assert client.access("budget", "p-2").open == ["residence", "profession"]
    assert client.access("budget-2027", "p-1").questions == {"residence": "pending"}
    assert client.access("budget-2027", "p-2").open == ["residence"]


def test_access_to_an_unknown_consultation_comes_with_a_proposal(client: Client) -> None:
    with pytest.raises(UnknownConsultation, match="did you mean 'budget-2027'"):
        client.access("budget-2028", "p-42")


def test_a_question_under_way_or_accepted_is_not_open() -> None:
    states = dict(zip("abcdef", QuestionState, strict=True))
    access = Access(AccessState.PENDING, states, dict.fromkeys("abcdef", 1) | {"e": 0})
    assert list(states.values()) == ["open", "pending", "review", "accepted", "refused", "undetermined"]
    assert access.open == ["a", "f"]


# -- waiting


def test_wait_gives_the_verdict_when_it_comes(client: Client, town: Town) -> None:
    check = submit(client, town)
    town.write("INSERT INTO jurat_sources (name, poll_ms) VALUES ('towns', 20)")
    later = threading.Timer(0.2, town.settle, [check.id, Outcome.REFUSED, Reason.OUTSIDE_ZONE])
    started = time.monotonic()
    later.start()
    result = client.wait(check.id, timeout=60)
    assert (result.outcome, result.reason) == (Outcome.REFUSED, Reason.OUTSIDE_ZONE)
    assert time.monotonic() - started >= 0.2
    later.join()


def test_wait_ends_where_a_person_must_look(client: Client, town: Town) -> None:
    check = submit(client, town)
    town.write("UPDATE jurat_checks SET state = 'review'")
    assert client.wait(check.id, timeout=60).state is State.REVIEW


def test_wait_gives_up_in_time_and_says_that_the_check_goes_on(client: Client, town: Town) -> None:
    check = submit(client, town)
    started = time.monotonic()
    with pytest.raises(WaitTimeout, match=r"no verdict after 0\.3 s; it goes on, ask again later") as caught:
        client.wait(check.id, timeout=0.3)
    assert 0.3 <= time.monotonic() - started < 30
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(UnknownCheck):
        client.wait(UUID(int=0))


# -- a client that cannot work


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://jurat:{PASSWORD}@db/jurat",
        f"postgresql://jurat:{PASSWORD}@db:port/jurat",
        f"jurat:{PASSWORD}@db",
        f"://{PASSWORD}",
        "nonsense",
    ],
)
def test_a_bad_database_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"the database URL .*expected postgresql://… or sqlite:///…"
    ) as caught:
        Client(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        f"http://jurat:{PASSWORD}@broker",
        f"valkey://jurat:{PASSWORD}@broker",
        f"redis://jurat:{PASSWORD}@broker:port/0",
        "redis://:12/" + PASSWORD + "@broker:6379/0",
        "redis://:p/" + PASSWORD + "@broker:6379/0",
        PASSWORD,
    ],
)
def test_a_bad_broker_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="broker_url cannot be used; expected redis://host:6379/0") as caught:
        Client(broker_url=url)
    assert ("write @ as %40, / as %2F" in str(caught.value)) is (":port" in url or "/correct" in url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_bad_key_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match=r"seal_key is not a key.*bin/jurat keys generate") as caught:
        Client(seal_key=PASSWORD)
    assert PASSWORD not in str(caught.value)


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """As in an environment where these are not installed."""
    for name in list(sys.modules):
        if name.split(".")[0] in packages:
            monkeypatch.delitem(sys.modules, name)
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)


def test_a_broker_url_without_celery_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "celery")
    with pytest.raises(ConfigurationError, match=r"pip install 'celery\[redis\]>=5\.4', or leave it out"):
        Client(broker_url="redis://127.0.0.1:1/0")
    Client().ring()


def test_a_broker_url_without_its_library_is_refused_with_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match=r"pip install 'celery\[redis\]>=5\.4'"):
        Client(broker_url="sqs://")


def test_postgresql_without_its_driver_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "psycopg")
    with pytest.raises(ConfigurationError, match=r"pip install 'psycopg\[binary\]'"):
        Client("postgresql://db/jurat")


def test_a_client_says_which_argument_it_was_made_without(town: Town) -> None:
    with pytest.raises(ConfigurationError, match="reading needs the database_url"):
        Client().result(uuid7())
    with town.engine.begin() as connection, pytest.raises(ConfigurationError, match="submitting needs the seal_key"):
        Client(town.url).submit(connection, consultation="b", participant="p", question="q", answer={})


# -- a database that is not ready


@pytest.fixture(params=ENGINES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        (tmp_path / "empty.db").touch()
        return f"sqlite:///{tmp_path}/empty.db"
    server: Databases = request.getfixturevalue("postgresql_server")
    return server.create()


def test_a_database_that_is_no_file_yet_is_told_and_not_made(tmp_path: Path, seal_key: str) -> None:
    file = tmp_path / "nope.db"
    client = Client(f"sqlite:///{file}", seal_key=seal_key)
    for read in (
        lambda: client.result(uuid7()),
        lambda: client.wait(uuid7()),
        lambda: client.access("budget", "p-42"),
        lambda: client.publication("budget"),
    ):
        with pytest.raises(SchemaMissing, match=f"there is no database {file}; run `bin/jurat db upgrade`, or correct"):
            read()
        assert list(tmp_path.iterdir()) == []
    file.touch()  # as another process makes it
    with pytest.raises(SchemaMissing, match="no jurat tables"):
        client.result(uuid7())
    client.close()


def test_a_database_without_our_tables_is_told_at_once(empty_url: str, seal_key: str) -> None:
    client = Client(empty_url, seal_key=seal_key)
    for read in (
        lambda: client.result(uuid7()),
        lambda: client.results([uuid7()]),
        lambda: client.access("budget", "p-42"),
    ):
        with pytest.raises(SchemaMissing, match="no jurat tables; run `bin/jurat db upgrade`"):
            read()
    with contextlib.closing(plain(empty_url)) as connection:
        connection.execute("CREATE TABLE notes (body text)")
        with pytest.raises(SchemaMissing, match="no jurat tables; run `bin/jurat db upgrade`"):
            client.submit(connection, consultation="budget", participant="p", question="residence", answer=ADDRESS)
        connection.execute("INSERT INTO notes VALUES ('still good')")
        connection.commit()
        assert connection.execute("SELECT body FROM notes").fetchone() == ("still good",)
    client.close()


def test_a_database_that_is_away_is_not_called_empty(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no-folder/jurat.db", "postgresql://jurat@127.0.0.1:1/jurat"):
        client = Client(url)
        with pytest.raises(OperationalError):
            client.result(uuid7())
        client.close()


def test_a_role_without_rights_is_not_told_that_tables_are_missing(postgresql_url: str, seal_key: str) -> None:
    role = f"platform_{uuid7().hex}"
    with contextlib.closing(plain(postgresql_url)) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.commit()
    url = postgresql_url.replace("postgres@", f"{role}@")
    client = Client(url, seal_key=seal_key)
    with pytest.raises(ProgrammingError, match="permission denied"):
        client.result(uuid7())
    with contextlib.closing(plain(url)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        client.submit(connection, consultation="budget", participant="p", question="residence", answer=ADDRESS)
    client.close()
    with contextlib.closing(plain(postgresql_url)) as owner:
        owner.execute(f"DROP ROLE {role}")
        owner.commit()
