"""Requests of persons, on both engines: each is done once and in order; what cannot be done says why."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.dialects import dialect_of
from store.requests import request_runner as module
from store.requests.request_rows import ask
from store.requests.request_runner import CannotBeDone, Request, RequestKind, Requests
from store.verdicts.access import AccessRows
from tasks.checks import ClaimedCheck, Review
from tests.store.desk import REFUSED, Desk

CLERK = "a clerk"
NOBODY = UUID(int=7)


@pytest.fixture
def requests(desk: Desk) -> Requests:
    return Requests(desk.engine)


def in_review(desk: Desk, participant: str = "p-1") -> ClaimedCheck:
    held = desk.held(participant, "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
    return held


def deciding(check: UUID, reason: str = Reason.PERSON_ACCEPTED, by_whom: str = CLERK) -> Request:
    return Request(uuid7(), RequestKind.DECIDE, by_whom, check_id=check, reason=reason)


def about(participant: str) -> Request:
    return Request(uuid7(), RequestKind.REVOKE, CLERK, consultation="budget", participant=participant)


def asked(desk: Desk, *requests: Request) -> None:
    """Stores requests, each a while before the next."""
    dialect = dialect_of(desk.engine)
    with desk.engine.begin() as connection:
        for number, request in enumerate(requests):
            earlier = partial(dialect.now, str(number - len(requests)))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(dialect, "now", earlier)
                assert ask(connection, request)


def status_of(desk: Desk, request: Request) -> tuple[bool, str | None]:
    """Whether it was dealt with, and why it was refused."""
    rows = desk.sql("SELECT applied_at, refused FROM jurat_requests WHERE id = :id", id=desk.id(request.id))
    ((applied_at, refused),) = rows
    return applied_at is not None, refused


@pytest.fixture
def other_kind(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Let requests of the kind `restore` do something of the test's own."""

    def use(doing: Callable[..., Any]) -> None:
        monkeypatch.setattr(module, "ACTIONS", {**module.ACTIONS, RequestKind.RESTORE: doing})

    return use


# ------------------------------------------------------------------------------------------------ by upkeep


def test_what_was_asked_for_is_done_once(desk: Desk, requests: Requests) -> None:
    held = in_review(desk)
    request = deciding(held.id)
    asked(desk, request)
    assert status_of(desk, request) == (False, None)
    assert requests.apply_waiting() == 1
    assert status_of(desk, request) == (True, None)
    assert desk.verdicts(held.id) == [("accepted", "person_accepted")]
    assert requests.apply_waiting() == 0
    assert len(desk.verdicts(held.id)) == 1


def test_upkeep_looks_for_requests_with_its_turn(desk: Desk) -> None:
    assert "requests" not in desk.upkeep.turns({"requests": 1.0})
    asked(desk, deciding(in_review(desk).id))
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2)")
    assert "requests" in desk.upkeep.turns({"requests": 1.0})
    assert desk.upkeep.do_requests() == 1
    desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2)")
    assert "requests" not in desk.upkeep.turns({"requests": 1.0})


def test_what_cannot_be_done_says_why_and_keeps_no_other_waiting(desk: Desk, requests: Requests) -> None:
    bad, good = deciding(NOBODY), deciding(in_review(desk).id)
    asked(desk, bad, good)
    assert requests.apply_waiting() == 2
    assert status_of(desk, bad) == (True, f"there is no check {NOBODY}")
    assert status_of(desk, good) == (True, None)
    assert requests.apply_waiting() == 0, "it is not tried again"


def test_a_refused_request_leaves_nothing_behind(
    desk: Desk, requests: Requests, other_kind: Callable[[Callable[..., Any]], None]
) -> None:
    def half(connection: Connection, _: AccessRows, request: Request) -> None:
        connection.exec_driver_sql("UPDATE jurat_requests SET participant = 'erased-half'")
        raise CannotBeDone("not like this")

    other_kind(half)
    request = Request(uuid7(), RequestKind.RESTORE, CLERK, participant="p-1")
    asked(desk, request)
    assert requests.apply_waiting() == 1
    assert status_of(desk, request) == (True, "not like this")
    assert desk.one("SELECT count(*) FROM jurat_requests WHERE participant LIKE 'erased-%'") == 0


