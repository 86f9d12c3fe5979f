"""What the database itself keeps of a stored request, on both engines."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from jurat import AccessRevoked
from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests.request_rows import DECIDING, CannotBeDone, Request, RequestKind
from store.requests.request_runner import Requests
from tests.store.desk import REFUSED, Desk
from tests.store.requests.asked import CLERK, asking, stored, wait

GONE = "the-one-who-goes"


@pytest.fixture
def requests(desk: Desk) -> Requests:
    return Requests(desk.engine)


def test_of_a_stored_request_only_what_came_of_it_changes(desk: Desk) -> None:
    request = wait(desk, asking(RequestKind.REVOKE))
    for attack in (
        "DELETE FROM jurat_requests",
        "UPDATE jurat_requests SET participant = 'p-2'",
        "UPDATE jurat_requests SET participant = NULL",
        "UPDATE jurat_requests SET target = 'p-2'",
        "UPDATE jurat_requests SET kind = 'restore'",
        "UPDATE jurat_requests SET by_whom = 'nobody'",
        "UPDATE jurat_requests SET consultation = 'vote'",
        "UPDATE jurat_requests SET question = 'code'",
        "UPDATE jurat_requests SET reason = 'person_accepted'",
        "UPDATE jurat_requests SET asked_at = NOW(60)",
        "UPDATE jurat_requests SET document = 'a file'",
        "UPDATE jurat_requests SET note_key = 'a key'",
        "UPDATE jurat_requests SET code_list = 'spring'",
        "UPDATE jurat_requests SET expires_at = NOW(60)",
        "UPDATE jurat_requests SET refused = 'no'",
    ):
        with pytest.raises(Exception, match="jurat: "):
            desk.sql(attack)
    desk.sql("UPDATE jurat_requests SET applied_at = NOW, refused = 'no'")
    for attack in (
        "UPDATE jurat_requests SET applied_at = NULL",
        "UPDATE jurat_requests SET applied_at = NOW(60)",
        "UPDATE jurat_requests SET refused = NULL",
        "UPDATE jurat_requests SET refused = 'perhaps'",
    ):
        with pytest.raises(Exception, match="jurat: "):
            desk.sql(attack)
    desk.sql("UPDATE jurat_requests SET participant = 'erased-1'")
    assert stored(desk, request) == (True, "no")
    desk.sql("DELETE FROM jurat_requests")


def test_who_asks_is_not_named_by_the_id_that_may_have_to_be_erased(desk: Desk) -> None:
    for participant, target in (("p-1", None), ("p-2", "p-1")):
        request = replace(asking(RequestKind.TRANSFER, participant, target=target), by_whom="p-1")
        with pytest.raises(CannotBeDone, match="by_whom names who asks"):
            wait(desk, request)


@pytest.mark.parametrize("kind", [RequestKind.DECIDE, RequestKind.OPEN])
def test_nor_by_that_of_who_gave_the_answer(desk: Desk, requests: Requests, kind: RequestKind) -> None:
    check = desk.submit("p-1").id
    request = Request(uuid7(), kind, "P-1 ", check_id=check, reason="person_accepted")
    with pytest.raises(CannotBeDone, match="by_whom names who asks"):
        requests.do(request)
    with pytest.raises(Exception, match=r"jurat: .*by_whom names who asks"):
        desk.sql(
            "INSERT INTO jurat_requests (id, kind, check_id, by_whom, asked_at) "
            "VALUES (:id, :kind, :check, 'p-1', NOW)",
            id=desk.id(request.id),
            kind=kind,
            check=desk.id(check),
        )
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0


def test_who_erases_may_be_called_like_the_participant(desk: Desk) -> None:
    """The name is that of the database's user, or `platform`: no one chose it."""
    name = desk.one("SELECT session_user::text") if desk.postgresql else "platform"
    desk.submit(name)
    with desk.engine.begin() as connection:
        desk.client.erase(connection, participant=name)
    assert desk.upkeep.do_requests() == 1
    assert desk.one("SELECT participant FROM jurat_checks").startswith("erased-")


@pytest.mark.parametrize("time", ["infinity", "-infinity", "9999-01-01 00:00:00.000", "0044-03-15 00:00:00.000 BC"])
def test_no_time_that_cannot_be_read_or_is_still_to_come(postgresql: Desk, time: str) -> None:
    desk = postgresql
    desk.submit("p-1")
    columns, row = "id, kind, consultation, participant, by_whom, asked_at", "'revoke', 'budget', 'p-1', 'me'"
    desk.sql(f"INSERT INTO jurat_requests ({columns}) VALUES ('{uuid7()}', {row}, '{time}')")
    taken = "max(abs(extract(epoch FROM statement_timestamp() - {}))) < 5"
    assert desk.one(f"SELECT {taken.format('asked_at')} FROM jurat_requests")
    desk.sql(f"UPDATE jurat_requests SET applied_at = '{time}'")
    assert desk.one(f"SELECT {taken.format('applied_at')} FROM jurat_requests")
    with pytest.raises(AccessRevoked):
        desk.submit("p-1", "code")


