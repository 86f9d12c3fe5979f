"""Transfers and erasures by a login of their own, on PostgreSQL: what the platform's login may with and without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg
import pytest

from jurat import Client, ConfigurationError, RequestState
from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.seal import key_to_text
from store.schema.grants import OF_BEFORE, DatabaseRole
from store.schema.migrations import upgrade
from tests.migrations.attacks import STRANGER
from tests.migrations.test_role_attacks import refusal
from tests.rigs.logins import Logins, plain
from tests.store.desk import PUBLIC_KEY, Desk

AS_BEFORE = f"GRANT EXECUTE ON FUNCTION {', '.join(OF_BEFORE)} TO {DatabaseRole.PLATFORM}"
"""What a database of 0.3.0 has."""
REVOKED = f"REVOKE EXECUTE ON FUNCTION {', '.join(OF_BEFORE)} FROM {DatabaseRole.PLATFORM}"

KINDS = ("transfer", "erase")
CALLS = (
    "SELECT jurat_transfer('budget', 'p-1', 'p-9', 'me')",
    "SELECT jurat_erase('p-1')",
    "SELECT jurat_try_ask('transfer', 'budget', 'p-1', 'p-9', 'me', NULL)",
    "SELECT jurat_try_ask('erase', NULL, 'p-1', NULL, NULL, NULL)",
)
_INTO = "jurat_requests (id, kind, by_whom, consultation, participant, asked_at)"
_ROW = "gen_random_uuid(), '{}', 'me', 'budget', 'p-1', now()"
WRITES = (
    f"INSERT INTO {_INTO} VALUES ({_ROW})",
    f"INSERT INTO {_INTO} SELECT {_ROW} FROM jurat_questions",
    f"WITH asked AS (INSERT INTO {_INTO} VALUES ({_ROW}) RETURNING id) SELECT id FROM asked",
    (
        "MERGE INTO jurat_requests q USING (VALUES (1)) AS one ON false WHEN NOT MATCHED THEN"
        f" INSERT {_INTO.removeprefix('jurat_requests')} VALUES ({_ROW})"
    ),
    f"UPDATE jurat_requests SET kind = '{{}}' WHERE id = '{STRANGER}'",
)
COPY = f"COPY {_INTO} FROM STDIN"


@dataclass(frozen=True)
class Town:
    """A database with an answer of p-1, which was contested, and its users."""

    desk: Desk
    logins: Logins

    def asked(self) -> int:
        return int(self.desk.one("SELECT count(*) FROM jurat_requests WHERE kind IN ('transfer', 'erase')"))


@pytest.fixture
def town(postgresql_url: str) -> Iterator[Town]:
    desk = Desk(postgresql_url)
    desk.submit("p-1")
    desk.sql(
        "INSERT INTO jurat_requests (id, kind, check_id, by_whom, asked_at)"
        f" SELECT '{STRANGER}', 'contest', id, 'participant', now() FROM jurat_checks"
    )
    with Logins(postgresql_url) as logins:
        yield Town(desk, logins)
    desk.close()


def copied(connection: psycopg.Connection[object], kind: str) -> str | None:
    """The SQLSTATE with which COPY of one row is refused."""
    try:
        with connection.cursor() as cursor, cursor.copy(COPY.encode()) as copy:
            copy.write_row((uuid7(), kind, "me", "budget", "p-1", "2026-01-02 03:04:05Z"))
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize("roles", [(), (DatabaseRole.REVIEWER,), (DatabaseRole.WORKER,)], ids=str)
def test_the_platforms_login_asks_for_none_in_any_way(town: Town, roles: tuple[DatabaseRole, ...]) -> None:
    """Nor does one that has another role as well: reviewers and workers may write requests."""
    url = town.logins.url(DatabaseRole.PLATFORM, options=f"IN ROLE {', '.join(roles)}" if roles else "")
    ways = [*CALLS, *(each.format(kind) for each in WRITES for kind in KINDS), f"SET ROLE {DatabaseRole.ACCOUNTS}"]
    with plain(url) as web:
        said = {way: refusal(web, way) for way in ways} | {f"{COPY} {kind}": copied(web, kind) for kind in KINDS}
    kept = ("42501", "23000") if roles else ("42501",)  # 23000: a request that is stored becomes no other
    assert {way: state for way, state in said.items() if state not in kept} == {}
    assert town.asked() == 0


def test_the_login_for_it_asks_by_each_function_and_writes_nothing(town: Town) -> None:
    with town.logins.connection(DatabaseRole.ACCOUNTS) as accounts:
        assert [refusal(accounts, call) for call in CALLS] == [None] * len(CALLS)
        assert {refusal(accounts, each.format(kind)) for each in WRITES for kind in KINDS} == {"42501"}
        assert {copied(accounts, kind) for kind in KINDS} == {"42501"}
    assert town.asked() == len(CALLS)


def test_the_client_says_whose_connection_it_needs_and_the_transaction_goes_on(town: Town) -> None:
    web, accounts = (open_engine(town.logins.url(role)) for role in (DatabaseRole.PLATFORM, DatabaseRole.ACCOUNTS))
    with closing(Client(town.logins.url(DatabaseRole.PLATFORM), seal_key=key_to_text(PUBLIC_KEY))) as client:
        with web.begin() as connection:
            for _ in range(2):
                with pytest.raises(ConfigurationError, match="give a connection of a user with jurat_accounts"):
                    client.erase(connection, participant="p-1")
            with pytest.raises(ConfigurationError, match="jurat_accounts"):
                client.transfer(connection, consultation="budget", participant="p-1", target="p-9", by="a clerk")
        assert town.asked() == 0
        with accounts.begin() as connection:
            moved = client.transfer(connection, consultation="budget", participant="p-1", target="p-9", by="a clerk")
            client.erase(connection, participant="p-3")
        town.desk.upkeep.do_requests()
        assert client.request(moved).state is RequestState.DONE
    for engine in (web, accounts):
        engine.dispose()


def test_upgrades_leave_to_the_platform_what_it_had_and_what_the_owner_took(town: Town) -> None:
    with plain(town.desk.url) as owner, town.logins.connection(DatabaseRole.PLATFORM) as web:
        for statement, said in ((AS_BEFORE, None), (REVOKED, "42501"), (AS_BEFORE, None)):
            owner.execute(statement.encode())
            upgrade(town.desk.engine)
            assert {refusal(web, call) for call in CALLS} == {said}
    assert town.asked() == 2 * len(CALLS)
