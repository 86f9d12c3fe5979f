"""Contests and four eyes, on both engines: what a worker makes of them, and what is left when the review ends."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from jurat.ids import uuid7
from jurat.seal import Seal
from jurat.vocabulary import AccessState, Reason, State
from store.explanation import Explanations
from store.requests.decisions import SECOND_PERSON, ReviewError, opinions
from store.requests.request_rows import ask
from store.requests.request_runner import CannotBeDone, Request, RequestKind, Requests
from store.upkeep.upkeep import Upkeep
from tasks.checks import ClaimedCheck, Review
from tests.store.desk import ACCEPTED, DOCUMENT, PUBLIC_KEY, REFUSED, UNAVAILABLE, UNDETERMINED, Desk, entry
from tests.store.passing import let_pass
from tests.store.reviews import ReviewDecisions

CLERK, OTHER = "a clerk", "another clerk"
NOTE = "the register is of March"
SEAL = Seal(PUBLIC_KEY)
BUDGET = DOCUMENT["consultations"]["budget"]
FOUR_EYES = {**DOCUMENT, "consultations": {"budget": {**BUDGET, "four_eyes": True}}}


def settled(desk: Desk, decision: Any = REFUSED, participant: str = "p-1") -> UUID:
    held = desk.held(participant)
    desk.settle(held, decision)
    return held.id


def contest(desk: Desk, check: UUID, **given: Any) -> UUID:
    with desk.engine.begin() as connection:
        return desk.client.contest(connection, check, **{"note": NOTE, **given})


def in_review(desk: Desk, participant: str = "p-1") -> ClaimedCheck:
    held = desk.held(participant, "profession")
    desk.settle(held, Review(Reason.NAME_DIFFERS, 3600))
    return held


def written(check: UUID, note: str | None = NOTE) -> Request:
    """A contest as a platform's own INSERT makes it, that looks at nothing before."""
    sealed = None if note is None else SEAL.close(note.encode())
    return Request(uuid7(), RequestKind.CONTEST, "participant", check_id=check, note=sealed, note_key=SEAL.key_id)


def notes(desk: Desk) -> int:
    count: int = desk.one("SELECT count(*) FROM jurat_requests WHERE note IS NOT NULL OR note_key IS NOT NULL")
    return count


def audited(desk: Desk) -> list[tuple[Any, ...]]:
    rows = desk.sql("SELECT actor, action FROM jurat_audit WHERE action <> 'config apply' ORDER BY id")
    return [tuple(row) for row in rows]


def states(desk: Desk) -> Any:
    return dict(desk.client.access("budget", "p-1").questions)


# ------------------------------------------------------------------------------------------------ contests


@pytest.mark.parametrize("verdict", [REFUSED, UNDETERMINED, UNAVAILABLE], ids=lambda verdict: verdict.reason)
def test_a_contested_verdict_goes_before_a_person_and_stands_meanwhile(desk: Desk, verdict: Any) -> None:
    check = settled(desk, verdict)
    contest(desk, check, document="folder 7")
    assert desk.result(check).state is State.SETTLED
    assert desk.upkeep.do_requests() == 1
    result = desk.result(check)
    assert (result.state, result.outcome, result.revision) == (State.REVIEW, verdict.outcome, 1)
    assert states(desk)["residence"] == "review"
    assert desk.access() == AccessState.PENDING
    (queued,) = Explanations(desk.engine).queue()
    assert (queued.check_id, queued.reason, queued.evidence) == (check, verdict.reason, {"contested": 1})
    assert (queued.contested, queued.document, queued.words, queued.overdue) == (True, "folder 7", [], False)
    fortnight = 14 * 86400
    due = f"due_at > NOW({fortnight - 60}) AND due_at <= NOW({fortnight})"
    assert desk.one(f"SELECT count(*) FROM jurat_reviews WHERE {due}") == 1
    assert audited(desk) == [("participant", "contest")]