@pytest.mark.parametrize(
    "time",
    [
        "infinity",
        "2026-02-31 00:00:00.000",
        "2026-01-02 03:04:05",
        "2999-01-01 00:00:00.000",
        "____-__-__ __:__:__.___",
    ],
)
def test_sqlite_takes_no_such_time(sqlite: Desk, time: str) -> None:
    insert = "INSERT INTO jurat_requests (id, kind, by_whom, asked_at, applied_at) VALUES (:id, 'erase', 'me', {}, {})"
    for asked, applied in ((":time", "NULL"), ("NOW", ":time")):
        with pytest.raises(Exception, match="jurat: times are UTC"):
            sqlite.sql(insert.format(asked, applied), id=str(uuid7()), time=time)
    request = wait(sqlite, asking(RequestKind.REVOKE))
    with pytest.raises(Exception, match="jurat: times are UTC"):
        sqlite.sql("UPDATE jurat_requests SET applied_at = :time", time=time)
    assert stored(sqlite, request) == (False, None)


def test_sqlite_takes_every_millisecond(sqlite: Desk) -> None:
    insert = text("INSERT INTO jurat_requests (id, kind, by_whom, asked_at) VALUES (:id, 'erase', 'me', :at)")
    with sqlite.engine.begin() as connection:
        times = [{"id": str(uuid7()), "at": f"2025-12-31 23:59:59.{number:03}"} for number in range(1000)]
        connection.execute(insert, times)
    assert sqlite.one("SELECT count(*) FROM jurat_requests") == 1000


def test_sqlite_replaces_no_request(sqlite: Desk) -> None:
    request = wait(sqlite, asking(RequestKind.REVOKE))
    row = {"id": str(request.id)}
    with sqlite.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT OR REPLACE INTO jurat_requests (id, kind, by_whom, asked_at)"
                " VALUES (:id, 'erase', 'me', '2026-01-02 03:04:05.678')"
            ),
            row,
        )
    assert sqlite.one("SELECT kind FROM jurat_requests") == "revoke"
    for id_, time in ((str(UUID(int=7)).upper() + "x", "2026-01-02 03:04:05.678"), (str(uuid7()), "yesterday")):
        with pytest.raises(Exception, match="jurat: "):
            sqlite.sql(
                "INSERT INTO jurat_requests (id, kind, by_whom, asked_at) VALUES (:id, 'erase', 'me', :at)",
                id=id_,
                at=time,
            )


MISPLACED = [
    {"kind": "reopen", "consultation": "budget", "participant": "p-1", "question": GONE},
    {"kind": "revoke", "consultation": GONE, "participant": "budget"},
    {"kind": "erase", "consultation": GONE, "participant": "budget"},
    {"kind": "revoke", "consultation": "budget", "participant": "p-1", "question": GONE},
    {"kind": "revoke", "consultation": "budget", "participant": "p-1", "reason": GONE},
    {"kind": "erase", "participant": "p-1", "document": GONE},
    {"kind": "erase", "participant": "p-1", "target": GONE},
    {"kind": "decide", "check_id": "CHECK", "reason": GONE},
    {"kind": "open", "check_id": "CHECK", "participant": GONE},
    {"kind": "revoke", "consultation": "budget", "participant": GONE, "by_whom": f"{GONE} "},
    {"kind": "revoke", "consultation": "budget", "participant": GONE, "by_whom": GONE.upper()},
    {"kind": "transfer", "consultation": "budget", "participant": "p-1", "target": GONE, "by_whom": f" {GONE}"},
    {"kind": "open", "check_id": "CHECK", "by_whom": f"{GONE}\ufe0f"},
]
"""An id where no one looks for one: it would be there when its participant is erased."""


