"""What each role may ask for about a participant and do: on PostgreSQL, with users who have just one role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from jurat import Client, RequestState
from jurat.codes import generate
from jurat.database import bounded, open_engine
from jurat.ids import uuid7
from jurat.seal import key_to_text
from jurat.vocabulary import Reason
from store.datasets.zones import NewZone, import_zones
from store.queue.claims import Claims
from store.requests.code_lists import CodeImporter
from store.requests.request_rows import CannotBeDone, Request, RequestKind
from store.requests.request_runner import Requests
from store.schema.grants import DatabaseRole
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from tasks.checks import Review
from tasks.rules.source_limits import Demand
from tests.migrations.test_role_attacks import refusal
from tests.rigs.logins import Logins, plain
from tests.store.desk import PUBLIC_KEY, Desk, entry


@pytest.fixture
def logins(postgresql_url: str) -> Iterator[tuple[Desk, Logins]]:
    """A desk of the owner's, and its users."""
    desk = Desk(postgresql_url)
    with Logins(postgresql_url) as logins:
        yield desk, logins
    desk.close()


def by(logins: Logins, role: DatabaseRole) -> Any:
    return bounded(open_engine(logins.url(role)))


def asking(kind: RequestKind, **given: Any) -> Request:
    return Request(uuid7(), kind, "a clerk", **{"consultation": "budget", "participant": "p-1", **given})