def test_access_stays_blocked_where_no_decision_could_grant_it(desk: Desk) -> None:
    check = settled(desk)
    desk.apply({**DOCUMENT, "consultations": {"budget": {**BUDGET, "access": {"all_of": ["residence", "code"]}}}})
    for _ in range(3):
        held = desk.held(question="code")
        desk.settle(held, REFUSED)
    contest(desk, check)
    desk.upkeep.do_requests()
    assert states(desk)["residence"] == "review"
    assert desk.access() == AccessState.BLOCKED


def test_the_note_is_opened_by_the_workers_key_and_that_is_in_the_audit(desk: Desk) -> None:
    check = settled(desk)
    contest(desk, check)
    decisions = ReviewDecisions(desk.engine)
    with pytest.raises(ReviewError, match="is settled: its answer is shown only while it is in review"):
        decisions.sealed(check, CLERK)
    desk.upkeep.do_requests()
    sealed = decisions.sealed(check, CLERK)
    assert sealed.note is not None
    assert desk.unseal.open(sealed.note, sealed.note_key).decode() == NOTE
    assert sealed.answer is None
    assert audited(desk)[-1] == (CLERK, "review answer")
    assert NOTE not in repr(sealed)


def test_the_answer_is_opened_where_no_source_could_decide(desk: Desk) -> None:
    held = in_review(desk)
    sealed = ReviewDecisions(desk.engine).sealed(held.id, CLERK)
    assert (sealed.answer, sealed.note) == (held.sealed, None)


def test_the_answer_of_a_check_on_its_way_is_shown_to_nobody(desk: Desk) -> None:
    held = desk.held()
    for show in (ReviewDecisions(desk.engine).sealed, ReviewDecisions(desk.engine).answer):
        with pytest.raises(ReviewError, match="is leased: its answer is shown only while it is in review"):
            show(held.id, CLERK)
    assert audited(desk) == []


def test_a_decision_erases_the_note_and_is_the_last_word(desk: Desk) -> None:
    desk.settle(desk.held(question="profession"))
    check = settled(desk)
    contest(desk, check)
    desk.upkeep.do_requests()
    assert notes(desk) == 1
    Requests(desk.engine).do(Request(uuid7(), RequestKind.DECIDE, CLERK, check_id=check, reason=Reason.PERSON_REFUSED))
    assert notes(desk) == 0
    assert desk.verdicts(check) == [("refused", "status_inactive"), ("refused", "person_refused")]
    assert desk.access() == AccessState.BLOCKED
    with pytest.raises(CannotBeDone, match="its verdict was contested before"):
        Requests(desk.engine).do(written(check))


def test_a_contest_that_a_person_grants_gives_access(desk: Desk) -> None:
    desk.settle(desk.held(question="profession"))
    check = settled(desk)
    assert desk.access() == AccessState.BLOCKED
    contest(desk, check)
    desk.upkeep.do_requests()
    Requests(desk.engine).do(Request(uuid7(), RequestKind.DECIDE, CLERK, check_id=check, reason=Reason.PERSON_ACCEPTED))
    assert desk.access() == AccessState.GRANTED


def test_a_contest_that_nobody_decides_in_time_leaves_the_verdict_and_no_note(desk: Desk) -> None:
    check = settled(desk)
    before = desk.client.access("budget", "p-1")
    contest(desk, check)
    desk.upkeep.do_requests()
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert [each.overdue for each in Explanations(desk.engine).queue(overdue=True)] == [True]
    assert desk.upkeep.end_reviews() == 1
    assert notes(desk) == 0
    assert desk.client.access("budget", "p-1") == before
    assert desk.verdicts(check) == [("refused", "status_inactive")]
    with pytest.raises(CannotBeDone, match="was contested before; a verdict is contested once"):
        Requests(desk.engine).do(written(check))


