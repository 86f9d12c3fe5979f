"""A question that an accepted one has ended: no person works on it, no answer to it is taken, and nothing is lost.

On both engines, but for `jurat_submit`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jurat import AlreadyConfirmed, NotNeeded
from jurat.database import state_of
from jurat.ids import uuid7
from jurat.vocabulary import AccessState, Reason, State
from store.explanation import Explanations
from tasks.checks import ClaimedCheck, Review
from tests.docs.pages import ROOT, block
from tests.jurat.calls import submit
from tests.rigs.logins import plain
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, UNDETERMINED, Desk
from tests.store.passing import let_pass, unguarded
from tests.store.reviews import ReviewDecisions

IN_REVIEW = Review(Reason.NAME_DIFFERS, 3600.0, {"version": 1})
BUDGET = DOCUMENT["consultations"]["budget"]
ENDING = {**BUDGET["questions"], "code": {"criterion": "has-code", "rounds": 3, "valid_for": "10.5d", "renew": "0d"}}


def published(desk: Desk, **changed: Any) -> None:
    desk.apply({**DOCUMENT, "consultations": {"budget": {**BUDGET, **changed}}})


def in_review(desk: Desk, question: str = "profession") -> ClaimedCheck:
    held = desk.held("p-1", question)
    desk.settle(held, IN_REVIEW)
    return held


def needed(desk: Desk) -> list[tuple[UUID, bool]]:
    return [(each.check_id, each.needed) for each in Explanations(desk.engine).queue()]


# ------------------------------------------------------------------------------------------------------------- reviews


def test_a_review_is_not_needed_once_an_alternative_is_accepted_and_comes_last(desk: Desk) -> None:
    review = in_review(desk)
    other = desk.held("p-2", "profession")
    desk.settle(other, Review(Reason.NAME_DIFFERS, 7200.0))
    assert needed(desk) == [(review.id, True), (other.id, True)]
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    assert needed(desk) == [(other.id, True), (review.id, False)]
    access = Explanations(desk.engine).check(review.id).access
    assert access is not None
    assert (access.question, access.ended_by) == ("review", ("code",))


def test_who_waits_for_nothing_but_an_ended_review_is_asked_for_the_rest(desk: Desk) -> None:
    in_review(desk)
    assert desk.access() == AccessState.PENDING
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    found = desk.client.access("budget", "p-1")
    assert (found.state, found.open) == (AccessState.INCOMPLETE, ["residence"])


def test_a_review_is_needed_where_a_refusal_blocks_for_that_may_be_contested(desk: Desk) -> None:
    review = in_review(desk)
    desk.settle(desk.held("p-1", "residence"), REFUSED)
    assert desk.access() == AccessState.BLOCKED
    assert needed(desk) == [(review.id, True)]


def test_the_review_of_a_renewal_is_needed(desk: Desk) -> None:
    published(desk, questions={**ENDING, "code": {**ENDING["code"], "renew": "9d"}})
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    let_pass(desk, 5)
    review = in_review(desk, "code")
    assert needed(desk) == [(review.id, True)]


def test_it_is_needed_again_when_the_accepted_answer_ends(desk: Desk) -> None:
    published(desk, questions=ENDING)
    review = in_review(desk)
    for question in ("code", "residence"):
        desk.settle(desk.held("p-1", question), ACCEPTED)
    assert (desk.access(), needed(desk)) == (AccessState.GRANTED, [(review.id, False)])
    let_pass(desk, 11)
    assert desk.upkeep.add_up_access() == 1
    assert (desk.access(), needed(desk)) == (AccessState.PENDING, [(review.id, True)])
    ReviewDecisions(desk.engine).decide(review.id, Reason.PERSON_ACCEPTED, "a clerk")
    assert desk.access() == AccessState.GRANTED


def test_it_is_needed_again_when_a_person_no_longer_accepts_the_accepted_answer(desk: Desk) -> None:
    review, code = in_review(desk), desk.held("p-1", "code")
    desk.settle(code, ACCEPTED)
    decisions = ReviewDecisions(desk.engine)
    decisions.reopen(code.id, "a clerk")
    assert sorted(needed(desk)) == sorted([(review.id, False), (code.id, True)])
    decisions.decide(code.id, Reason.CODE_REVOKED, "a clerk")
    assert needed(desk) == [(review.id, True)]


def test_it_is_needed_again_when_the_rule_asks_for_both(desk: Desk) -> None:
    review = in_review(desk)
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    assert needed(desk) == [(review.id, False)]
    published(desk, access={"all_of": ["residence", "profession", "code"]})
    desk.upkeep.add_up_access()
    assert needed(desk) == [(review.id, True)]


def test_it_can_be_decided_all_the_same_and_ends_at_its_due_date_as_ever(desk: Desk) -> None:
    first = in_review(desk)
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    desk.sql("UPDATE jurat_reviews SET due_at = NOW(-1)")
    assert desk.upkeep.end_reviews() == 1
    (held,) = desk.claims.claim_overdue(10, {})
    desk.settle(held, UNDETERMINED)
    assert (held.id, desk.result(first.id).state, needed(desk)) == (first.id, State.SETTLED, [])
    second = desk.held("p-2", "profession")
    desk.settle(second, IN_REVIEW)
    desk.settle(desk.held("p-2", "code"), ACCEPTED)
    ReviewDecisions(desk.engine).decide(second.id, Reason.PERSON_REFUSED, "a clerk")
    assert desk.verdicts(second.id) == [("refused", "person_refused")]
    assert desk.access("p-2") == AccessState.INCOMPLETE


def test_a_row_of_an_older_worker_is_not_believed(desk: Desk) -> None:
    """It writes all but the column that it does not know."""
    review = in_review(desk)
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    for participant in ("p-2", "p-3"):
        desk.settle(desk.held(participant, "code"), ACCEPTED)
    states = '{"residence": "open", "profession": "review", "code": "refused"}'
    desk.sql("UPDATE jurat_access SET questions = :states", states=states)
    assert needed(desk) == [(review.id, True)]
    access = Explanations(desk.engine).check(review.id).access
    assert access is not None
    assert access.ended_by == ()
    assert desk.submit("p-2", "profession").created
    assert by_sql(desk, "p-3", "profession") is None


# ---------------------------------------------------------------------------------------------------------- submitting


def by_sql(desk: Desk, participant: str, question: str, **given: Any) -> str | None:
    """What `jurat_submit` says: the id in its error, or None where it has taken the answer, or there is no function."""
    if not desk.postgresql:
        return None
    with plain(desk.url) as connection:
        try:
            submit(connection, participant=participant, question=question, **given)
        except psycopg.errors.DatabaseError as error:
            return error.diag.message_detail if error.sqlstate == "JU003" else f"{error}"
    return None


def test_an_answer_that_was_never_needed_names_the_accepted_check(desk: Desk) -> None:
    desk.submit("p-0", "profession")  # the client knows the schema from here on, and takes its short way
    code = desk.held("p-1", "code")
    desk.settle(code, ACCEPTED)
    with pytest.raises(NotNeeded, match="takes no more answers: code was accepted in its place") as raised:
        desk.submit("p-1", "profession")
    assert isinstance(raised.value, AlreadyConfirmed)
    assert (raised.value.check_id, raised.value.accepted) == (code.id, ("code",))
    assert "p-1" not in str(raised.value)
    assert desk.one("SELECT count(*) FROM jurat_checks WHERE participant = 'p-1'") == 1
    if desk.postgresql:
        assert by_sql(desk, "p-1", "profession") == str(code.id)


def test_a_further_answer_names_the_check_before(desk: Desk) -> None:
    first = desk.held("p-1", "profession")
    desk.settle(first, REFUSED)
    assert desk.client.access("budget", "p-1").rounds_left["profession"] == 1
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    assert desk.client.access("budget", "p-1").rounds_left["profession"] == 0
    with pytest.raises(NotNeeded) as raised:
        desk.submit("p-1", "profession")
    assert raised.value.check_id == first.id
    assert not desk.submit("p-1", "profession", id=first.id).created, "the same id is the same check"
    if desk.postgresql:
        assert by_sql(desk, "p-1", "profession") == str(first.id)
        assert by_sql(desk, "p-1", "profession", id=first.id) is None


def test_of_many_nothing_is_written_where_one_is_not_needed(desk: Desk) -> None:
    desk.settle(desk.held("p-1", "code"), ACCEPTED)
    rows = [
        {"consultation": "budget", "participant": "p-1", "question": question, "answer": {"word": "accept"}}
        for question in ("residence", "profession")
    ]
    with pytest.raises(NotNeeded), desk.engine.begin() as connection:
        desk.client.submit_many(connection, rows)
    assert desk.one("SELECT count(*) FROM jurat_checks") == 1


def test_what_an_accepted_answer_has_ended_may_be_answered_when_that_is_over(desk: Desk) -> None:
    """At once, though no worker has come yet; as it may where the configuration has changed."""
    published(desk, questions=ENDING)
    people = ("p-1", "p-2", "p-3", "p-4")
    for participant in people:
        desk.settle(desk.held(participant, "code"), ACCEPTED)
    published(desk, questions=ENDING, access={"all_of": ["residence", "profession", "code"]})
    assert desk.submit("p-1", "profession").created
    assert by_sql(desk, "p-2", "profession") is None
    published(desk, questions=ENDING)
    desk.upkeep.add_up_access()
    with pytest.raises(NotNeeded):
        desk.submit("p-3", "profession")
    let_pass(desk, 11)
    assert desk.submit("p-3", "profession").created
    assert by_sql(desk, "p-4", "profession") is None


def test_where_the_access_is_blocked_an_answer_is_taken(desk: Desk) -> None:
    """A refusal may be contested, and then it counts."""
    desk.settle(desk.held("p-1", "residence"), REFUSED)
    assert desk.access() == AccessState.BLOCKED
    assert desk.submit("p-1", "profession").created
    assert by_sql(desk, "p-1", "code") is None


def test_without_the_accepted_check_nothing_is_refused(desk: Desk) -> None:
    for participant in ("p-1", "p-2"):
        desk.settle(desk.held(participant, "code"), ACCEPTED)
    with desk.engine.begin() as connection, unguarded(connection):
        connection.execute(text("DELETE FROM jurat_verdicts"))
    assert desk.submit("p-1", "profession").created
    assert by_sql(desk, "p-2", "profession") is None


def test_the_documented_insert_is_refused_as_well(desk: Desk) -> None:
    """No one is looked up without need, and no code or number is used up for nothing."""
    for question in ("residence", "code"):
        desk.settle(desk.held("p-1", question), ACCEPTED)
    place = "make_interval" if desk.postgresql else "' seconds')"
    documented = block(ROOT / "docs" / "reference" / "contract.md", "sql", place)
    row = {"id": str(uuid7()), "consultation": "budget", "participant": "p-1", "question": "profession", "round": 1}
    with pytest.raises(DBAPIError) as raised, desk.engine.begin() as connection:
        connection.execute(text(documented), {**row, "answer": bytes(60), "answer_key": "0" * 16, "reply_key": None})
    assert state_of(raised.value) == "JU003" if desk.postgresql else "jurat: JU003: " in str(raised.value.orig)
    found = desk.client.access("budget", "p-1")
    assert (found.state, found.questions["profession"]) == (AccessState.GRANTED, "open")
    assert desk.claim("rpps") == []
