"""Who has a source tried, how often, and who reads what came of it: on PostgreSQL, under each role's own login."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from jurat.database import as_role, open_engine
from jurat.seal import Seal, Unseal
from store.requests.inquiries import Inquiries, Inquiry, InquiryState, ask, read
from store.schema.grants import DatabaseRole
from tasks.rules.source_limits import Demand
from tests.rigs.logins import Logins, plain
from tests.store.desk import PRIVATE_KEY, PUBLIC_KEY, Desk

FOUND = {"outcome": "accepted", "reason": "record_matches", "evidence": {}}
INSERT = """
    INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)
    VALUES (gen_random_uuid(), 'towns', 'me', sha256('x'), 'x', '0123456789abcdef', now() - interval '2 hours')"""


@dataclass(frozen=True)
class House:
    """A database with the console's login, which takes on its role, and a worker's."""

    desk: Desk
    logins: Logins
    console: Engine
    worker: Inquiries

    def ask(self) -> Inquiry:
        return ask(
            as_role(self.console, DatabaseRole.ADMIN), lambda _: Seal(PUBLIC_KEY), "towns", {"answer": {}}, "watch"
        )


@pytest.fixture
def house(postgresql_url: str) -> Iterator[House]:
    desk = Desk(postgresql_url)
    with Logins(postgresql_url) as logins:
        console, worker = (
            open_engine(logins.url(DatabaseRole.ADMIN, options="NOINHERIT")),
            open_engine(logins.url(DatabaseRole.WORKER)),
        )
        yield House(desk, logins, console, Inquiries(worker, Unseal([PRIVATE_KEY])))
        console.dispose()
        worker.dispose()
    desk.close()


def test_the_console_asks_a_worker_answers_and_the_audit_has_both_logins(house: House) -> None:
    inquiry = house.ask()
    house.worker.erase_over()
    taken = house.worker.take({"towns": Demand("towns", 1)})
    assert taken
    house.worker.end(taken, FOUND)
    assert read(as_role(house.console, DatabaseRole.ADMIN), inquiry) == InquiryState(begun=True, found=FOUND)
    (row,) = house.desk.sql("SELECT actor, detail ->> 'login', login FROM jurat_audit WHERE action = 'sources try'")
    assert tuple(row) == ("watch", house.console.url.username, make_url(house.logins.url(DatabaseRole.WORKER)).username)


def test_many_at_once_count_as_many_and_when_it_was_is_now(house: House) -> None:
    """Eight connections, each of which would be one below the limit."""
    with house.logins.connection(DatabaseRole.ADMIN) as admin:
        for _ in range(19):
            admin.execute(INSERT)
    start, said = threading.Barrier(8), list[str | None]()

    def asking() -> None:
        with plain(house.logins.url(DatabaseRole.ADMIN)) as admin:
            start.wait(60)
            try:
                admin.execute(INSERT)
            except psycopg.Error as error:
                said.append(error.sqlstate)

    threads = [threading.Thread(target=asking) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["JU013"] * 7
    assert house.desk.one("SELECT count(*) FROM jurat_inquiries WHERE asked_at > now() - interval '5 minutes'") == 20
