"""A thousand who confirm one question, and a thousand who redeem one code, at the same moment: one of them wins."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from config.configuration import Configuration
from config.document import Document
from config.settings import Settings
from jurat import AlreadyConfirmed, Client, Submission, database
from jurat.codes import clean, generate
from jurat.database import open_engine
from jurat.dialects import SQLITE
from jurat.ids import uuid7
from jurat.seal import Seal, key_to_text
from jurat.seal import generate as generate_keys
from jurat.statements import insert
from store.configurations.publisher import ConfigPublisher
from store.requests.code_lists import add_codes
from tests.acceptance.town import PATIENCE, soon
from tests.jurat.calls import CALL
from worker.bootstrap import engine_on
from worker.service import Service, open_service

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

THREADS, EACH = 50, 20
"""A thousand, over fewer connections than a server takes by default."""

DOCUMENT = {
    "environment": "test",
    "sources": {"spring": {"type": "codes", "list": "spring"}},
    "criteria": {"spring-code": {"source": "spring"}},
    "consultations": {"budget": {"questions": {"code": {"criterion": "spring-code", "rounds": 3}}}},
}


class Hall:
    """One consultation that asks for a code, the platform's ways to confirm answers, and workers."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        private, public = generate_keys()
        self.url = make_url(url)
        self.seal = Seal(public)
        self._settings = Settings.model_validate(
            {
                "database_url": url,
                "broker_url": "none",
                "unseal_keys": key_to_text(private),
                "hash_keys": key_to_text(os.urandom(32)),
            }
        )
        self._stack = stack
        self.service = self.opened()
        ConfigPublisher(self.service.database).apply(
            Configuration.of(Document.model_validate(DOCUMENT)), "an administrator"
        )
        self.client = Client(url, seal_key=key_to_text(public))
        stack.callback(self.client.close)

    def opened(self) -> Service:
        """A process's view of the database, with connections of its own."""
        service = open_service(self._settings)
        self._stack.callback(service.close)
        return service

    def code(self) -> str:
        """The one code there is."""
        fingerprints = self.service.fingerprints
        assert fingerprints is not None
        code = generate()
        add_codes(self.service.database, "spring", [fingerprints.newest("spring", clean(code) or "")], "an admin")
        return code

    def work(self) -> None:
        """Two workers, until nothing waits."""
        engines = [engine_on(self.opened(), slots=16) for _ in range(2)]
        for engine in engines:
            engine.start()
        try:
            assert soon(lambda: not sum(self.service.queries.unsettled().values()))
        finally:
            for engine in engines:
                assert engine.stop(PATIENCE)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.service.database.begin() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]


Confirm = Callable[[str, str], UUID | None]
"""Confirms a code for a participant: the id of the check, None where another stands already."""


def by_the_client(hall: Hall, stack: ExitStack) -> Confirm:
    engine = open_engine(hall.url.render_as_string(hide_password=False), pool_size=1)
    stack.callback(engine.dispose)

    def confirm(participant: str, code: str) -> UUID | None:
        try:
            with engine.begin() as connection:
                (check,) = hall.client.submit_many(
                    connection, [Submission("budget", participant, "code", {"code": code})]
                )
        except AlreadyConfirmed:
            return None
        return check.id

    return confirm


def by_the_function(hall: Hall, stack: ExitStack) -> Confirm:
    url = hall.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = stack.enter_context(psycopg.connect(url, autocommit=True))

    def confirm(participant: str, code: str) -> UUID | None:
        values = dict.fromkeys(("id", "reply_key", "traceparent"))
        given = {"consultation": "budget", "participant": participant, "question": "code", "priority": "interactive"}
        sealed = {"answer": hall.seal.close(f'{{"code": "{code}"}}'.encode()), "answer_key": hall.seal.key_id}
        try:
            row = connection.execute(CALL, {**values, **given, **sealed}).fetchone()
        except psycopg.Error as error:
            if error.sqlstate != "JU003":
                raise
            return None
        assert row is not None
        check: UUID = row[0]
        return check

    return confirm


def by_the_insert(hall: Hall, stack: ExitStack) -> Confirm:
    connection = stack.enter_context(
        closing(
            sqlite3.connect(hall.url.database or "", timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        )
    )

    def confirm(participant: str, code: str) -> UUID | None:
        check = uuid7()
        given = {"consultation": "budget", "participant": participant, "question": "code", "priority": "interactive"}
        sealed = {"answer": hall.seal.close(f'{{"code": "{code}"}}'.encode()), "answer_key": hall.seal.key_id}
        row = {"id": str(check), "round": 1, "reply_key": None, "traceparent": None, **given, **sealed}
        return check if connection.execute(insert(SQLITE), row).rowcount else None

    return confirm


WAYS = {
    "sqlite: the client": by_the_client,
    "sqlite: the INSERT": by_the_insert,
    "postgresql: the client": by_the_client,
    "postgresql: jurat_submit": by_the_function,
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hall, Sequence[Confirm]]]:
    """A hall on each engine, and for each thread a connection of the platform's own."""
    engine = request.param.partition(":")[0]
    monkeypatch.setattr(database, "_BUSY", PATIENCE)  # each waits for all the others, on a busy machine as well
    with ExitStack() as stack, capture_logs():
        hall = Hall(request.getfixturevalue(f"{engine}_url"), stack)
        yield hall, [WAYS[request.param](hall, stack) for _ in range(THREADS)]


def together(ways: Sequence[Confirm], participant: Callable[[int], str], code: str) -> list[UUID | None]:
    """What each of a thousand is given, all started at the same moment."""
    barrier = threading.Barrier(len(ways))
    given: list[list[UUID | None]] = [[] for _ in ways]

    def run(thread: int) -> None:
        barrier.wait(PATIENCE)
        for number in range(EACH):
            given[thread].append(ways[thread](participant(thread * EACH + number), code))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(ways))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    found = [each for several in given for each in several]
    assert len(found) == THREADS * EACH, "nobody was told anything else"
    return found


def test_a_thousand_confirmations_of_one_question_give_one_check(way: tuple[Hall, Sequence[Confirm]]) -> None:
    hall, ways = way
    code = hall.code()
    given = together(ways, lambda _: "p-1", code)
    (check,) = [each for each in given if each is not None]
    assert given.count(None) == 999
    assert [(UUID(str(each)), state) for each, state in hall.rows("SELECT id, state FROM jurat_checks")] == [
        (check, "pending")
    ]
    hall.work()
    assert hall.rows("SELECT outcome, reason FROM jurat_verdicts") == [("accepted", "code_valid")]
    assert hall.rows("SELECT participant, access FROM jurat_access") == [("p-1", "granted")]


def test_a_thousand_redemptions_of_one_code_give_one_access(way: tuple[Hall, Sequence[Confirm]]) -> None:
    hall, ways = way
    given = together(ways, lambda number: f"p-{number}", hall.code())
    assert None not in given
    hall.work()
    verdicts = Counter(hall.rows("SELECT outcome, reason FROM jurat_verdicts"))
    assert verdicts == {("accepted", "code_valid"): 1, ("refused", "code_used"): 999}
    ((check, winner),) = hall.rows(
        "SELECT c.id, c.participant FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id "
        "WHERE v.outcome = 'accepted'"
    )
    assert hall.rows("SELECT participant FROM jurat_access WHERE access = 'granted'") == [(winner,)]
    assert hall.rows("SELECT redeemed_by FROM jurat_codes") == [(check,)]
    assert hall.rows("SELECT count(*) FROM jurat_access") == [(1000,)]
