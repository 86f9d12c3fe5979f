"""A person has a worker look something up once: taken once, paid, audited, read by one key, and forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nacl.public import PrivateKey
from sqlalchemy.exc import DBAPIError

from config.hours import Hours
from jurat.ids import uuid7
from jurat.openings import LIFETIME
from jurat.seal import Seal, Unseal, generate
from store.queue.sources import Sources
from store.requests.inquiries import KEPT, LOST, Inquiries, Inquiry, InquiryState, Taken, ask, read
from store.requests.request_rows import CannotBeDone
from tasks.rules.source_limits import Demand
from tests.store.desk import PRIVATE_KEY, PUBLIC_KEY, Desk

ANSWER = {"answer": {"street": "rue de l'Été — n° 8"}, "question": None}
SEAL = Seal(PUBLIC_KEY)
SERVED = {"towns": Demand("towns", 1)}
FOUND = {"outcome": "accepted", "reason": "record_matches", "evidence": {"level": "housenumber"}}
WHO = "night-watch"


def asked(desk: Desk, source: str = "towns", who: str = WHO) -> Inquiry:
    return ask(desk.engine, lambda _: SEAL, source, ANSWER, who)


def inserted(desk: Desk, seconds: float, begun: float | None = None) -> Inquiry:
    """One that was asked for so many seconds ago."""
    inquiry = Inquiry(uuid7(), "towns", PrivateKey.generate())
    row = {"key": bytes(inquiry.key.public_key), "answer": SEAL.close(b"{}"), "id": desk.id(inquiry.id)}
    desk.sql(
        "INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)"
        f" VALUES (:id, 'towns', 'me', :key, :answer, '{SEAL.key_id}', NOW({seconds}))",
        **row,
    )
    return inquiry


def take(desk: Desk, served: Mapping[str, Demand] = SERVED) -> Taken | None:
    return desk.upkeep.inquiries.take(served)


def audited(desk: Desk) -> list[tuple[str, str, Any]]:
    rows = desk.sql("SELECT actor, subject, detail FROM jurat_audit WHERE action = 'sources try' ORDER BY id")
    return [(row[0], row[1], row[2] if desk.postgresql else json.loads(row[2])) for row in rows]


def refusal(desk: Desk) -> str | None:
    taken = take(desk)
    assert taken
    return taken.refused


def test_it_is_taken_once_and_read_once_by_the_key_that_asked(desk: Desk) -> None:
    inquiry = asked(desk)
    assert read(desk.engine, inquiry) == InquiryState()
    taken = take(desk)
    assert taken
    assert (taken.source, taken.asked, taken.refused) == ("towns", ANSWER, None)
    assert take(desk) is None
    assert read(desk.engine, inquiry) == InquiryState(begun=True)
    desk.upkeep.inquiries.end(taken, FOUND)
    assert read(desk.engine, Inquiry(inquiry.id, "towns", PrivateKey.generate())) is None, "another session"
    assert read(desk.engine, inquiry) == InquiryState(begun=True, found=FOUND)
    assert read(desk.engine, inquiry) == InquiryState(begun=True), "what was read is erased"
    desk.upkeep.inquiries.end(taken, FOUND)
    assert read(desk.engine, inquiry) == InquiryState(begun=True), "it ends once"


def test_nothing_but_the_sealed_answer_says_what_was_asked(desk: Desk) -> None:
    asked(desk)
    taken = take(desk)
    assert taken
    assert "Été" not in repr(taken) + repr(desk.sql("SELECT * FROM jurat_inquiries"))
    desk.upkeep.inquiries.end(taken, FOUND)
    ((answer, sealed),) = desk.sql("SELECT answer, sealed FROM jurat_inquiries")
    assert answer is None
    assert b"accepted" not in bytes(sealed)
    login = desk.one("SELECT login FROM jurat_inquiries")
    assert audited(desk) == [(WHO, "towns", {"inquiry": taken.id, "login": login, "asked": True})]
    assert desk.sql("SELECT * FROM jurat_checks") == desk.sql("SELECT * FROM jurat_verdicts") == []


def test_it_is_left_to_who_serves_the_source_and_has_the_key(desk: Desk) -> None:
    asked(desk)
    assert take(desk, {"ban": Demand("ban", 1)}) is None
    assert take(desk, {}) is None
    assert Inquiries(desk.engine, Unseal([generate()[0]])).take(SERVED) is None
    assert Inquiries(desk.engine, Unseal([generate()[0], PRIVATE_KEY])).take(SERVED)


def test_it_is_paid_as_any_lookup(desk: Desk) -> None:
    served = {"towns": Demand("towns", 1, interval=6.0, daily=2)}
    for wait in (0.0, 6.0):
        asked(desk)
        taken = take(desk, served)
        assert taken
        assert (taken.refused, round(taken.wait)) == (None, wait)
    assert desk.one("SELECT used FROM jurat_sources WHERE name = 'towns'") == 2
    desk.sql("UPDATE jurat_sources SET paused_until = NULL")
    asked(desk)
    taken = take(desk, served)
    assert taken
    assert taken.refused == "used_up"
    assert [detail["asked"] for _, _, detail in audited(desk)] == [True, True, False]


def test_a_source_that_is_paused_or_closed_is_not_asked(desk: Desk) -> None:
    Sources(desk.engine).pause("towns", 3600, "announced", WHO)
    asked(desk)
    assert refusal(desk) == "paused"
    Sources(desk.engine).resume("towns", WHO)
    asked(desk)
    today = datetime.now(UTC)
    away = today + timedelta(days=3)
    closed = Hours.parse("UTC", [f"{away:%a} 08:00-09:00".lower()], [])
    taken = take(desk, {"towns": Demand("towns", 1, hours=closed)})
    assert taken
    assert taken.refused == "closed"


def test_what_a_worker_left_in_the_middle_is_said_to_be_lost(postgresql: Desk) -> None:
    desk = postgresql
    inquiry = asked(desk)
    assert take(desk)
    desk.upkeep.inquiries.erase_over()
    assert read(desk.engine, inquiry) == InquiryState(begun=True)
    desk.sql("ALTER TABLE jurat_inquiries DISABLE TRIGGER USER")
    desk.sql(f"UPDATE jurat_inquiries SET begun_at = NOW({-LOST - 1})")
    desk.sql("ALTER TABLE jurat_inquiries ENABLE ALWAYS TRIGGER jurat_inquiries_changed")
    desk.upkeep.inquiries.erase_over()
    assert take(desk) is None, "a source is asked once"
    assert read(desk.engine, inquiry) == InquiryState(begun=True, found={"refused": "lost"})
    for guard in ("asked", "new"):
        desk.sql(f"ALTER TABLE jurat_inquiries ENABLE ALWAYS TRIGGER jurat_inquiries_{guard}")


def test_what_was_asked_goes_after_a_quarter_of_an_hour_and_the_rest_after_an_hour(desk: Desk) -> None:
    for seconds, sealed, rows in ((-LIFETIME + 20, 1, 1), (-LIFETIME - 1, 0, 1), (-KEPT - 1, 0, 0)):
        inquiry = inserted(desk, seconds)
        assert (read(desk.engine, inquiry) is None) is not sealed
        desk.upkeep.inquiries.erase_over()
        found = desk.sql("SELECT answer IS NOT NULL FROM jurat_inquiries WHERE id = :id", id=desk.id(inquiry.id))
        assert [bool(row[0]) for row in found] == [bool(sealed)] * rows


def test_a_person_has_so_many_in_an_hour_and_so_have_all_together(desk: Desk) -> None:
    for _ in range(20):
        asked(desk)
    with pytest.raises(CannotBeDone, match="20 times an hour"):
        asked(desk)
    for other in range(4):
        for _ in range(20):
            asked(desk, who=f"watch-{other}")
    with pytest.raises(CannotBeDone, match="all together 100 times"):
        asked(desk, who="another")
    desk.sql(f"DELETE FROM jurat_inquiries WHERE by_whom = '{WHO}'")
    asked(desk)


@pytest.mark.parametrize(
    "change",
    [
        "source = 'ban'",
        "by_whom = 'you'",
        "reader_key = answer",
        "asked_at = NOW(-9)",
        "begun_at = NOW(-3600)",
        "answer = reader_key",
        "answer = NULL, sealed = reader_key",
        "begun_at = NOW, sealed = reader_key",
    ],
)
def test_it_changes_as_workers_change_it_alone(desk: Desk, change: str) -> None:
    asked(desk)
    with pytest.raises(DBAPIError, match="begun once and sealed once"):
        desk.sql(f"UPDATE jurat_inquiries SET {change}")


@pytest.mark.parametrize(
    "given",
    [
        {"id": "x"},
        {"source": ""},
        {"by_whom": "x" * 201},
        {"reader_key": b"x"},
        {"answer": b""},
        {"answer": bytes(16_433)},
        {"answer_key": "0123456789ABCDEF"},
        {"asked_at": "2999-01-01 00:00:00.000"},
        {"begun_at": "2026-01-01 00:00:00.000"},
        {"sealed": b"x"},
    ],
)
def test_sqlite_takes_what_is_one_alone(sqlite: Desk, given: dict[str, Any]) -> None:
    row = {"id": str(uuid7()), "source": "towns", "by_whom": "me", "reader_key": bytes(32), "answer": b"x"}
    row |= {"answer_key": SEAL.key_id, "asked_at": "2026-01-01 00:00:00.000"}

    def insert(row: dict[str, Any]) -> None:
        columns = ", ".join(row)
        sqlite.sql(f"INSERT INTO jurat_inquiries ({columns}) VALUES (:{columns.replace(', ', ', :')})", **row)

    insert(row)
    with pytest.raises(DBAPIError, match=r"an inquiry names|the id of|times are"):
        insert(row | {"id": str(uuid7())} | given)


def test_what_was_sealed_is_sealed_for_good(desk: Desk) -> None:
    asked(desk)
    taken = take(desk)
    assert taken
    desk.upkeep.inquiries.end(taken, FOUND)
    for change in ("sealed = reader_key", "begun_at = NOW", "answer = reader_key"):
        with pytest.raises(DBAPIError, match="begun once and sealed once"):
            desk.sql(f"UPDATE jurat_inquiries SET {change}")
    desk.sql("UPDATE jurat_inquiries SET sealed = NULL")