def test_of_one_check_the_words_count_in_the_order_in_which_they_were_asked(desk: Desk, requests: Requests) -> None:
    held = in_review(desk)
    first, second = deciding(held.id, Reason.PERSON_REFUSED), deciding(held.id, Reason.PERSON_ACCEPTED)
    asked(desk, first, second)
    assert requests.apply_waiting() == 2
    assert desk.verdicts(held.id) == [("refused", "person_refused")]
    applied, refused = status_of(desk, second)
    assert applied
    assert refused is not None
    assert "is decided already: refused, person_refused (revision 1); open it again first" in refused


def test_a_kind_that_this_version_does_not_know_is_left_to_a_newer_one(desk: Desk, requests: Requests) -> None:
    request = deciding(in_review(desk).id)
    with desk.engine.begin() as connection:
        assert ask(connection, replace(request, kind="invent"))  # type: ignore[arg-type]
    assert requests.apply_waiting() == 0
    assert status_of(desk, request) == (False, None)


def test_one_that_fails_is_left_and_raised_once_the_others_are_done(
    desk: Desk, requests: Requests, other_kind: Callable[[Callable[..., Any]], None]
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a fault")

    other_kind(fail)
    faulty, good = Request(uuid7(), RequestKind.RESTORE, CLERK, participant="p-1"), deciding(in_review(desk).id)
    asked(desk, faulty, good)
    with pytest.raises(ZeroDivisionError):
        requests.apply_waiting()
    assert (status_of(desk, faulty), status_of(desk, good)) == ((False, None), (True, None))


def test_no_more_than_so_many_in_one_turn(desk: Desk, requests: Requests) -> None:
    asked(desk, *(deciding(NOBODY) for _ in range(3)))
    assert [requests.apply_waiting(2), requests.apply_waiting(2)] == [2, 1]


def test_workers_at_the_same_moment_do_each_request_once(desk: Desk) -> None:
    checks = [in_review(desk, f"p-{number}").id for number in range(12)]
    asked(desk, *(deciding(check) for check in checks))
    together = Barrier(4, timeout=30)

    def work() -> int:
        mine = Requests(desk.engine)
        together.wait()
        return mine.apply_waiting()

    with ThreadPoolExecutor(4) as pool:
        done = [each.result(60) for each in [pool.submit(work) for _ in range(4)]]
    assert sum(done) == len(checks)
    assert all(desk.verdicts(check) == [("accepted", "person_accepted")] for check in checks)
    assert desk.one("SELECT count(*) FROM jurat_audit WHERE action = 'review decide'") == len(checks)


def test_a_request_about_a_participant_whom_a_platform_holds_waits_for_the_next_turn(postgresql: Desk) -> None:
    desk, requests = postgresql, Requests(postgresql.engine)
    first, second = (deciding(in_review(desk, participant).id) for participant in ("p-1", "p-2"))
    asked(desk, first, second)
    with desk.engine.begin() as platform:
        desk.submit_on(platform, "p-1", "code")
        assert requests.apply_waiting() == 1
        assert (status_of(desk, first), status_of(desk, second)) == ((False, None), (True, None))
    assert requests.apply_waiting() == 1
    assert status_of(desk, first) == (True, None)


def test_what_was_asked_later_waits_while_another_worker_has_the_earlier(postgresql: Desk) -> None:
    """Else the order of two words of one person would be that of two workers."""
    desk, requests = postgresql, Requests(postgresql.engine)
    held = in_review(desk)
    first, second = deciding(held.id), deciding(held.id, Reason.PERSON_REFUSED)
    asked(desk, first, second)
    with desk.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM jurat_requests ORDER BY asked_at LIMIT 1 FOR UPDATE")
        assert requests.apply_waiting() == 0
    assert requests.apply_waiting() == 2
    assert desk.verdicts(held.id) == [("accepted", "person_accepted")]


def test_many_held_participants_stop_nobody_elses_requests(postgresql: Desk) -> None:
    desk, requests = postgresql, Requests(postgresql.engine)
    held = [about(f"p-{number}") for number in range(12)]
    desk.submit_many(13)
    asked(desk, *held, free := about("p-12"))
    with desk.engine.begin() as platform:
        platform.exec_driver_sql("SELECT 1 FROM jurat_access WHERE participant <> 'p-12' FOR UPDATE")
        assert requests.apply_waiting() == 1
        assert status_of(desk, free) == (True, None)
    assert sum(iter(requests.apply_waiting, 0)) == len(held)


def test_what_was_asked_later_about_who_gets_a_transfer_waits_as_well(postgresql: Desk) -> None:
    """Else an erasure of the other id that was asked earlier would erase what came to it later."""
    desk, requests = postgresql, Requests(postgresql.engine)
    desk.submit_many(2)
    erasing = Request(uuid7(), RequestKind.ERASE, CLERK, consultation="budget", participant="p-1")
    asked(desk, erasing, Request(uuid7(), RequestKind.TRANSFER, CLERK, "budget", "p-0", target="p-1"))
    with desk.engine.begin() as other:
        other.exec_driver_sql("SELECT 1 FROM jurat_access WHERE participant = 'p-1' FOR UPDATE")
        assert requests.apply_waiting() == 0
    assert requests.apply_waiting() == 1, "who was erased is given nothing"
    assert sorted(row[0][:7] for row in desk.sql("SELECT participant FROM jurat_checks")) == ["erased-", "p-0"]


def test_a_decision_does_not_wait_behind_many_erasures(desk: Desk, requests: Requests) -> None:
    decision = deciding(in_review(desk).id)
    many = [Request(uuid7(), RequestKind.ERASE, CLERK, participant=f"n-{number}") for number in range(5)]
    asked(desk, *many, decision)
    assert requests.apply_waiting(1) == 1
    assert status_of(desk, decision) == (True, None)
    assert requests.apply_waiting() == len(many)


def test_a_backlog_is_read_in_pages(desk: Desk, requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    asked(desk, *(deciding(NOBODY) for _ in range(5)))
    with desk.statements() as seen:
        assert requests.apply_waiting() == 5
    assert sum("ORDER BY asked_at, id LIMIT" in statement for statement in seen) == 4 + 2


def test_a_turn_ends_in_time(desk: Desk, requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_S", 0.0)
    asked(desk, deciding(NOBODY))
    assert requests.apply_waiting() == 0


def test_a_check_id_that_cannot_be_read_is_refused(sqlite: Desk) -> None:
    request = deciding(NOBODY)
    sqlite.sql("DROP TRIGGER jurat_requests_added")
    sqlite.sql(
        "INSERT INTO jurat_requests (id, kind, check_id, reason, by_whom, asked_at) "
        "VALUES (:id, 'decide', 'no-uuid', 'person_accepted', 'me', NOW)",
        id=str(request.id),
    )
    assert Requests(sqlite.engine).apply_waiting() == 1
    sentence = "it holds what is no request, such as a check_id that is not the id of a check; fix it and ask again"
    assert status_of(sqlite, request) == (True, sentence)


@pytest.mark.parametrize(
    ("own", "note", "by_whom"), [("z" * 36, None, "me"), (str(NOBODY), "text", "me"), (str(NOBODY), None, b"me")]
)
def test_one_that_cannot_be_read_is_refused_and_keeps_nothing_waiting(
    sqlite: Desk, own: str, note: str | None, by_whom: Any
) -> None:
    """As it was stored before SQLite looked at it: an erasure that was asked later waits behind it."""
    sqlite.submit("p-1")
    insert = (
        "INSERT INTO jurat_requests (id, kind, consultation, participant, note, by_whom, asked_at) "
        "VALUES (:id, 'revoke', 'budget', 'p-1', :note, :by_whom, NOW(-2))"
    )
    row = {"id": own, "note": note, "by_whom": by_whom}
    with pytest.raises(IntegrityError, match="jurat: "):
        sqlite.sql(insert, **row)
    sqlite.sql("DROP TRIGGER jurat_requests_added")
    sqlite.sql(insert, **row)
    asked(sqlite, Request(uuid7(), RequestKind.ERASE, CLERK, participant="p-1"))
    assert Requests(sqlite.engine).apply_waiting() == 2
    assert "it holds what is no request" in sqlite.one("SELECT refused FROM jurat_requests WHERE kind = 'revoke'")
    assert sqlite.one("SELECT participant FROM jurat_checks").startswith("erased-")


# ------------------------------------------------------------------------------------------------ at once


def test_the_command_line_asks_and_does_at_once(desk: Desk, requests: Requests) -> None:
    held = in_review(desk)
    request = deciding(held.id)
    assert requests.do(request) is None
    assert status_of(desk, request) == (True, None)
    assert desk.verdicts(held.id) == [("accepted", "person_accepted")]


def test_what_cannot_be_done_at_once_is_not_stored(desk: Desk, requests: Requests) -> None:
    with pytest.raises(CannotBeDone, match=f"there is no check {NOBODY}"):
        requests.do(deciding(NOBODY))
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0


def test_the_same_id_is_the_same_request(desk: Desk, requests: Requests) -> None:
    held = in_review(desk)
    request = deciding(held.id)
    requests.do(request)
    assert requests.do(request) is None
    assert len(desk.verdicts(held.id)) == 1
    other = Request(request.id, RequestKind.DECIDE, CLERK, check_id=held.id, reason=Reason.PERSON_REFUSED)
    with pytest.raises(CannotBeDone, match=f"the id {request.id} belongs to another request"):
        requests.do(other)


def test_one_that_waits_is_done_by_who_asks_again(desk: Desk, requests: Requests) -> None:
    held = in_review(desk)
    request = deciding(held.id)
    asked(desk, request)
    assert requests.do(request) is None
    assert status_of(desk, request) == (True, None)
    assert requests.apply_waiting() == 0


def test_one_that_was_refused_says_so_again(desk: Desk, requests: Requests) -> None:
    request = deciding(NOBODY)
    asked(desk, request)
    requests.apply_waiting()
    with pytest.raises(CannotBeDone, match=f"there is no check {NOBODY}"):
        requests.do(request)


def test_a_name_that_cannot_be_stored_is_a_sentence(desk: Desk, requests: Requests) -> None:
    held = in_review(desk)
    with pytest.raises(CannotBeDone, match="cannot be stored; fix it and ask again"):
        requests.do(deciding(held.id, by_whom="half \ud800"))
    assert desk.row(held.id, "state") == "review"


@pytest.mark.parametrize("kind", [RequestKind.DECIDE, RequestKind.OPEN, RequestKind.CONTEST])
def test_a_request_about_no_check_is_refused(desk: Desk, requests: Requests, kind: RequestKind) -> None:
    with pytest.raises(CannotBeDone, match="the request names no check; give its check_id"):
        requests.do(
            Request(uuid7(), kind, CLERK, reason=Reason.PERSON_ACCEPTED if kind is RequestKind.DECIDE else None)
        )


def test_opening_puts_it_before_a_person_again(desk: Desk, requests: Requests) -> None:
    held = desk.held()
    desk.settle(held, REFUSED)
    requests.do(Request(uuid7(), RequestKind.OPEN, CLERK, check_id=held.id))
    assert desk.row(held.id, "state") == "review"
    assert [tuple(row) for row in desk.sql("SELECT actor, action FROM jurat_audit WHERE action = 'review open'")] == [
        (CLERK, "review open")
    ]


def test_no_request_shows_who_it_is_about(desk: Desk) -> None:
    request = Request(
        uuid7(), RequestKind.TRANSFER, CLERK, "budget", "p-1", target="p-2", note=b"secret", document="doc"
    )
    assert all(secret not in repr(request) for secret in ("p-1", "p-2", "secret", "doc"))
