"""What persons do with one participant, on both engines: further rounds, revocations, and a move to another id."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Barrier
from typing import Any

import pytest

from jurat import AccessRevoked, AlreadyConfirmed
from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests.participants import is_revoked, transfer
from store.requests.request_rows import CannotBeDone, Request, RequestKind, ask
from store.requests.request_runner import Requests
from store.verdicts.access import AccessRows
from tasks.checks import Later, NextSource, Review
from tests.store.desk import REFUSED, Desk, claiming, entry
from tests.store.passing import unguarded
from tests.store.requests.asked import CLERK, asking, audited, participants, refused, stored, wait


@pytest.fixture
def requests(desk: Desk) -> Requests:
    return Requests(desk.engine)


# ------------------------------------------------------------------------------------------------ one more answer


def test_a_question_is_reopened_and_that_is_in_the_audit_without_the_participant(
    desk: Desk, requests: Requests
) -> None:
    refused(desk)
    request = asking(RequestKind.REOPEN, question="residence")
    assert requests.do(request) is None
    assert stored(desk, request) == (True, None)
    assert audited(desk) == [(CLERK, "reopen", "budget/residence")]
    detail = desk.one("SELECT detail FROM jurat_audit WHERE action = 'reopen'")
    assert (json.loads(detail) if isinstance(detail, str) else detail) == {"request": str(request.id)}


def test_a_worker_does_what_waits_and_says_why_it_cannot(desk: Desk, requests: Requests) -> None:
    refused(desk)
    done = wait(desk, asking(RequestKind.REOPEN, question="residence"))
    unknown = wait(desk, asking(RequestKind.REOPEN, "p-9", question="residence"))
    assert requests.apply_waiting() == 2
    assert stored(desk, done) == (True, None)
    assert stored(desk, unknown) == (
        True,
        "that participant has confirmed no answer in consultation budget; check the id",
    )
    assert requests.apply_waiting() == 0


SENSELESS = [
    (asking(RequestKind.REOPEN, question="shoe-size"), "consultation budget has no question shoe-size"),
    (asking(RequestKind.REOPEN, question="profession"), r"budget/profession is on its way \(pending\)"),
    (asking(RequestKind.REOPEN), "a request of kind reopen needs question"),
    (asking(RequestKind.REOPEN, consultation="vote", question="code"), "no consultation of that name is known"),
    (asking(RequestKind.REOPEN, "p-9", question="code"), "has confirmed no answer in consultation budget"),
    (asking(RequestKind.REVOKE, "p-9"), "has confirmed no answer in consultation budget"),
    (asking(RequestKind.REVOKE, consultation="vote"), "no consultation of that name is known"),
    (asking(RequestKind.REVOKE, consultation=None), "a request of kind revoke needs consultation"),
    (asking(RequestKind.RESTORE), "access is not revoked; nothing was changed"),
    (asking(RequestKind.TRANSFER), "a request of kind transfer needs target"),
    (asking(RequestKind.TRANSFER, target="p-1"), "both ids are the same"),
    (asking(RequestKind.TRANSFER, target="p\n2"), "must be 1 to 200 printable characters"),
    (asking(RequestKind.TRANSFER, target="erased-1"), "an erased participant cannot be given anything"),
    (asking(RequestKind.TRANSFER, target="Erased-1"), "an erased participant cannot be given anything"),
    (asking(RequestKind.TRANSFER, "erased-1", target="p-2"), "nor has anything to give"),
    (asking(RequestKind.TRANSFER, "p-9", target="p-2"), "has nothing in consultation budget to transfer"),
    (asking(RequestKind.TRANSFER, consultation="vote", target="p-2"), "no consultation of that name is known"),
]
"""What is asked of a participant who was refused and has another answer on its way."""


def test_what_makes_no_sense_is_refused_with_a_sentence_and_nothing_is_stored(desk: Desk, requests: Requests) -> None:
    refused(desk)
    desk.submit("p-1", "profession")
    tables = ("jurat_checks", "jurat_access", "jurat_requests")
    before = [desk.sql(f"SELECT * FROM {table}") for table in tables]
    for request, sentence in SENSELESS:
        with pytest.raises(CannotBeDone, match=sentence) as raised:
            requests.do(request)
        assert "p-1" not in str(raised.value)
        assert "p-9" not in str(raised.value)
        assert [desk.sql(f"SELECT * FROM {table}") for table in tables] == before, sentence
    assert audited(desk) == []


def test_what_may_be_answered_anyway_is_not_reopened(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held())
    with pytest.raises(CannotBeDone, match="budget/code may be answered already"):
        requests.do(asking(RequestKind.REOPEN, question="code"))


def test_the_same_request_is_done_once(desk: Desk, requests: Requests) -> None:
    refused(desk)
    request = asking(RequestKind.REOPEN, question="residence")
    requests.do(request)
    assert requests.do(request) is None
    assert len(audited(desk)) == 1


# ------------------------------------------------------------------------------------------------ revoked, restored


def test_access_is_revoked_and_restored_in_turns(desk: Desk, requests: Requests) -> None:
    refused(desk)
    with desk.engine.begin() as connection:
        assert not is_revoked(connection, ("budget", "p-1"))
    for _ in range(2):
        requests.do(asking(RequestKind.REVOKE))
        with pytest.raises(CannotBeDone, match="revoked already"):
            requests.do(asking(RequestKind.REVOKE))
        with pytest.raises(CannotBeDone, match="restore it first"):
            requests.do(asking(RequestKind.REOPEN, question="residence"))
        with desk.engine.begin() as connection:
            assert is_revoked(connection, ("budget", "p-1"))
            assert not is_revoked(connection, ("budget", "p-2"))
        requests.do(asking(RequestKind.RESTORE))
        with pytest.raises(CannotBeDone, match="is not revoked"):
            requests.do(asking(RequestKind.RESTORE))
    assert [row[1:] for row in audited(desk)] == [("access revoke", "budget"), ("access restore", "budget")] * 2


def test_an_answer_that_could_change_nothing_is_not_reopened(desk: Desk, requests: Requests) -> None:
    """All depends on `residence`, which was refused."""
    refused(desk)
    before = desk.client.access("budget", "p-1")
    waiting = wait(desk, asking(RequestKind.REOPEN, question="profession"))
    with pytest.raises(CannotBeDone, match="another answer to budget/profession could not change this access"):
        requests.do(asking(RequestKind.REOPEN, question="profession"))
    assert requests.apply_waiting() == 1
    assert "could not change this access" in str(stored(desk, waiting)[1])
    assert desk.client.access("budget", "p-1") == before
    assert audited(desk) == []
    requests.do(asking(RequestKind.REOPEN, question="residence"))
    after = desk.client.access("budget", "p-1").rounds_left
    assert (after["residence"], after["profession"]) == (1, 2), "no round of what was refused is left behind"


def test_a_clock_that_steps_back_changes_no_order(desk: Desk, requests: Requests) -> None:
    """Of what was done before by a server whose clock was ahead."""
    desk.settle(desk.held("p-1"))
    revoked = asking(RequestKind.REVOKE)
    requests.do(revoked)
    with desk.engine.begin() as connection, unguarded(connection):
        ahead = "UPDATE jurat_requests SET asked_at = NOW(10), applied_at = NOW(10)"
        connection.exec_driver_sql(desk.clock(ahead))
    for kind in (RequestKind.RESTORE, RequestKind.REVOKE, RequestKind.RESTORE):
        requests.do(asking(kind))
        with desk.engine.begin() as connection:
            revoked_now = is_revoked(connection, ("budget", "p-1"))
        assert revoked_now is (kind is RequestKind.REVOKE)
        assert_taken = nullcontext() if kind is RequestKind.RESTORE else pytest.raises(AccessRevoked)
        with assert_taken, desk.engine.begin() as connection:
            desk.submit_on(connection, "p-1", "profession")
            connection.rollback()
        state = desk.client.access("budget", "p-1")
        assert (state.rounds_left["profession"] > 0) is (kind is RequestKind.RESTORE)


def test_a_revocation_that_waits_or_was_refused_revokes_nothing(desk: Desk, requests: Requests) -> None:
    refused(desk)
    wait(desk, asking(RequestKind.REVOKE))
    with desk.engine.begin() as connection:
        assert not is_revoked(connection, ("budget", "p-1"))
    assert requests.apply_waiting() == 1
    requests.do(asking(RequestKind.RESTORE))
    wait(desk, asking(RequestKind.RESTORE))
    assert requests.apply_waiting() == 1
    requests.do(asking(RequestKind.REVOKE))


@pytest.mark.parametrize("times", [4])
def test_of_several_who_revoke_at_once_one_does(postgresql: Desk, times: int) -> None:
    desk = postgresql
    refused(desk)
    together = Barrier(times, timeout=30)

    def revoke(_: int) -> bool:
        mine = Requests(desk.engine)
        together.wait()
        try:
            mine.do(asking(RequestKind.REVOKE))
        except CannotBeDone:
            return False
        return True

    with ThreadPoolExecutor(times) as pool:
        assert sorted(pool.map(revoke, range(times))) == [False] * (times - 1) + [True]
    assert len(audited(desk)) == 1


# ------------------------------------------------------------------------------------------------ another id


def test_a_transfer_moves_all_and_leaves_the_former_id_free(desk: Desk, requests: Requests) -> None:
    settled, waiting = refused(desk), desk.submit("p-1", "code")  # before what is accepted in its place
    desk.settle(desk.held("p-1", "profession"), claiming("10000000017", desk.fingerprints))
    desk.settle(desk.held("p-3"))
    requests.do(asking(RequestKind.REVOKE))
    before = desk.client.access("budget", "p-1")
    request = asking(RequestKind.TRANSFER, target="p-2")
    assert requests.do(request) is None
    assert participants(desk, "jurat_checks") == ["p-2", "p-2", "p-2", "p-3"]
    assert participants(desk, "jurat_access") == ["p-2", "p-3"]
    assert participants(desk, "jurat_claims") == ["p-2"]
    assert desk.client.access("budget", "p-2") == before
    assert desk.result(settled.id).participant == "p-2"
    assert desk.row(waiting.id, "state, answer IS NULL") in (("pending", False), ("pending", 0))
    with desk.engine.begin() as connection:
        assert is_revoked(connection, ("budget", "p-2"))
        assert not is_revoked(connection, ("budget", "p-1"))
    assert audited(desk)[-1] == (CLERK, "access transfer", "budget")
    desk.submit("p-1")
    assert participants(desk, "jurat_access") == ["p-1", "p-2", "p-3"]


def _with_check(desk: Desk) -> None:
    desk.submit("p-2", "code")


def _with_access_alone(desk: Desk) -> None:
    desk.write(entry(desk.held("p-2"), retain=-1.0))
    desk.sql("DELETE FROM jurat_verdicts WHERE retain_until <= NOW")
    desk.sql("DELETE FROM jurat_checks WHERE participant = 'p-2'")


def _with_revocation_alone(desk: Desk) -> None:
    request = asking(RequestKind.REVOKE, "p-2")
    wait(desk, request)
    desk.sql("UPDATE jurat_requests SET applied_at = NOW WHERE id = :id", id=desk.id(request.id))


@pytest.mark.parametrize("make", [_with_check, _with_access_alone, _with_revocation_alone])
def test_nothing_is_moved_to_an_id_that_has_something_there(
    desk: Desk, requests: Requests, make: Callable[[Desk], None]
) -> None:
    refused(desk)
    make(desk)
    with pytest.raises(CannotBeDone, match="has answers of its own in consultation budget; nothing was moved"):
        requests.do(asking(RequestKind.TRANSFER, target="p-2"))
    assert "p-1" in participants(desk, "jurat_access")


LATE = [
    Review(Reason.NAME_DIFFERS, 60.0),
    Later(1.0, Reason.SOURCE_UNAVAILABLE),
    NextSource("ban", Reason.NAME_DIFFERS),
]


@pytest.mark.parametrize("decision", [None, *LATE], ids=lambda each: type(each).__name__)
def test_what_a_worker_writes_that_knows_the_former_id_is_not_taken(
    desk: Desk, requests: Requests, decision: Any
) -> None:
    held = desk.held()
    requests.do(asking(RequestKind.TRANSFER, target="p-2"))
    assert desk.row(held.id, "state, participant, fence, lost_leases") == ("pending", "p-2", held.fence, 0)
    assert len(desk.settle(held, decision).stale) == 1
    assert participants(desk, "jurat_access") == ["p-2"]
    again = desk.claim_one()
    assert (again.participant, again.sealed) == ("p-2", held.sealed)
    desk.settle(again, REFUSED)
    assert desk.client.access("budget", "p-2").questions["residence"] == "refused"


def test_a_number_stays_with_the_person_whose_id_changed(desk: Desk, requests: Requests) -> None:
    desk.settle(desk.held("p-1", "profession"), claiming("10000000017", desk.fingerprints))
    requests.do(asking(RequestKind.TRANSFER, target="p-2"))
    late = desk.held("p-1", "profession")
    desk.settle(late, claiming("10000000017", desk.fingerprints))
    assert desk.row(late.id, "state") == "review"


def test_it_can_be_moved_on_and_back(desk: Desk, requests: Requests) -> None:
    refused(desk)
    for participant, target in (("p-1", "p-2"), ("p-2", "p-3"), ("p-3", "p-1")):
        requests.do(asking(RequestKind.TRANSFER, participant, target=target))
        assert participants(desk, "jurat_access") == [target]


def test_what_was_asked_later_about_the_former_id_does_not_follow_its_answers(desk: Desk, requests: Requests) -> None:
    refused(desk)
    wait(desk, asking(RequestKind.TRANSFER, target="p-2"))
    wait(desk, asking(RequestKind.ERASE))
    assert requests.apply_waiting() == 2
    assert participants(desk, "jurat_checks") == ["p-2"]


def test_only_a_transfer_that_waits_lets_a_check_be_renamed(desk: Desk, requests: Requests) -> None:
    refused(desk)
    requests.do(asking(RequestKind.TRANSFER, target="p-2"))
    with pytest.raises(Exception, match="whose answer to which question a check is cannot be changed"):
        desk.sql("UPDATE jurat_checks SET participant = 'p-1'")


@pytest.mark.parametrize("question", ["residence", "code"])
def test_who_submits_under_the_other_id_at_the_same_moment_keeps_their_own(postgresql: Desk, question: str) -> None:
    """The platform's transaction is open: the transfer waits for it, and is refused once it is committed."""
    desk = postgresql
    refused(desk)
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as platform:
            desk.submit_on(platform, "p-2", question)
            moving = pool.submit(Requests(desk.engine).do, asking(RequestKind.TRANSFER, target="p-2"))
            _until_one_waits(desk, moving)
        with pytest.raises(CannotBeDone, match="has answers of its own"):
            moving.result(30)
    assert participants(desk, "jurat_checks") == ["p-1", "p-2"]
    assert participants(desk, "jurat_access") == ["p-1", "p-2"]