def test_by_force_a_contested_check_keeps_its_verdict_and_no_note(desk: Desk) -> None:
    check = settled(desk)
    contest(desk, check)
    desk.upkeep.do_requests()
    left = {name: asked for name, asked in BUDGET["questions"].items() if name != "residence"}
    desk.apply({**DOCUMENT, "consultations": {"budget": {"questions": left}}}, force=True)
    assert (desk.row(check, "state"), notes(desk)) == ("settled", 0)


def erased(desk: Desk) -> UUID:
    check = settled(desk)
    desk.sql("UPDATE jurat_checks SET participant = 'erased-0123' WHERE id = :id", id=desk.id(check))
    return check


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda desk: UUID(int=7), "there is no check"),
        (lambda desk: desk.submit().id, "has no verdict to contest now: it is pending"),
        (lambda desk: settled(desk, ACCEPTED), "was accepted; there is nothing to contest"),
        (lambda desk: in_review(desk).id, "has no verdict to contest now: it is review"),
        (erased, "its participant was erased"),
    ],
    ids=["unknown", "pending", "accepted", "in review", "erased"],
)
def test_what_an_insert_asks_for_and_cannot_be_done_says_why_and_keeps_no_note(
    desk: Desk, make: Any, sentence: str
) -> None:
    request = replace(written(make(desk)), document="files/a-paper.pdf")
    with desk.engine.begin() as connection:
        ask(connection, request)
    assert desk.upkeep.do_requests() == 1
    ((refused, note, document),) = desk.sql("SELECT refused, note, document FROM jurat_requests")
    assert (note, document) == (None, None)
    with pytest.raises(CannotBeDone, match=sentence):
        raise CannotBeDone(refused)
    assert audited(desk) == []


@pytest.mark.parametrize("document", ["a\u202egnp.exe", "y\u2028z", "z\ue000", "b\u200b", "c\u00ad", ""])
def test_no_document_is_shown_to_a_reviewer_that_says_other_than_it_seems(desk: Desk, document: str) -> None:
    check = settled(desk)
    if desk.postgresql:
        call = "SELECT jurat_contest(:check, CAST(:note AS bytea), '0123456789abcdef', :document)"
        with pytest.raises(Exception, match="document must be 1 to 200 printable characters"):
            desk.sql(call, check=check, note=b"x" * 60, document=document)
    with desk.engine.begin() as connection:
        ask(connection, replace(written(check), document=document))
    assert desk.upkeep.do_requests() == 1
    ((refused, left),) = desk.sql("SELECT refused, document FROM jurat_requests")
    assert (refused, left) == ("document must be 1 to 200 printable characters", None)


def test_a_contest_without_a_note_is_refused(desk: Desk) -> None:
    with pytest.raises(CannotBeDone, match="a contest has a note, which says what is wrong with the verdict"):
        Requests(desk.engine).do(written(settled(desk), note=None))


def test_a_question_that_is_no_longer_asked_is_not_contested(desk: Desk) -> None:
    check = settled(desk)
    contest(desk, check)
    left = {name: asked for name, asked in BUDGET["questions"].items() if name != "residence"}
    desk.apply({**DOCUMENT, "consultations": {"budget": {"questions": left}}})
    assert desk.upkeep.do_requests() == 1
    assert "question budget/residence is no longer configured" in desk.one("SELECT refused FROM jurat_requests")


def test_a_contested_check_that_waits_is_not_purged_and_goes_with_its_requests_later(desk: Desk) -> None:
    held = desk.held()
    desk.write(entry(held, REFUSED, retain=-1.0))
    contest(desk, held.id)
    assert desk.upkeep.purge() == 0
    desk.upkeep.do_requests()
    assert desk.upkeep.purge() == 0
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    desk.upkeep.end_reviews()
    assert desk.upkeep.purge() == 1
    assert desk.one("SELECT count(*) FROM jurat_requests") == 0


def test_of_two_contests_at_the_same_moment_one_is_done(desk: Desk) -> None:
    check = settled(desk)
    first, second = written(check), written(check)
    with desk.engine.begin() as connection:
        for request in (first, second):
            ask(connection, request)
    assert desk.upkeep.do_requests() == 2
    assert desk.one("SELECT count(*) FROM jurat_requests WHERE refused IS NULL") == 1
    assert desk.row(check, "state") == "review"
    assert notes(desk) == 1


