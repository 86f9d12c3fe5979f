"""Who may open an answer, how often, and who reads what came of it: on PostgreSQL, under each role's own login."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from jurat import Client, ConfigurationError, LimitReached, NotOpened, OpenedReview, Opening
from jurat.database import bounded, open_engine
from jurat.ids import uuid7
from jurat.seal import Unseal
from store.schema.grants import DatabaseRole
from store.upkeep.upkeep import Upkeep
from tasks.checks import ClaimedCheck, Review
from tests.rigs.logins import Logins, plain
from tests.store.desk import NUMBER_TAKEN, PRIVATE_KEY, Desk

READ = OpenedReview({"word": "accept"}, None)
ASK = "SELECT jurat_open_for_review(%s, %s, %s, %s)"
KEY = bytes(range(32))


@dataclass(frozen=True)
class Office:
    """A database with a check in review, a reviewer with a client, and a worker, each with the login of their role."""

    desk: Desk
    logins: Logins
    reviewer: Client
    engine: Engine
    worker: Engine
    held: ClaimedCheck
    login: str

    def ask(self, check: UUID | None = None, by_whom: str = "a clerk") -> Opening:
        with self.engine.begin() as connection:
            return self.reviewer.open_for_review(connection, check or self.held.id, by_whom=by_whom)

    def open(self) -> int:
        return Upkeep(self.worker, unseal=Unseal([PRIVATE_KEY])).open_answers()

    def may(self, per_hour: int) -> None:
        """An administrator says so."""
        with self.logins.connection(DatabaseRole.ADMIN) as admin:
            admin.execute(
                "INSERT INTO jurat_allowances (login, per_hour, openings_per_hour) VALUES (%s, 100, %s) "
                "ON CONFLICT (login) DO UPDATE SET openings_per_hour = excluded.openings_per_hour",
                (self.login, per_hour),
            )


@pytest.fixture
def office(postgresql_url: str) -> Iterator[Office]:
    desk = Desk(postgresql_url)
    held = desk.held("p-1", "profession")
    desk.settle(held, Review(NUMBER_TAKEN.reason, 3600))
    with Logins(postgresql_url) as logins:
        url = logins.url(DatabaseRole.REVIEWER)
        client, engine, worker = Client(url), open_engine(url), bounded(open_engine(logins.url(DatabaseRole.WORKER)))
        yield Office(desk, logins, client, engine, worker, held, make_url(url).username or "")
        client.close()
        engine.dispose()
        worker.dispose()
    desk.close()


def refused(connection: psycopg.Connection[Any], *given: Any) -> tuple[str | None, str]:
    with pytest.raises(psycopg.Error) as told:
        connection.execute(ASK, given)
    return told.value.sqlstate, str(told.value)


# -- who opens, and who reads


def test_a_reviewer_asks_and_a_worker_opens(office: Office) -> None:
    opening = office.ask()
    assert office.reviewer.opened(opening) is None
    assert office.open() == 1
    assert office.reviewer.opened(opening) == READ
    rows = office.desk.sql("SELECT actor, detail ->> 'login', login FROM jurat_audit WHERE action = 'review answer'")
    worker = make_url(office.logins.url(DatabaseRole.WORKER)).username
    assert [tuple(row) for row in rows] == [("a clerk", office.login, worker)]


def test_another_reviewers_login_reads_nothing_of_it(office: Office) -> None:
    opening = office.ask()
    office.open()
    other = Client(office.logins.url(DatabaseRole.REVIEWER, options="CONNECTION LIMIT 9"))
    with pytest.raises(NotOpened, match="or nothing was committed"):
        other.opened(opening)
    other.close()
    with plain(office.logins.url(DatabaseRole.REVIEWER, options="CONNECTION LIMIT 9")) as connection:
        assert connection.execute("SELECT * FROM jurat_opened(%s)", (opening.id,)).fetchall() == []
        assert refused(connection, office.held.id, bytes(opening.key.public_key), "a clerk", opening.id)[0] == "JU004"


@pytest.mark.parametrize("role", [role for role in DatabaseRole if role is not DatabaseRole.REVIEWER])
def test_no_other_role_asks(office: Office, role: DatabaseRole) -> None:
    engine = open_engine(office.logins.url(role))
    with (
        engine.begin() as connection,
        pytest.raises((ConfigurationError, Exception), match=r"may not|permission") as told,
    ):
        office.reviewer.open_for_review(connection, office.held.id, by_whom="me")
    engine.dispose()
    assert isinstance(told.value, ConfigurationError)
    assert office.desk.sql("SELECT * FROM jurat_openings") == []


def test_a_back_office_needs_the_functions_alone(office: Office) -> None:
    url = office.logins.url()
    with plain(office.desk.url) as owner:
        owner.execute(
            "GRANT EXECUTE ON FUNCTION jurat_open_for_review, jurat_try_open_for_review, jurat_opened"
            f" TO {make_url(url).username}".encode()
        )
        owner.execute(f"GRANT SELECT ON jurat_contract TO {make_url(url).username}".encode())
    client, engine = Client(url), open_engine(url)
    with engine.begin() as connection:
        opening = client.open_for_review(connection, office.held.id, by_whom="a clerk")
    assert office.open() == 1
    assert client.opened(opening) == READ
    client.close()
    engine.dispose()


def test_a_login_that_takes_on_its_role_asks_and_reads(office: Office) -> None:
    """As the console does, whose login inherits nothing."""
    engine = open_engine(office.logins.url(DatabaseRole.REVIEWER, options="NOINHERIT"))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {DatabaseRole.REVIEWER}")
        opening = office.reviewer.open_for_review(connection, office.held.id, by_whom="a clerk")
    assert office.open() == 1
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {DatabaseRole.REVIEWER}")
        rows = connection.exec_driver_sql("SELECT refused FROM jurat_opened(%s)", (str(opening.id),)).all()
    assert [tuple(row) for row in rows] == [(None,)]
    engine.dispose()


@pytest.mark.parametrize(
    "taken", ["REVOKE jurat_reviewer FROM {}", "ALTER ROLE {} NOLOGIN"], ids=["its role", "its login"]
)
def test_whose_right_is_taken_away_meanwhile_is_refused(office: Office, taken: str) -> None:
    office.ask()
    assert office.open() == 1
    late = office.ask()
    with plain(office.desk.url) as owner:
        owner.execute(taken.format(office.login).encode())
        assert office.open() == 1
        rows = owner.execute("SELECT id, refused, sealed FROM jurat_openings WHERE refused IS NOT NULL").fetchall()
    assert rows == [(late.id, "its user of the database may not open answers any more", None)]
    assert office.desk.one("SELECT count(*) FROM jurat_audit WHERE action = 'review answer'") == 1
    assert office.open() == 0


def test_a_login_that_is_gone_is_refused(office: Office) -> None:
    with plain(office.desk.url) as owner:
        owner.execute("CREATE ROLE jurat_login_short LOGIN PASSWORD 'x' IN ROLE jurat_reviewer")
        gone = make_url(office.desk.url).set(username="jurat_login_short", password="x")
        with plain(gone.render_as_string(hide_password=False)) as connection:
            connection.execute(ASK, (office.held.id, KEY, "a clerk", None))
        owner.execute("DROP ROLE jurat_login_short")
    assert office.open() == 1
    assert office.desk.one("SELECT refused FROM jurat_openings").startswith("its user of the database")


# -- what the function takes


def test_the_same_id_again_is_the_same_request_and_is_not_counted_again(office: Office) -> None:
    office.may(1)
    own = uuid7()
    with office.logins.connection(DatabaseRole.REVIEWER) as reviewer:
        for _ in range(3):
            assert reviewer.execute(ASK, (office.held.id, KEY, "a clerk", own)).fetchone() == (own,)
        for given in ((KEY, "another"), (bytes(32), "a clerk")):
            assert refused(reviewer, office.held.id, *given, own)[0] == "JU004"
        assert refused(reviewer, office.held.id, KEY, "a clerk", None)[0] == "JU013"


def test_it_says_what_is_wrong_in_states_of_its_own(office: Office) -> None:
    office.desk.submit("p-2")
    waiting = office.desk.one("SELECT id FROM jurat_checks WHERE participant = 'p-2'")
    check = office.held.id
    with office.logins.connection(DatabaseRole.REVIEWER) as reviewer:
        for given, state, said in (
            ((None, KEY, "a clerk"), "JU005", "check_id must be"),
            ((check, b"short", "a clerk"), "JU005", "reader_key must be the 32 bytes"),
            ((check, None, "a clerk"), "JU005", "reader_key must be the 32 bytes"),
            ((check, KEY, " "), "JU005", "by_whom must be"),
            ((check, KEY, "a\nb"), "JU005", "by_whom must be"),
            ((check, KEY, "P-1 "), "JU005", "not the participant"),
            ((uuid7(), KEY, "a clerk"), "JU007", "there is no check"),
            ((waiting, KEY, "a clerk"), "JU009", "is not in review: it is pending"),
        ):
            found = refused(reviewer, *given, None)
            assert (found[0], said in found[1]) == (state, True), (given, found)
            row = reviewer.execute("SELECT code FROM jurat_try_open_for_review(%s, %s, %s, NULL)", given).fetchone()
            assert row == (state,)
    assert office.desk.sql("SELECT * FROM jurat_openings") == []


# -- how often


def test_one_answer_is_open_five_times_at_most(office: Office) -> None:
    for _ in range(5):
        office.ask()
    with pytest.raises(LimitReached, match=r"has this answer open 5 times, and opens it no more before 20..-"):
        office.ask()
    office.open()
    with pytest.raises(LimitReached):
        office.ask()
    other = office.desk.held("p-9", "profession")
    office.desk.settle(other, Review(NUMBER_TAKEN.reason, 3600))
    office.ask(other.id)


def test_so_many_answers_are_opened_in_an_hour_and_the_end_is_told(office: Office) -> None:
    office.may(2)
    office.ask()
    office.ask()
    with office.engine.begin() as connection:
        with pytest.raises(LimitReached, match=r"may open 2 answers an hour, and no more before 20..-.* UTC$"):
            office.reviewer.open_for_review(connection, office.held.id, by_whom="a clerk")
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1, "the transaction goes on"
    office.desk.sql("UPDATE jurat_allowances SET openings_began_at = NOW(-3601)")
    office.ask()
    office.desk.sql("UPDATE jurat_allowances SET openings_began_at = NOW(3600)")  # the clock went back
    office.ask()
    assert office.desk.one("SELECT openings_per_hour FROM jurat_allowances") == 2


def test_many_at_once_count_as_many(office: Office) -> None:
    """Eight connections, each of which would be one below the limit."""
    start, said = threading.Barrier(8), []

    def ask() -> None:
        with plain(office.logins.url(DatabaseRole.REVIEWER)) as reviewer:
            start.wait(60)
            try:
                reviewer.execute(ASK, (office.held.id, KEY, "a clerk", None))
            except psycopg.Error as error:
                said.append(error.sqlstate)

    office.may(1)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["JU013"] * 7
    assert office.desk.one("SELECT count(*) FROM jurat_openings") == 1


def test_the_owner_asks_as_often_as_it_likes(office: Office) -> None:
    with plain(office.desk.url) as owner:
        for _ in range(7):
            owner.execute(ASK, (office.held.id, KEY, "a clerk", None))
    assert office.open() == 7
