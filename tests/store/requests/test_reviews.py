"""Persons decide, on both engines: there is one verdict, whatever others do, and nothing earlier is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from jurat.vocabulary import AccessState, Outcome, Reason, State
from store.requests.decisions import ReviewError
from store.upkeep.upkeep import Upkeep
from tasks.checks import ClaimedCheck, Review
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, UNDETERMINED, Desk, attempt, entry
from tests.store.reviews import ReviewDecisions

NOBODY = UUID(int=7)
CLERK = "a clerk"
QUESTIONS = DOCUMENT["consultations"]["budget"]["questions"]
WITHOUT_PROFESSION = {
    **DOCUMENT,
    "consultations": {
        "budget": {"questions": {name: QUESTIONS[name] for name in ("residence", "code")}, "retain": "30d"}
    },
}


@pytest.fixture
def decisions(desk: Desk) -> ReviewDecisions:
    return ReviewDecisions(desk.engine)


def in_review(desk: Desk, participant: str = "p-1", question: str = "profession") -> ClaimedCheck:
    held = desk.held(participant, question)
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600), attempt=attempt(reason=Reason.NAME_DIFFERS))
    return held


def states(desk: Desk, participant: str = "p-1") -> Any:
    return dict(desk.client.access("budget", participant).questions)


def audited(desk: Desk) -> list[tuple[Any, ...]]:
    rows = desk.sql("SELECT actor, action, subject FROM jurat_audit WHERE action <> 'config apply' ORDER BY id")
    return [tuple(row) for row in rows]


# ------------------------------------------------------------------------------------------------ decisions


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (Reason.PERSON_ACCEPTED, "accepted"),
        (Reason.PERSON_REFUSED, "refused"),
        (Reason.PROFESSION_NOT_ELIGIBLE, "refused"),
    ],
)
def test_a_persons_word_is_the_verdict(desk: Desk, decisions: ReviewDecisions, reason: Reason, outcome: str) -> None:
    held = in_review(desk)
    assert decisions.decide(held.id, reason, CLERK, {"seen": "card"}) == 1
    ((*verdict, evidence),) = desk.sql(
        "SELECT revision, outcome, reason, decided_by, config_version, source, fence, evidence FROM jurat_verdicts"
    )
    assert verdict == [1, outcome, reason, "reviewer", 1, "rpps", held.fence + 1]
    assert evidence in ({"seen": "card"}, '{"seen":"card"}')
    assert desk.row(held.id, "state, answer, lease_until, fence") == ("settled", None, None, held.fence + 1)
    assert desk.row(held.id, "settled_at") is not None
    assert states(desk)["profession"] == outcome
    assert desk.one("SELECT decided_at FROM jurat_reviews") is not None
    assert audited(desk) == [(CLERK, "review decide", str(held.id))]


@pytest.mark.parametrize("decided", [True, False])
def test_the_evidence_of_a_review_goes_when_it_ends(desk: Desk, decisions: ReviewDecisions, decided: bool) -> None:
    held = desk.held("p-1", "profession")
    desk.settle(held, Review(Reason.NEAR_BORDER, 3600, {"distance_m": 10}))
    assert "distance_m" in str(desk.one("SELECT evidence FROM jurat_reviews"))
    if decided:
        decisions.decide(held.id, Reason.PERSON_ACCEPTED, CLERK)
    else:
        desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
        desk.upkeep.end_reviews()
    assert desk.one("SELECT evidence FROM jurat_reviews") in ({}, "{}")


def test_a_decision_counts_for_the_access_at_once(desk: Desk, decisions: ReviewDecisions) -> None:
    desk.settle(desk.held())
    held = in_review(desk)
    assert desk.access() == AccessState.PENDING
    decisions.decide(held.id, Reason.PERSON_ACCEPTED, CLERK)
    assert desk.access() == AccessState.GRANTED


def test_a_decision_is_kept_as_long_as_the_consultation_says(desk: Desk, decisions: ReviewDecisions) -> None:
    desk.apply({**DOCUMENT, "consultations": {"budget": {"questions": QUESTIONS, "retain": "30d"}}})
    decisions.decide(in_review(desk).id, Reason.PERSON_REFUSED, CLERK)
    month = 30 * 86400
    kept = f"retain_until > NOW({month - 60}) AND retain_until <= NOW({month})"
    assert desk.one(f"SELECT count(*) FROM jurat_verdicts WHERE {kept}") == 1


@pytest.mark.parametrize("reason", [Reason.NAME_DIFFERS, Reason.INSIDE_ZONE, Reason.CODE_VALID, Reason.WORKER_LOST])
def test_a_reason_that_is_no_persons_decides_nothing(desk: Desk, decisions: ReviewDecisions, reason: Reason) -> None:
    held = in_review(desk)
    with pytest.raises(ReviewError, match=rf"{reason} is not for a person to say; expected one of person_accepted, "):
        decisions.decide(held.id, reason, CLERK)
    assert desk.row(held.id, "state") == "review"


@pytest.mark.parametrize(
    "evidence", [{"note": "\ud800"}, {"note": float("nan")}], ids=["half a character", "no number"]
)
def test_evidence_that_cannot_be_stored_changes_nothing(desk: Desk, decisions: ReviewDecisions, evidence: Any) -> None:
    held = in_review(desk)
    with pytest.raises(ReviewError, match="the evidence cannot be stored"):
        decisions.decide(held.id, Reason.PERSON_ACCEPTED, CLERK, evidence)
    assert desk.row(held.id, "state, answer") == ("review", held.sealed)
    assert (desk.verdicts(held.id), audited(desk)) == ([], [])


def _settled(desk: Desk) -> UUID:
    held = desk.held()
    desk.settle(held, REFUSED)
    return held.id


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda desk: NOBODY, f"there is no check {NOBODY}"),
        (lambda desk: desk.submit().id, r"is not in review \(pending\): no person has to decide it, or no one did"),
        (lambda desk: desk.held().id, r"is not in review \(leased\)"),
        (_settled, r"is decided already: refused, status_inactive \(revision 1\); open it again first"),
    ],
    ids=["unknown", "pending", "leased", "settled"],
)
def test_what_is_not_in_review_is_not_decided(
    desk: Desk, decisions: ReviewDecisions, make: Callable[[Desk], UUID], sentence: str
) -> None:
    check = make(desk)
    before = desk.sql("SELECT * FROM jurat_checks"), desk.sql("SELECT * FROM jurat_verdicts")
    with pytest.raises(ReviewError, match=sentence):
        decisions.decide(check, Reason.PERSON_ACCEPTED, CLERK)
    assert (desk.sql("SELECT * FROM jurat_checks"), desk.sql("SELECT * FROM jurat_verdicts")) == before
    assert audited(desk) == []


def test_nothing_that_a_worker_still_has_gets_in_after_a_decision(desk: Desk, decisions: ReviewDecisions) -> None:
    held = in_review(desk)
    decisions.decide(held.id, Reason.PERSON_REFUSED, CLERK)
    assert len(desk.settle(held, ACCEPTED).stale) == 1
    assert desk.verdicts(held.id) == [("refused", "person_refused")]


@pytest.mark.parametrize("times", [12])
def test_of_several_persons_and_upkeep_at_the_same_moment_one_decides(desk: Desk, times: int) -> None:
    """The review is overdue, so that upkeep may end it."""
    reasons = (Reason.PERSON_ACCEPTED, Reason.PERSON_REFUSED, Reason.PERSON_ACCEPTED)
    checks = [in_review(desk, f"p-{number}").id for number in range(times)]
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    together = Barrier(len(reasons) + 1, timeout=30)

    def decide(check: UUID, reason: Reason) -> bool:
        mine = ReviewDecisions(desk.engine)
        together.wait()
        try:
            mine.decide(check, reason, CLERK)
        except ReviewError:
            return False
        return True

    def end(_: UUID) -> int:
        mine = Upkeep(desk.engine)
        together.wait()
        return mine.end_reviews()

    with ThreadPoolExecutor(len(reasons) + 1) as pool:
        for check in checks:
            deciding = [pool.submit(decide, check, reason) for reason in reasons]
            pool.submit(end, check).result(60)
            decided = sum(each.result(60) for each in deciding)
            state = desk.row(check, "state")
            assert (decided, state) in ((1, "settled"), (0, "pending"))
            assert len(desk.verdicts(check)) == decided
    pending = desk.one("SELECT count(*) FROM jurat_checks WHERE state = 'pending'")
    assert desk.one("SELECT count(*) FROM jurat_audit WHERE action = 'review decide'") == times - pending
    for number in range(times):
        assert states(desk, f"p-{number}")["profession"] in ("accepted", "refused", "pending")


# ------------------------------------------------------------------------------------------------ reopening


def test_a_settled_check_goes_before_a_person_and_its_verdict_stays(desk: Desk, decisions: ReviewDecisions) -> None:
    held = desk.held()
    desk.settle(held, REFUSED)
    assert desk.access() == AccessState.BLOCKED
    decisions.reopen(held.id, CLERK)
    assert desk.row(held.id, "state, answer, settled_at, fence") == ("review", None, None, held.fence)
    assert states(desk)["residence"] == "review"
    assert desk.access() == AccessState.PENDING
    assert desk.verdicts(held.id) == [("refused", "status_inactive")]
    result = desk.result(held.id)
    assert (result.state, result.outcome, result.revision) == (State.REVIEW, Outcome.REFUSED, 1)
    ((reason, version),) = desk.sql("SELECT reason, config_version FROM jurat_reviews WHERE decided_at IS NULL")
    assert (reason, version) == ("status_inactive", 1)
    fortnight = 14 * 86400
    due = f"due_at > NOW({fortnight - 60}) AND due_at <= NOW({fortnight})"
    assert desk.one(f"SELECT count(*) FROM jurat_reviews WHERE {due}") == 1
    assert audited(desk) == [(CLERK, "review open", str(held.id))]


def test_a_decision_after_reopening_is_the_next_revision(desk: Desk, decisions: ReviewDecisions) -> None:
    desk.settle(desk.held(question="profession"))
    held = desk.held()
    desk.settle(held, REFUSED)
    decisions.reopen(held.id, CLERK)
    assert decisions.decide(held.id, Reason.PERSON_ACCEPTED, CLERK) == 2
    assert desk.verdicts(held.id) == [("refused", "status_inactive"), ("accepted", "person_accepted")]
    fences = desk.sql("SELECT fence FROM jurat_verdicts WHERE check_id = :id ORDER BY revision", id=desk.id(held.id))
    assert [row[0] for row in fences] == [held.fence, held.fence + 1]
    assert desk.access() == AccessState.GRANTED
    decisions.reopen(held.id, CLERK)
    assert desk.access() == AccessState.GRANTED, "a verdict holds until there is another"
    assert decisions.decide(held.id, Reason.PERSON_REFUSED, CLERK) == 3
    assert desk.access() == AccessState.BLOCKED


@pytest.mark.parametrize("verdict", [ACCEPTED, REFUSED, UNDETERMINED], ids=lambda verdict: verdict.outcome)
def test_a_reopening_that_nobody_decides_leaves_the_verdict_as_it_was(
    desk: Desk, decisions: ReviewDecisions, verdict: Any
) -> None:
    held = desk.held()
    desk.settle(held, verdict)
    before = desk.client.access("budget", "p-1")
    decisions.reopen(held.id, CLERK)
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert desk.upkeep.end_reviews() == 1
    assert desk.row(held.id, "state") == "settled"
    assert desk.row(held.id, "settled_at") is not None
    assert len(desk.verdicts(held.id)) == 1
    assert desk.client.access("budget", "p-1") == before
    assert (desk.claims.claim_overdue(10, {}), desk.upkeep.end_reviews()) == ([], 0)


def test_by_force_a_reopened_check_keeps_its_verdict_too(desk: Desk, decisions: ReviewDecisions) -> None:
    held = desk.held(question="profession")
    desk.settle(held)
    decisions.reopen(held.id, CLERK)
    desk.apply(WITHOUT_PROFESSION, force=True)
    assert desk.row(held.id, "state") == "settled"
    questions = desk.one("SELECT questions FROM jurat_access")
    assert (json.loads(questions) if isinstance(questions, str) else questions)["profession"] == "accepted"


def test_what_is_before_a_person_is_not_purged(desk: Desk, decisions: ReviewDecisions) -> None:
    gone, reopened = desk.held("p-1"), desk.held("p-2")
    desk.write(entry(gone, retain=-1.0), entry(reopened, retain=-1.0))
    decisions.reopen(reopened.id, CLERK)
    assert desk.upkeep.purge() == 1
    assert desk.row(reopened.id, "state") == "review"
    decisions.decide(reopened.id, Reason.PERSON_REFUSED, CLERK)
    assert desk.upkeep.purge() == 0


def _reopened(desk: Desk) -> UUID:
    check = _settled(desk)
    ReviewDecisions(desk.engine).reopen(check, "another clerk")
    return check


def _without_question(desk: Desk) -> UUID:
    held = desk.held(question="profession")
    desk.settle(held)
    desk.apply(WITHOUT_PROFESSION)
    return held.id


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda desk: NOBODY, f"there is no check {NOBODY}"),
        (lambda desk: desk.submit().id, r"is on its way \(pending\); wait for its verdict"),
        (lambda desk: desk.held().id, r"is on its way \(leased\); wait for its verdict"),
        (lambda desk: in_review(desk).id, "is in review already; decide it"),
        (_reopened, "is in review already; decide it"),
        (_without_question, "question budget/profession is no longer configured"),
    ],
    ids=["unknown", "pending", "leased", "in review", "reopened", "without question"],
)
def test_what_is_not_settled_or_not_asked_any_more_is_not_reopened(
    desk: Desk, decisions: ReviewDecisions, make: Callable[[Desk], UUID], sentence: str
) -> None:
    check = make(desk)
    before = desk.sql("SELECT * FROM jurat_checks"), desk.sql("SELECT * FROM jurat_reviews")
    with pytest.raises(ReviewError, match=sentence):
        decisions.reopen(check, CLERK)
    assert (desk.sql("SELECT * FROM jurat_checks"), desk.sql("SELECT * FROM jurat_reviews")) == before


# ------------------------------------------------------------------------------------------------ a held access row


def test_upkeep_passes_over_a_participant_whom_a_platform_holds(postgresql: Desk) -> None:
    desk = postgresql
    held = [in_review(desk, participant) for participant in ("p-1", "p-2")]
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    with desk.engine.begin() as platform:
        desk.submit_on(platform, "p-1", "code")
        assert desk.upkeep.end_reviews() == 1
        assert [desk.row(check.id, "state") for check in held] == ["review", "pending"]
    assert desk.upkeep.end_reviews() == 1


def test_a_person_waits_for_a_participant_whom_a_platform_holds(postgresql: Desk) -> None:
    desk = postgresql
    held = in_review(desk)
    with ThreadPoolExecutor(1) as pool:
        with desk.engine.begin() as platform:
            desk.submit_on(platform, "p-1", "code")
            deciding = pool.submit(ReviewDecisions(desk.engine).decide, held.id, Reason.PERSON_ACCEPTED, CLERK)
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            while not desk.one(waiting):
                assert not deciding.done()
        assert deciding.result(60) == 1
    assert states(desk) == {"residence": "open", "profession": "accepted", "code": "pending"}