@pytest.mark.parametrize("times", [8])
def test_a_contest_while_upkeep_ends_the_review_is_done_or_says_why(desk: Desk, times: int) -> None:
    """A check that was opened again, and is overdue, is contested at the moment at which its review ends."""
    checks = [settled(desk, participant=f"p-{number}") for number in range(times)]
    for check in checks:
        ReviewDecisions(desk.engine).reopen(check, CLERK)
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    with desk.engine.begin() as connection:
        for check in checks:
            ask(connection, written(check))
    together = Barrier(2, timeout=30)

    def work(what: str) -> None:
        mine = Upkeep(desk.engine)
        together.wait()
        getattr(mine, what)()

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(work, what) for what in ("do_requests", "end_reviews")]:
            each.result(60)
    for _ in range(2):
        desk.upkeep.do_requests()
        desk.upkeep.end_reviews()
    for check in checks:
        refused = desk.one(
            "SELECT refused FROM jurat_requests WHERE kind = 'contest' AND check_id = :id", id=desk.id(check)
        )
        assert desk.row(check, "state") == ("settled" if refused else "review")
        assert desk.verdicts(check) == [("refused", "status_inactive")]


# ------------------------------------------------------------------------------------------------ four eyes


@pytest.fixture
def watched(desk: Desk) -> Desk:
    desk.apply(FOUR_EYES)
    return desk


def say(desk: Desk, check: UUID, by_whom: str, reason: Reason = Reason.PERSON_ACCEPTED) -> str | None:
    return Requests(desk.engine).do(Request(uuid7(), RequestKind.DECIDE, by_whom, check_id=check, reason=reason))


def said(desk: Desk, check: UUID) -> list[tuple[str, str]]:
    with desk.engine.begin() as connection:
        return [(word.by_whom, word.reason) for word in opinions(connection, check)]


def test_a_decision_takes_effect_when_a_second_person_says_the_same(watched: Desk) -> None:
    held = in_review(watched)
    assert say(watched, held.id, CLERK) == SECOND_PERSON
    assert watched.row(held.id, "state, answer") == ("review", held.sealed)
    assert said(watched, held.id) == [(CLERK, "person_accepted")]
    assert say(watched, held.id, OTHER) is None
    assert watched.verdicts(held.id) == [("accepted", "person_accepted")]
    evidence = watched.one("SELECT evidence FROM jurat_verdicts")
    assert evidence in ({"persons": 2}, '{"persons":2}')
    assert audited(watched) == [(CLERK, "review word"), (OTHER, "review decide")]


UNSEEN = ("\u034f", "\u115f", "\u17b4", "\u180b", "\u2800", "\u3164", "\ufe0f", "\uffa0", "\U000e0100")


@pytest.mark.parametrize("name", [CLERK, "A Clerk", "  a  clerk ", *(f"a clerk{sign}" for sign in UNSEEN)])
def test_one_person_is_not_two(watched: Desk, name: str) -> None:
    held = in_review(watched)
    say(watched, held.id, CLERK)
    assert say(watched, held.id, name) == SECOND_PERSON
    assert len(said(watched, held.id)) == 1
    queued = watched.one("SELECT words FROM jurat_review_queue")
    assert [word["by_whom"] for word in (json.loads(queued) if isinstance(queued, str) else queued)] == [name]
    assert watched.verdicts(held.id) == []


def test_a_later_word_replaces_the_earlier(watched: Desk) -> None:
    held = in_review(watched)
    say(watched, held.id, CLERK, Reason.PERSON_ACCEPTED)
    say(watched, held.id, CLERK, Reason.PERSON_REFUSED)
    assert said(watched, held.id) == [(CLERK, "person_refused")]
    assert say(watched, held.id, OTHER, Reason.PERSON_ACCEPTED) == SECOND_PERSON
    assert say(watched, held.id, "a third", Reason.PERSON_REFUSED) is None
    assert watched.verdicts(held.id) == [("refused", "person_refused")]


