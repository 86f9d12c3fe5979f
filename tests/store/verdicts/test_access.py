"""What the verdicts of one participant add up to, as the ledger keeps it in `jurat_access`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DataError

from jurat import AlreadyConfirmed, NotNeeded
from jurat.access import AccessSummary, Confirmed, QuestionStatus, add_up, question_status
from jurat.ids import uuid7
from jurat.vocabulary import AccessState, Outcome, QuestionState, Reason, State
from store.requests.request_runner import Request, RequestKind, Requests
from store.verdicts.verdict_writer import VerdictWriter
from tasks.checks import ClaimedCheck, Decision, Later, Review, Settle
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, UNAVAILABLE, UNDETERMINED, Desk, entry
from tests.store.passing import unguarded
from tests.store.reviews import ReviewDecisions

NOW = datetime.now(UTC)
"""Whenever: no answer of these ends."""

SOURCES = {"residence": "towns", "profession": "rpps", "code": "spring"}
DECISIONS: Sequence[Decision] = (
    ACCEPTED,
    REFUSED,
    UNDETERMINED,
    UNAVAILABLE,
    Settle(Outcome.UNDETERMINED, Reason.CODE_MALFORMED),
    Review(Reason.NAME_DIFFERS, 60),
    Later(60, Reason.SOURCE_UNAVAILABLE),
)


class Expected:
    """What is confirmed of one participant, and what the contract says that it adds up to."""

    def __init__(self, desk: Desk) -> None:
        self._rule = desk.terms.rules["budget"]
        self._terms = desk.terms.questions["budget"]
        self.confirmed: dict[str, list[Confirmed]] = {name: [] for name in self._terms}

    def decided(self, question: str, decision: Decision) -> None:
        match decision:
            case Settle(outcome=outcome, reason=reason):
                self.confirmed[question][-1] = Confirmed(State.SETTLED, outcome, reason)
            case Review():
                self.confirmed[question][-1] = Confirmed(State.REVIEW)

    def check(self, desk: Desk, participant: str) -> None:
        expected = self.added_up()
        found = desk.client.access("budget", participant)
        assert dict(found.questions) == expected.states
        assert dict(found.rounds_left) == expected.rounds_left
        assert found.state is expected.access

    def added_up(self) -> AccessSummary:
        return add_up(self._rule, {name: self.status(name) for name in self._terms}, NOW)

    def status(self, question: str) -> QuestionStatus:
        return question_status(self.confirmed[question], self._terms[question], NOW)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_access_is_what_the_history_adds_up_to_after_every_submit_and_every_write(
    desk: Desk, data: st.DataObject
) -> None:
    participant = f"p-{desk.one('SELECT count(*) FROM jurat_access')}"
    expected = Expected(desk)
    for question, decision in data.draw(
        st.lists(st.tuples(st.sampled_from(list(SOURCES)), st.sampled_from(DECISIONS)), max_size=7)
    ):
        try:
            desk.submit(participant, question)
        except NotNeeded:
            assert question in expected.added_up().ended
            continue
        except AlreadyConfirmed:
            assert expected.status(question).left == 0 or (expected.confirmed[question][-1].state is not State.SETTLED)
            continue
        expected.confirmed[question].append(Confirmed(State.PENDING))
        expected.check(desk, participant)
        desk.settle(desk.claim_one(SOURCES[question]), decision)
        expected.decided(question, decision)
        expected.check(desk, participant)


def test_several_answers_of_one_participant_in_one_batch_count_together(desk: Desk) -> None:
    held = [desk.held("p-1", question) for question in ("residence", "profession")]
    desk.write(*map(entry, held))
    assert desk.access() == AccessState.GRANTED


def test_a_blocked_participant_stays_blocked_and_others_do_not_care(desk: Desk) -> None:
    desk.settle(desk.held("p-1"), REFUSED)
    desk.settle(desk.held("p-2"))
    assert (desk.access("p-1"), desk.access("p-2")) == (AccessState.BLOCKED, AccessState.INCOMPLETE)


LOST = {"survey": {"questions": DOCUMENT["consultations"]["budget"]["questions"]}}


def lose(desk: Desk) -> None:
    """The configuration no longer has the consultation."""
    desk.apply({**DOCUMENT, "consultations": LOST}, force=True)


def test_a_consultation_that_the_configuration_lost_grants_nothing(desk: Desk) -> None:
    held = desk.held()
    lose(desk)
    desk.settle(held)
    assert desk.sql("SELECT access FROM jurat_access") == [("blocked",)]
    desk.apply(DOCUMENT)
    desk.upkeep.add_up_access()
    assert desk.access() == AccessState.INCOMPLETE


def test_nor_does_time_grant_it(desk: Desk) -> None:
    desk.settle(desk.held())
    desk.sql("UPDATE jurat_access SET changes_at = NOW(-1)")
    lose(desk)
    desk.upkeep.add_up_access()
    assert desk.sql("SELECT access, changes_at FROM jurat_access") == [("blocked", None)]


def test_what_it_granted_before_holds_to_its_end_and_no_longer(desk: Desk) -> None:
    for question in ("residence", "profession"):
        desk.settle(desk.held("p-1", question))
    desk.sql("UPDATE jurat_access SET granted_until = NOW(3600), changes_at = NOW(-1)")
    lose(desk)
    desk.upkeep.add_up_access()
    assert desk.sql("SELECT access FROM jurat_access") == [("granted",)]
    assert desk.one("SELECT changes_at = granted_until FROM jurat_access")
    desk.sql("UPDATE jurat_access SET granted_until = NOW(-1), changes_at = NOW(-1)")
    desk.upkeep.add_up_access()
    assert desk.sql("SELECT access, granted_until, changes_at FROM jurat_access") == [("blocked", None, None)]


def test_an_earlier_refusal_that_a_person_looks_at_again_keeps_the_access_open(desk: Desk) -> None:
    desk.settle(desk.held())
    first = desk.held("p-1", "profession")
    desk.settle(first, REFUSED)
    for question in ("profession", "code", "code", "code"):
        desk.settle(desk.held("p-1", question), REFUSED)
    assert desk.access() == AccessState.BLOCKED
    ReviewDecisions(desk.engine).reopen(first.id, "a clerk")
    assert desk.client.access("budget", "p-1").questions["profession"] is QuestionState.REVIEW
    assert desk.access() == AccessState.PENDING


def settle_at_once(desk: Desk, rounds: int) -> list[str]:
    """Two answers each of so many participants, every pair settled by two writers at the same moment."""
    questions = ("residence", "profession")
    for question in questions:
        desk.submit_many(rounds, question)
    held = [
        sorted(desk.claim(SOURCES[question], free=rounds), key=lambda check: check.participant)
        for question in questions
    ]
    start = threading.Barrier(2, timeout=30)

    def settle(mine: list[ClaimedCheck]) -> None:
        writer = VerdictWriter(desk.engine)
        for check in mine:
            start.wait()
            waiting = [entry(check)]
            while waiting:
                waiting = writer.write(waiting).busy

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(settle, mine) for mine in held]:
            done.result(110)
    return [row[0] for row in desk.sql("SELECT access FROM jurat_access")]


def test_two_answers_settled_by_two_writers_of_one_file_grant_access_each_time(sqlite: Desk) -> None:
    assert settle_at_once(sqlite, 100) == ["granted"] * 100


@pytest.mark.slow
@pytest.mark.acceptance
def test_two_answers_settled_by_two_workers_at_once_grant_access_hundreds_of_times(postgresql: Desk) -> None:
    assert settle_at_once(postgresql, 300) == ["granted"] * 300


def test_a_row_that_cannot_be_added_up_keeps_nobody_elses_waiting(desk: Desk) -> None:
    desk.submit_many(9)
    Requests(desk.engine).do(Request(uuid7(), RequestKind.REVOKE, "a clerk", consultation="budget", participant="p-4"))
    unreadable = "infinity" if desk.postgresql else "yesterday"
    with desk.engine.begin() as connection, unguarded(connection):
        connection.exec_driver_sql(f"UPDATE jurat_requests SET kind = 'reopen', applied_at = '{unreadable}'")
    desk.sql("UPDATE jurat_access SET changes_at = NOW(-1)")
    for _ in range(2):
        with pytest.raises((ValueError, DataError)):
            desk.upkeep.add_up_access()
        assert desk.sql("SELECT participant FROM jurat_access WHERE changes_at IS NOT NULL") == [("p-4",)]
