"""Decisions that wait for a minute, on both engines: carried out or taken back, and never both."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from jurat.database import open_engine
from jurat.ids import uuid7
from jurat.vocabulary import Reason
from store.requests import request_runner
from store.requests.decisions import ReviewError
from store.requests.pending_decisions import TAKEN_BACK, decide_later, take_back
from store.requests.request_rows import Request, RequestKind, WrongRequest
from store.requests.request_runner import Requests
from store.requests.withdrawals import delayed_requests
from tasks.checks import Review
from tests.rigs.logins import Logins, plain
from tests.store.desk import Desk
from tests.store.requests.asked import CLERK, asking, stored

ROUNDS = 12


def in_review(desk: Desk, participant: str = "p-1") -> UUID:
    held = desk.held(participant, "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
    return held.id


def deciding(check: UUID, by_whom: str = CLERK) -> Request:
    return Request(uuid7(), RequestKind.DECIDE, by_whom, check_id=check, reason=Reason.PERSON_ACCEPTED)


def waits(desk: Desk, check: UUID) -> Request:
    """A decision whose time has come, and which no worker has carried out yet."""
    request = deciding(check)
    decide_later(desk.engine, request)
    desk.sql("UPDATE jurat_requests SET apply_from = NOW(-1) WHERE applied_at IS NULL")
    return request


def told(act: Callable[[], object]) -> str:
    try:
        act()
    except ReviewError as error:
        return str(error)
    return ""


def test_it_is_carried_out_or_taken_back_and_never_both(desk: Desk) -> None:
    """A worker and the reviewer at the same moment, again and again."""
    requests, together = Requests(desk.engine), Barrier(2)
    for number in range(ROUNDS):
        check = in_review(desk, f"p-{number}")
        request = waits(desk, check)

        def take(request: Request = request) -> str:
            together.wait(10)
            return told(lambda: take_back(desk.engine, request.id, CLERK))

        def work() -> int:
            together.wait(10)
            return requests.apply_waiting()

        with ThreadPoolExecutor(2) as pool:
            taking, working = pool.submit(take), pool.submit(work)
        done = working.result() == 1
        assert bool(taking.result()) == done, "one of them came first, and the other knows"
        assert desk.verdicts(check) == ([("accepted", "person_accepted")] if done else [])
        assert stored(desk, request) == (True, None if done else TAKEN_BACK)
        assert desk.row(check, "state") == ("settled" if done else "review")
    taken = "SELECT count(*) FROM jurat_audit WHERE action = 'review take back'"
    assert desk.one(taken) + desk.one("SELECT count(*) FROM jurat_verdicts") == ROUNDS


def test_who_takes_it_back_while_a_worker_carries_it_out_comes_too_late(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = in_review(desk)
    request = waits(desk, check)
    decide = request_runner.ACTIONS[RequestKind.DECIDE]
    with ThreadPoolExecutor(1) as pool:
        taking: list[Future[str]] = []

        def in_the_middle(*given: Any) -> str | None:
            taking.append(pool.submit(told, lambda: take_back(desk.engine, request.id, CLERK)))
            with pytest.raises(TimeoutError):
                taking[0].result(timeout=0.3)
            return decide(*given)

        actions = {**request_runner.ACTIONS, RequestKind.DECIDE: in_the_middle}
        monkeypatch.setattr(request_runner, "ACTIONS", actions)
        assert Requests(desk.engine).apply_waiting() == 1
        assert taking[0].result(timeout=10).startswith("it has taken effect")
    assert desk.verdicts(check) == [("accepted", "person_accepted")]
    assert stored(desk, request) == (True, None)


def test_of_two_who_decide_at_once_one_waits_and_the_other_is_told(desk: Desk) -> None:
    together = Barrier(2)
    for number in range(ROUNDS):
        check = in_review(desk, f"p-{number}")

        def decide(name: str, check: UUID = check) -> str:
            together.wait(10)
            return told(lambda: decide_later(desk.engine, deciding(check, name)))

        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(decide, ("clerk-7", "clerk-8")))
        assert said == ["", f"another decision about check {check} is about to take effect"]


def test_an_id_is_one_decision(desk: Desk) -> None:
    check, other = in_review(desk), in_review(desk, "p-2")
    request = deciding(check)
    for _ in range(2):
        decide_later(desk.engine, request)
    with pytest.raises(WrongRequest, match="belongs to another request"):
        decide_later(desk.engine, Request(request.id, RequestKind.DECIDE, CLERK, check_id=other, reason=request.reason))
    assert desk.one("SELECT count(*) FROM jurat_requests") == 1


def test_what_is_not_in_review_is_not_decided(desk: Desk) -> None:
    for check in (desk.submit("p-1").id, uuid7()):
        with pytest.raises(ReviewError, match="is not in review"):
            decide_later(desk.engine, deciding(check))
    assert desk.sql("SELECT id FROM jurat_requests") == []


def test_an_erasure_comes_first(desk: Desk) -> None:
    check = in_review(desk)
    request = deciding(check)
    decide_later(desk.engine, request)
    Requests(desk.engine).do(asking(RequestKind.ERASE))
    assert told(lambda: take_back(desk.engine, request.id, CLERK)).startswith("it has taken effect, or could not")
    assert desk.verdicts(check) == []


@pytest.mark.parametrize("taken", ["REVOKE jurat_reviewer FROM {}", "ALTER ROLE {} NOLOGIN", "SELECT '{}'"])
def test_whose_right_is_taken_away_meanwhile_decides_nothing(postgresql: Desk, taken: str) -> None:
    check = in_review(postgresql)
    with Logins(postgresql.url) as logins:
        url = logins.url("jurat_reviewer")
        engine, request = open_engine(url), deciding(check)
        decide_later(engine, request)
        engine.dispose()
        with plain(postgresql.url) as connection:
            connection.execute(taken.format(engine.url.username).encode())
        postgresql.sql("UPDATE jurat_requests SET apply_from = NOW(-1)")
        assert Requests(postgresql.engine).apply_waiting() == 1
    lost = None if taken.startswith("SELECT") else "its user of the database may not decide any more"
    assert stored(postgresql, request) == (True, lost)
    assert len(postgresql.verdicts(check)) == (lost is None)


def test_what_administrators_withdraw_are_no_decisions(desk: Desk) -> None:
    decide_later(desk.engine, deciding(in_review(desk)))
    assert delayed_requests(desk.engine) == []