def test_who_submits_while_the_transfer_is_open_answers_what_was_moved(postgresql: Desk) -> None:
    desk = postgresql
    refused(desk)
    request = asking(RequestKind.TRANSFER, target="p-2")
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as connection:
            ask(connection, request)
            transfer(connection, AccessRows(), request)
            again = pool.submit(desk.submit, "p-2", "residence")
            _until_one_waits(desk, again)
        with pytest.raises(AlreadyConfirmed):
            again.result(30)
    assert participants(desk, "jurat_checks") == ["p-2"]


def test_upkeep_leaves_a_participant_whom_a_platform_holds_for_the_next_turn(postgresql: Desk) -> None:
    desk = postgresql
    refused(desk)
    request = wait(desk, asking(RequestKind.TRANSFER, target="p-2"))
    with desk.engine.begin() as platform:
        desk.submit_on(platform, "p-1", "code")
        assert Requests(desk.engine).apply_waiting() == 0
        assert stored(desk, request) == (False, None)
    assert Requests(desk.engine).apply_waiting() == 1
    assert participants(desk, "jurat_checks") == ["p-2", "p-2"]


def test_a_decision_that_waited_for_a_transfer_counts_for_the_new_id(postgresql: Desk) -> None:
    desk = postgresql
    held = desk.held("p-1", "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600.0))
    request = asking(RequestKind.TRANSFER, target="p-2")
    decision = Request(uuid7(), RequestKind.DECIDE, CLERK, check_id=held.id, reason=Reason.PERSON_ACCEPTED)
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as connection:
            ask(connection, request)
            transfer(connection, AccessRows(), request)
            deciding = pool.submit(Requests(desk.engine).do, decision)
            _until_one_waits(desk, deciding)
        deciding.result(30)
    assert desk.client.access("budget", "p-2").questions["profession"] == "accepted"
    assert participants(desk, "jurat_access") == ["p-2"]


def _until_one_waits(desk: Desk, doing: Any) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not desk.one(waiting):
        assert not doing.done(), doing.result()