@pytest.mark.parametrize("row", MISPLACED, ids=str)
def test_no_id_is_stored_where_an_erasure_does_not_find_it(desk: Desk, row: dict[str, str]) -> None:
    held = desk.held(GONE)
    desk.settle(held, REFUSED)
    given = {"id": desk.id(uuid7()), "by_whom": CLERK, **row}
    if "check_id" in given:
        given["check_id"] = desk.id(held.id)
    insert = "INSERT INTO jurat_requests ({}, asked_at) VALUES ({}, NOW)"
    with pytest.raises(IntegrityError, match="jurat: ") as raised:
        desk.sql(insert.format(", ".join(given), ", ".join(f":{name}" for name in given)), **given)
    assert GONE not in str(raised.value.orig).splitlines()[0]


def test_nor_does_a_worker_do_what_is_asked_in_the_name_of_who_may_have_to_be_erased(
    sqlite: Desk,
) -> None:
    """SQLite compares fewer letters than Python does."""
    sqlite.settle(sqlite.held("clerk \u00e9"), REFUSED)
    sqlite.sql(
        "INSERT INTO jurat_requests (id, kind, consultation, participant, by_whom, asked_at) "
        "VALUES (:id, 'revoke', 'budget', :participant, :by_whom, NOW)",
        id=str(uuid7()),
        participant="clerk \u00e9",
        by_whom="CLERK \u00c9",
    )
    assert Requests(sqlite.engine).apply_waiting() == 1
    assert "by_whom names who asks" in sqlite.one("SELECT refused FROM jurat_requests")
    assert sqlite.one("SELECT count(*) FROM jurat_audit WHERE action = 'access revoke'") == 0


USES = {
    RequestKind.CONTEST: {"check_id", "note", "note_key", "document"},
    RequestKind.DECIDE: {"check_id", "reason"},
    RequestKind.OPEN: {"check_id"},
    RequestKind.REOPEN: {"consultation", "participant", "question"},
    RequestKind.REVOKE: {"consultation", "participant"},
    RequestKind.RESTORE: {"consultation", "participant"},
    RequestKind.TRANSFER: {"consultation", "participant", "target"},
    RequestKind.ERASE: {"consultation", "participant"},
}


@pytest.mark.parametrize("kind", USES)
def test_a_request_holds_what_its_kind_has_a_use_for_and_nothing_else(desk: Desk, kind: RequestKind) -> None:
    """Each column alone, and none of which is wrong by itself."""
    check = desk.submit("p-1").id
    row = {"consultation": "budget", "participant": "p-1", "question": "code", "check_id": desk.id(check)}
    row |= {"reason": "person_accepted", "target": "p-2", "note": b"x", "note_key": "x", "document": "d-1"}
    for column, value in row.items():
        insert = (
            f"INSERT INTO jurat_requests (id, kind, by_whom, asked_at, {column}) VALUES (:id, :kind, 'me', NOW, :v)"
        )
        if column in USES[kind] and column != "question":
            desk.sql(insert, id=desk.id(uuid7()), kind=kind, v=value)
        elif column in USES[kind]:
            with pytest.raises(Exception, match="must be known here"):  # of which consultation?
                desk.sql(insert, id=desk.id(uuid7()), kind=kind, v=value)
        else:
            with pytest.raises(Exception, match="a request holds what its kind has a use for"):
                desk.sql(insert, id=desk.id(uuid7()), kind=kind, v=value)


@pytest.mark.parametrize("reason", Reason)
def test_a_person_decides_by_the_reasons_that_a_worker_takes_from_one(desk: Desk, reason: Reason) -> None:
    values = {"id": desk.id(uuid7()), "check": desk.id(desk.submit("p-1").id), "reason": reason}
    decide = (
        "INSERT INTO jurat_requests (id, kind, by_whom, asked_at, check_id, reason)"
        " VALUES (:id, 'decide', 'me', NOW, :check, :reason)"
    )
    if reason in DECIDING:
        desk.sql(decide, **values)
    else:
        with pytest.raises(Exception, match="must be known here"):
            desk.sql(decide, **values)


def test_what_a_contest_says_stays_while_it_waits(desk: Desk) -> None:
    held = desk.held("p-1")
    desk.settle(held, REFUSED)
    desk.sql(
        "INSERT INTO jurat_requests (id, kind, check_id, note, note_key, document, by_whom, asked_at)"
        " VALUES (:id, 'contest', :check, :note, 'a key', 'a file', 'participant', NOW)",
        id=desk.id(uuid7()),
        check=desk.id(held.id),
        note=b"sealed",
    )
    for column in ("note", "note_key", "document"):
        with pytest.raises(IntegrityError, match="jurat: "):
            desk.sql(f"UPDATE jurat_requests SET {column} = NULL")
    desk.sql(
        "UPDATE jurat_requests SET applied_at = NOW, refused = 'no', note = NULL, note_key = NULL, document = NULL"
    )