def test_a_platform_asks_and_the_worker_does_it(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.submit("p-1")
    desk.submit("p-3", "code")
    accounts, worker = by(users, DatabaseRole.ACCOUNTS), by(users, DatabaseRole.WORKER)
    client = Client(users.url(DatabaseRole.ACCOUNTS), seal_key=key_to_text(PUBLIC_KEY))
    with accounts.begin() as connection:
        moved = client.transfer(connection, consultation="budget", participant="p-1", target="p-2", by="the platform")
        erased = client.erase(connection, participant="p-3")
        refused = client.transfer(connection, consultation="budget", participant="p-8", target="p-9", by="a clerk")
    assert client.request(moved).state is RequestState.WAITING
    assert Upkeep(worker).do_requests() == 3
    assert [client.request(each).state for each in (moved, erased)] == [RequestState.DONE] * 2
    assert (
        client.request(refused).refused
        == "that participant has nothing in consultation budget to transfer; check the id"
    )
    held = Claims(worker).claim([Demand("towns", 10)], 10).held
    assert [each.participant for each in held] == ["p-2"]
    early = VerdictWriter(worker).write([entry(held[0], retain=-1.0)])
    assert [str(why).count("stays for an hour at least") for _, why in early.failed] == [1]
    assert len(desk.write(entry(held[0], retain=-1.0)).done) == 1, "the owner is let through"
    assert Upkeep(worker).purge() == 1
    client.close()
    for engine in (accounts, worker):
        engine.dispose()


def test_an_administrator_transfers_and_erases_at_once_and_a_reviewer_does_not(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.submit("p-1")
    desk.settle(desk.held("p-1", "profession"), Review(Reason.NAME_DIFFERS, 3600, {"records": 1}, b"sealed"))
    admin, reviewer = by(users, DatabaseRole.ADMIN), by(users, DatabaseRole.REVIEWER)
    for kind, given in ((RequestKind.TRANSFER, {"target": "p-2"}), (RequestKind.ERASE, {})):
        with pytest.raises(Exception, match=r"permission denied|may not ask for this"):
            Requests(reviewer).do(asking(kind, **given))
    Requests(admin).do(asking(RequestKind.TRANSFER, target="p-2"))
    Requests(admin).do(asking(RequestKind.ERASE, participant="p-2"))
    rows = desk.sql("SELECT participant LIKE 'erased-%', state, answer FROM jurat_checks")
    assert [tuple(row) for row in rows] == [(True, "pending", None)] * 2
    assert desk.sql("SELECT evidence, places FROM jurat_reviews") == [({}, None)], "a review ends with it"
    for engine in (admin, reviewer):
        engine.dispose()


def test_an_administrator_decides_about_nobody_by_the_commands_either(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.settle(desk.held("p-1"))
    admin = by(users, DatabaseRole.ADMIN)
    for kind, given in (
        (RequestKind.REVOKE, {}),
        (RequestKind.RESTORE, {}),
        (RequestKind.REOPEN, {"question": "residence"}),
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|jurat_requests .* may not ask for this kind"):
            Requests(admin).do(asking(kind, **given))
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0
    admin.dispose()


def test_an_administrator_asks_for_codes_and_the_worker_adds_them(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    admin, worker = by(users, DatabaseRole.ADMIN), by(users, DatabaseRole.WORKER)
    client = Client(users.url(DatabaseRole.ADMIN), seal_key=key_to_text(PUBLIC_KEY))
    codes = [generate() for _ in range(3)]
    with admin.begin() as connection:
        asked = client.add_codes(connection, "spring", codes, by="Iris of the town")
    assert Upkeep(worker, CodeImporter(desk.unseal, desk.fingerprints)).do_requests() == 1
    assert client.request(asked).state is RequestState.DONE
    with plain(users.url(DatabaseRole.READER)) as reader:
        counted = reader.execute("SELECT list, codes, redeemed, revoked, expired FROM jurat_code_lists").fetchall()
    assert counted == [("spring", 3, 0, 0, 0)]
    client.close()
    for engine in (admin, worker):
        engine.dispose()


def test_a_platform_mints_no_codes_nor_does_a_reviewer(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    platform = by(users, DatabaseRole.PLATFORM)
    client = Client(users.url(DatabaseRole.PLATFORM), seal_key=key_to_text(PUBLIC_KEY))
    with pytest.raises(ProgrammingError, match="permission denied"), platform.begin() as connection:
        client.add_codes(connection, "spring", [generate()], by="whoever stole it")
    columns, values = "id, kind, by_whom, asked_at", "gen_random_uuid(), 'codes', 'me', now()"
    with plain(users.url(DatabaseRole.REVIEWER)) as connection:
        assert refusal(connection, f"INSERT INTO jurat_requests ({columns}) VALUES ({values})") == "42501"
    assert desk.sql("SELECT * FROM jurat_requests") == []
    client.close()
    platform.dispose()


def test_each_role_that_draws_zones_reads_their_outlines(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    square = shapely.to_wkb(shapely.box(5, 44, 6, 45))
    import_zones(desk.engine, [NewZone("port", "Le Port", "a", square)], "an administrator")
    for role in (DatabaseRole.PLATFORM, DatabaseRole.REVIEWER, DatabaseRole.ADMIN, DatabaseRole.READER):
        client = Client(users.url(role))
        assert [(zone.name, zone.title) for zone in client.zones()] == [("port", "Le Port")]
        client.close()


def test_a_reviewer_reopens_revokes_and_restores_at_once(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.settle(desk.held("p-1"))
    reviewer = by(users, DatabaseRole.REVIEWER)
    requests = Requests(reviewer)
    requests.do(asking(RequestKind.REOPEN, question="residence"))
    requests.do(asking(RequestKind.REVOKE))
    with pytest.raises(CannotBeDone):
        requests.do(asking(RequestKind.REVOKE))
    requests.do(asking(RequestKind.RESTORE))
    assert desk.one("SELECT count(*) FROM jurat_requests WHERE applied_at IS NOT NULL") == 3
    reviewer.dispose()


def test_who_may_erase_can_neither_give_an_answer_to_another_nor_change_it(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.submit("p-1")
    desk.submit("p-2", "code")
    before = desk.sql("SELECT * FROM jurat_checks")
    shadow = (
        "CREATE TEMP TABLE jurat_requests AS SELECT 'transfer'::text AS kind, 'budget'::text AS consultation, "
        "'p-1'::text AS participant, 'p-9'::text AS target, NULL::timestamptz AS applied_at"
    )
    for role in (DatabaseRole.WORKER, DatabaseRole.ADMIN):
        with plain(users.url(role)) as connection:
            connection.execute(shadow.encode())
            for attack in (
                "UPDATE jurat_checks SET participant = 'p-9' WHERE participant = 'p-1'",
                "UPDATE jurat_checks SET participant = 'erased_1'",
                "UPDATE jurat_checks SET answer = 'other'",
            ):
                assert refusal(connection, attack) == "23000", (role, attack)
    assert desk.sql("SELECT * FROM jurat_checks") == before


def test_what_a_transfer_allows_is_over_when_it_is_done(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.submit("p-1")
    Requests(desk.engine).do(asking(RequestKind.TRANSFER, target="p-2"))
    with plain(users.url(DatabaseRole.WORKER)) as connection:
        assert refusal(connection, "UPDATE jurat_checks SET participant = 'p-1'") == "23000"
        assert refusal(connection, "UPDATE jurat_requests SET applied_at = NULL") == "23000"
    with desk.engine.begin() as connection:
        connection.execute(text("SELECT 1"))


def test_a_worker_deletes_no_request_that_waits(logins: tuple[Desk, Logins]) -> None:
    desk, users = logins
    desk.submit("p-1")
    desk.sql("SELECT jurat_erase('p-1')")
    with plain(users.url(DatabaseRole.WORKER)) as connection:
        assert refusal(connection, "DELETE FROM jurat_requests") == "23000"
        assert refusal(connection, "UPDATE jurat_requests SET participant = 'p-9'") == "23000"
