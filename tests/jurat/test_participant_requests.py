"""What is asked about a participant: by the Python client on each kind of connection, and by SQL on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from jurat import Client, InvalidSubmission, RequestState, UnknownConsultation, UnknownRequest
from jurat.ids import uuid7
from tests.jurat.conftest import Platform
from tests.jurat.consultations import Town, execute, plain

ROWS = """
    SELECT kind, consultation, participant, question, target, applied_at FROM jurat_requests
    ORDER BY kind, participant"""
MOVE: dict[str, Any] = {"consultation": "budget", "participant": "p-1", "target": "p-2", "by": "a clerk"}


@pytest.fixture
def postgresql_town(request: pytest.FixtureRequest) -> Town:
    town: Town = request.getfixturevalue("_postgresql_town")
    town.furnish()
    return town


@pytest.fixture
def connection(postgresql_town: Town) -> Iterator[psycopg.Connection[Any]]:
    with plain(postgresql_town.url) as connection:
        connection.autocommit = True
        yield connection


# -- the client


def test_what_is_asked_for_is_stored_with_the_platforms_own_transaction(platform: Platform) -> None:
    client = platform.client
    with platform.transaction() as connection:
        execute(connection, "INSERT INTO notes VALUES ('before')")
        moved = client.transfer(connection, **MOVE)
        erased = client.erase(connection, participant="p-3")
        client.erase(connection, participant="p-4", consultation="budget")
        with pytest.raises(UnknownConsultation):
            client.erase(connection, participant="budget", consultation="p-4")
        with pytest.raises(InvalidSubmission):
            client.erase(connection, participant="")
        with pytest.raises(UnknownConsultation):
            client.transfer(connection, **{**MOVE, "consultation": "vote"})
        with pytest.raises(InvalidSubmission, match="belongs to another request"):
            client.erase(connection, participant="p-9", id=moved)
        execute(connection, "INSERT INTO notes VALUES ('behind')")
    assert platform.notes == ["before", "behind"], "the transaction stays usable"
    assert platform.town.read(ROWS) == [
        ("erase", None, "p-3", None, None, None),
        ("erase", "budget", "p-4", None, None, None),
        ("transfer", "budget", "p-1", None, "p-2", None),
    ]
    for asked, kind in ((moved, "transfer"), (erased, "erase")):
        found = client.request(asked)
        assert (found.id, found.kind, found.state, found.refused) == (asked, kind, RequestState.WAITING, None)


def test_a_transaction_that_is_rolled_back_asks_for_nothing(town: Town, client: Client) -> None:
    with town.engine.connect() as connection, connection.begin() as transaction:
        asked = client.transfer(connection, **MOVE)
        transaction.rollback()
    with pytest.raises(UnknownRequest, match=f"there is no request {asked}"):
        client.request(asked)


def test_the_same_id_is_the_same_request(town: Town, client: Client) -> None:
    own = uuid7()
    for _ in range(2):
        with town.engine.begin() as connection:
            assert client.transfer(connection, **MOVE, id=own) == own
    assert town.count("jurat_requests") == 1
    for other in ({"target": "p-3"}, {"participant": "p-3"}, {"consultation": "budget-2027"}):
        with town.engine.begin() as connection, pytest.raises(InvalidSubmission, match="belongs to another request"):
            client.transfer(connection, **{**MOVE, **other}, id=own)
    town.write("UPDATE jurat_requests SET participant = 'erased-1', target = 'erased-1'")
    with town.engine.begin() as connection:
        assert client.transfer(connection, **MOVE, id=own) == own


def test_what_came_of_it_is_read_by_its_id(town: Town, client: Client) -> None:
    with town.engine.begin() as connection:
        done, refused = client.transfer(connection, **MOVE), client.erase(connection, participant="p-1")
    now = "now()" if town.engine.dialect.name == "postgresql" else "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    town.write(f"UPDATE jurat_requests SET applied_at = {now} WHERE id = :id", id=str(done))
    town.write(f"UPDATE jurat_requests SET applied_at = {now}, refused = 'because' WHERE id = :id", id=str(refused))
    assert (client.request(done).state, client.request(done).refused) == (RequestState.DONE, None)
    assert (client.request(refused).state, client.request(refused).refused) == (RequestState.REFUSED, "because")
    assert client.request(done).dealt_with_at is not None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"participant": "a\nb"}, "participant must be 1 to 200 printable characters"),
        ({"target": ""}, "target must be"),
        ({"target": "x" * 201}, "target must be"),
        ({"consultation": None}, "consultation must be"),
        ({"by": ""}, "by must be"),
        ({"target": "p-1"}, "target must be another id than participant"),
        ({"by": "p-1"}, "by must name who asks"),
        ({"by": "p-2"}, "by must name who asks"),
        ({"by": " P-1\ufe0f"}, "by must name who asks"),
        ({"target": "Erased-1"}, "target must not begin with erased-"),
        ({"id": "no-uuid"}, "id must be a UUID"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_by_name(
    town: Town, client: Client, given: dict[str, Any], sentence: str
) -> None:
    with town.engine.begin() as connection, pytest.raises(InvalidSubmission, match=sentence):
        client.transfer(connection, **{**MOVE, **given})
    assert town.count("jurat_requests") == 0


# -- by SQL

CALLS = {
    "jurat_reopen('budget', 'p-1', 'code', 'a clerk')": ("reopen", "budget", "p-1", "code", None, None),
    "jurat_revoke('budget', 'p-1', 'a clerk')": ("revoke", "budget", "p-1", None, None, None),
    "jurat_restore('budget', 'p-1', 'a clerk')": ("restore", "budget", "p-1", None, None, None),
    "jurat_transfer('budget', 'p-1', 'p-2', 'a clerk')": ("transfer", "budget", "p-1", None, "p-2", None),
    "jurat_erase('p-1')": ("erase", None, "p-1", None, None, None),
    "jurat_erase('p-1', 'budget')": ("erase", "budget", "p-1", None, None, None),
    "jurat_erase(consultation => 'budget', participant => 'p-1')": ("erase", "budget", "p-1", None, None, None),
}


@pytest.mark.parametrize(("call", "row"), CALLS.items(), ids=CALLS)
def test_a_call_stores_the_request_and_gives_its_id(
    postgresql_town: Town, connection: psycopg.Connection[Any], call: str, row: tuple[Any, ...]
) -> None:
    told = connection.execute(f"SELECT {call}".encode()).fetchone()
    assert told is not None
    assert told[0].version == 7
    assert postgresql_town.read(ROWS) == [row]
    again = call.replace(")", f", id => '{told[0]}')")
    assert connection.execute(f"SELECT {again}".encode()).fetchone() == told
    assert postgresql_town.count("jurat_requests") == 1


def test_who_erases_is_the_user_who_called(postgresql_town: Town, connection: psycopg.Connection[Any]) -> None:
    connection.execute("SELECT jurat_erase('p-1')")
    assert postgresql_town.read("SELECT by_whom = session_user::text FROM jurat_requests") == [(True,)]


@pytest.mark.parametrize(
    ("call", "state", "sentence"),
    [
        ("jurat_reopen('vote', 'p-1', 'code', 'me')", "JU001", 'no consultation "vote" is configured'),
        ("jurat_revoke('vote', 'p-1', 'me')", "JU001", "no consultation"),
        ("jurat_transfer('vote', 'p-1', 'p-2', 'me')", "JU001", "no consultation"),
        ("jurat_reopen('budget', 'p-1', 'shoe', 'me')", "JU002", 'consultation "budget" has no question "shoe"'),
        ("jurat_revoke('budget', NULL, 'me')", "JU005", "participant must be 1 to 200 printable characters"),
        ("jurat_revoke('budget', E'p\\n', 'me')", "JU005", "participant must be"),
        ("jurat_revoke(NULL, 'p-1', 'me')", "JU005", "consultation must be"),
        ("jurat_erase('budget', 'p-1')", "JU001", "no consultation of that name is known"),
        ("jurat_erase('p-1', '')", "JU005", "consultation must be"),
        ("jurat_erase('')", "JU005", "participant must be"),
        ("jurat_reopen('budget', 'p-1', NULL, 'me')", "JU005", "question must be"),
        ("jurat_transfer('budget', 'p-1', NULL, 'me')", "JU005", "target must be"),
        ("jurat_transfer('budget', 'p-1', 'p-1', 'me')", "JU005", "target must be another id than participant"),
        ("jurat_transfer('budget', 'p-1', 'p-2', 'p-1')", "JU005", "by_whom must name who asks"),
        ("jurat_transfer('budget', 'p-1', 'Erased-1', 'me')", "JU005", "target must not begin with erased-"),
        ("jurat_revoke('budget', 'p-1', ' P-1')", "JU005", "by_whom must name who asks"),
        ("jurat_revoke('budget', 'p-1', NULL)", "JU005", "by_whom must be"),
        ("jurat_revoke('budget', 'p-1', 'p-1')", "JU005", "by_whom must name who asks"),
    ],
)
def test_each_error_says_what_to_mend(
    postgresql_town: Town, connection: psycopg.Connection[Any], call: str, state: str, sentence: str
) -> None:
    with pytest.raises(psycopg.Error) as told:
        connection.execute(f"SELECT {call}".encode())
    assert told.value.sqlstate == state
    assert told.value.diag.message_primary is not None
    assert told.value.diag.message_primary.startswith(f"jurat: {sentence}")
    assert told.value.diag.message_hint
    assert postgresql_town.count("jurat_requests") == 0


def test_an_id_of_another_request_is_refused(connection: psycopg.Connection[Any]) -> None:
    own = uuid7()
    connection.execute("SELECT jurat_revoke('budget', 'p-1', 'me', %s)", (own,))
    for call in ("jurat_restore('budget', 'p-1', 'me', %s)", "jurat_revoke('budget', 'p-2', 'me', %s)"):
        with pytest.raises(psycopg.Error, match=f"the id {own} belongs to another request") as told:
            connection.execute(f"SELECT {call}".encode(), (own,))
        assert told.value.sqlstate == "JU004"


def test_a_client_may_not_ask_for_what_is_a_reviewers(connection: psycopg.Connection[Any]) -> None:
    for kind in ("revoke", "restore", "reopen", "decide", None):
        row = connection.execute(
            "SELECT code, problem FROM jurat_try_ask(%s, 'budget', 'p-1', NULL, 'me', NULL)", (kind,)
        ).fetchone()
        assert row == ("JU005", "kind must be transfer or erase")


def test_no_operator_that_somebody_made_runs_with_the_owners_rights(connection: psycopg.Connection[Any]) -> None:
    own = uuid7()
    with connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE FUNCTION evil(text, uuid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$"
        )
        connection.execute("CREATE OPERATOR || (LEFTARG = text, RIGHTARG = uuid, FUNCTION = evil)")
        connection.execute("SELECT jurat_revoke('budget', 'p-1', 'me', %s)", (own,))
        for call in (
            "jurat_restore('budget', 'p-1', 'me', %s)",
            "jurat_decide(%s, 'person_accepted', 'me')",
            "jurat_open_review(%s, 'me')",
            "jurat_contest(%s, decode(repeat('00', 60), 'hex'), repeat('0', 16))",
        ):
            with connection.transaction(), pytest.raises(psycopg.Error) as told, connection.transaction():
                connection.execute(f"SELECT {call}".encode(), (own,))
            assert told.value.sqlstate in ("JU004", "JU007"), call