def test_two_reasons_that_refuse_are_not_the_same_word(watched: Desk) -> None:
    held = in_review(watched)
    say(watched, held.id, CLERK, Reason.PERSON_REFUSED)
    assert say(watched, held.id, OTHER, Reason.STATUS_INACTIVE) == SECOND_PERSON
    assert watched.verdicts(held.id) == []


def test_words_of_an_earlier_review_do_not_count(watched: Desk) -> None:
    held = in_review(watched)
    say(watched, held.id, CLERK, Reason.PERSON_REFUSED)
    say(watched, held.id, OTHER, Reason.PERSON_REFUSED)
    ReviewDecisions(watched.engine).reopen(held.id, CLERK)
    assert said(watched, held.id) == []
    assert say(watched, held.id, "a third", Reason.PERSON_REFUSED) == SECOND_PERSON
    assert len(watched.verdicts(held.id)) == 1


def test_words_of_a_review_that_nobody_ended_do_not_count(watched: Desk) -> None:
    check = settled(watched)
    ReviewDecisions(watched.engine).reopen(check, CLERK)
    say(watched, check, CLERK)
    watched.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    watched.upkeep.end_reviews()
    let_pass(watched, 1)
    ReviewDecisions(watched.engine).reopen(check, CLERK)
    assert say(watched, check, OTHER) == SECOND_PERSON


def test_the_reviewers_of_the_engine_wait_for_each_other_too(watched: Desk) -> None:
    held, decisions = in_review(watched), ReviewDecisions(watched.engine)
    assert decisions.decide(held.id, Reason.PERSON_ACCEPTED, CLERK) is None
    assert decisions.decide(held.id, Reason.PERSON_ACCEPTED, OTHER) == 1


def test_both_words_by_requests_come_to_one_verdict(watched: Desk) -> None:
    held = in_review(watched)
    with watched.engine.begin() as connection:
        for by_whom in (CLERK, OTHER):
            ask(
                connection,
                Request(uuid7(), RequestKind.DECIDE, by_whom, check_id=held.id, reason=Reason.PERSON_ACCEPTED),
            )
    assert watched.upkeep.do_requests() == 2
    assert watched.verdicts(held.id) == [("accepted", "person_accepted")]


def test_the_queue_and_the_explanation_show_the_first_word(watched: Desk) -> None:
    held = in_review(watched)
    say(watched, held.id, CLERK, Reason.PERSON_REFUSED)
    say(watched, held.id, CLERK, Reason.PERSON_ACCEPTED)
    (queued,) = Explanations(watched.engine).queue("budget")
    assert [(word["by_whom"], word["reason"]) for word in queued.words] == [(CLERK, "person_accepted")]
    assert (queued.contested, queued.document) == (False, None)
    assert Explanations(watched.engine).queue("another") == []
    explained = Explanations(watched.engine).check(held.id)
    assert [(word.by_whom, word.reason) for word in explained.words] == [(CLERK, "person_accepted")]


def test_two_persons_at_the_same_moment_come_to_one_verdict(watched: Desk) -> None:
    checks = [in_review(watched, f"p-{number}").id for number in range(8)]
    together = Barrier(2, timeout=30)

    def decide(by_whom: str) -> list[str | None]:
        heard = []
        for check in checks:
            together.wait()
            heard.append(say(watched, check, by_whom))
        return heard

    with ThreadPoolExecutor(2) as pool:
        heard = [each.result(60) for each in [pool.submit(decide, by_whom) for by_whom in (CLERK, OTHER)]]
    for check, *both in zip(checks, *heard, strict=True):
        assert sorted(both, key=str) == [None, SECOND_PERSON]
        assert watched.verdicts(check) == [("accepted", "person_accepted")]
