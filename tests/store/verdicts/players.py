"""Everybody who may do something to an access, one step after the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from jurat import AccessRevoked, AlreadyConfirmed, JuratError, NotContestable, NotNeeded
from jurat.ids import uuid7
from jurat.vocabulary import Outcome, Reason
from store.configurations.consultations import Unpublishable
from store.requests.decisions import ReviewError
from store.requests.request_runner import CannotBeDone, RequestKind, Requests
from store.verdicts.access import AccessRows
from store.verification import verify_access, verify_checks
from tasks.checks import ClaimedCheck, Review, Settle
from tests.store.desk import ACCEPTED, DOCUMENT, REFUSED, UNAVAILABLE, UNDETERMINED, Desk
from tests.store.passing import let_be_over, let_pass
from tests.store.requests.asked import asking
from tests.store.reviews import ReviewDecisions
from tests.store.verdicts import lives

# Ends are half a day off whole days: time passes in whole days, and so never to the very moment of an end.
QUESTIONS: Mapping[str, Any] = {
    "residence": {"criterion": "lives-in", "valid_for": "100.5d"},
    "profession": {"criterion": "is-physician", "rounds": 2, "valid_for": "20.5d", "renew": "5d"},
    "code": {"criterion": "has-code", "rounds": 3},
}
RULE: Mapping[str, Any] = {"all_of": ["residence", {"any_of": ["profession", "code"]}]}


def budget(rule: Any = RULE, **questions: Any) -> Mapping[str, Any]:
    """The consultation with changed questions; None leaves one out."""
    changed = {**QUESTIONS, **questions}
    return {"questions": {name: asked for name, asked in changed.items() if asked}, "access": rule}


CONSULTATIONS: Sequence[Mapping[str, Any]] = (
    budget(),
    budget({"at_least": 2, "of": ["residence", "profession", "code"]}),
    budget("profession", profession={"criterion": "is-physician", "rounds": 1, "valid_for": "200.5d"}),
    budget(residence={"criterion": "lives-in"}, code={"criterion": "has-code", "valid_for": "10.5d", "renew": "0d"}),
    budget({"any_of": ["residence", "profession"]}, code=None),
)
SOURCES = {"residence": "towns", "profession": "rpps", "code": "spring"}
IN_REVIEW = Review(Reason.NAME_DIFFERS, 3600.0)
DECISIONS: Sequence[Settle | Review] = (
    ACCEPTED,
    ACCEPTED,
    REFUSED,
    UNDETERMINED,
    UNAVAILABLE,
    Settle(Outcome.UNDETERMINED, Reason.CODE_MALFORMED),
    IN_REVIEW,
)
Step = tuple[Any, ...]
_people = itertools.count()


def document(consultation: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**DOCUMENT, "consultations": {"budget": deepcopy(dict(consultation))}}


def ask(desk: Desk, participant: str, kind: str, question: str | None = None, refused: str | None = None) -> None:
    """What a person asks for, applied as a worker does: in one transaction with the participant's row."""
    key = ("budget", participant)
    with desk.engine.begin() as connection:
        access = AccessRows()
        access.wait_for(connection, {key})
        columns = "id, kind, consultation, participant, question, by_whom, asked_at, applied_at, refused"
        values = ":id, :kind, 'budget', :participant, :question, 'a clerk', NOW, NOW, :refused"
        connection.execute(
            text(desk.clock(f"INSERT INTO jurat_requests ({columns}) VALUES ({values})")),
            {
                "id": desk.id(uuid7()),
                "kind": kind,
                "participant": participant,
                "question": question,
                "refused": refused,
            },
        )
        access.add_up(connection, {key})


class Player:
    """Everybody who may do something to one participant's access, and the consultation as it is configured.

    `erased` are the words for who they were before they were erased, and `stale` says that upkeep has not come since
    time or the configuration may have changed their row.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.participant = f"p-life-{next(_people)}"
        self.former = f"{self.participant}-former"
        self.erased: list[str] = []
        self.stale = False
        self.decisions = ReviewDecisions(desk.engine)
        self.requests = Requests(desk.engine)
        self.consultation = CONSULTATIONS[0]
        # What an example before this one left under way is no one's any more.
        desk.sql("UPDATE jurat_checks SET state = 'settled', answer = NULL WHERE state <> 'settled'")
        desk.sql("UPDATE jurat_reviews SET decided_at = NOW WHERE decided_at IS NULL")
        desk.apply(document(self.consultation))
        desk.upkeep.add_up_access()

    def play(self, step: Step) -> None:
        name, *given_ = step
        getattr(self, name)(*given_)

    def checks(self) -> list[tuple[UUID, str, str]]:
        """The id, state and question of every check, in one order on both engines."""
        rows = self.desk.sql(
            "SELECT id, state, question FROM jurat_checks WHERE participant = :participant ORDER BY question, round",
            participant=self.participant,
        )
        return [(UUID(str(row[0])), row[1], row[2]) for row in rows]

    def submit(self, question: str) -> None:
        asked = self.consultation["questions"].get(question)
        if asked is None:
            return
        life = lives.read(self.desk, self.participant)
        state, left = lives.question(life, question, asked, life.now)
        expected: set[type[Exception] | None] = {None}
        if lives.revoked(life):
            expected = {AccessRevoked}
        elif left < 1 or state in ("pending", "review"):
            expected = {AlreadyConfirmed}
        elif question in lives.row_at(life, self.consultation, life.now).ended:
            expected = {NotNeeded, None} if self.stale else {NotNeeded}
        raised: type[Exception] | None = None
        try:
            self.desk.submit(self.participant, question)
        except JuratError as error:
            raised = type(error)
        assert raised in expected

    def settle(self, question: str, decision: Settle | Review) -> None:
        if held := self._held(question):
            self.desk.look_up(held, decision)

    def _held(self, question: str) -> ClaimedCheck | None:
        """The check of a question that waits, in a worker's hand."""
        waits = {check for check, state, asked in self.checks() if state == "pending" and asked == question}
        if not waits:
            return None
        found = self.desk.claim(SOURCES[question], 50) or self.desk.claims.claim_overdue(50, {})
        (held,) = (held for held in found if held.id in waits)
        return held

    def decide(self, place: int, reason: Reason) -> None:
        if in_review := [check for check, state, _ in self.checks() if state == "review"]:
            self.decisions.decide(in_review[place % len(in_review)], reason, "a clerk")

    def nobody_decides(self) -> None:
        self.desk.sql(
            "UPDATE jurat_reviews SET due_at = NOW(-1) WHERE decided_at IS NULL AND check_id IN "
            "(SELECT id FROM jurat_checks WHERE participant = :participant)",
            participant=self.participant,
        )
        self.desk.upkeep.end_reviews()

    def open_again(self, place: int) -> None:
        if settled := [(check, asked) for check, state, asked in self.checks() if state == "settled"]:
            check, asked = settled[place % len(settled)]
            lost = asked not in self.consultation["questions"]
            with pytest.raises(ReviewError, match="no longer configured") if lost else nullcontext():
                self.decisions.reopen(check, "a clerk")

    def contest(self, place: int) -> None:
        """The participant wants a person to look at a verdict."""
        if settled := [(check, asked) for check, state, asked in self.checks() if state == "settled"]:
            check, asked = settled[place % len(settled)]
            before = "SELECT count(*) FROM jurat_requests WHERE kind = 'contest' AND refused IS NULL AND check_id = :id"
            verdicts = "SELECT outcome, decided_by FROM jurat_verdicts WHERE check_id = :id ORDER BY revision"
            *_, (outcome, by) = self.desk.sql(verdicts, id=self.desk.id(check))
            last = outcome == "accepted" or by == "reviewer" or self.desk.one(before, id=self.desk.id(check))
            with pytest.raises(NotContestable) if last else nullcontext(), self.desk.engine.begin() as connection:
                self.desk.client.contest(connection, check, note="I moved in May.")
            self.desk.upkeep.do_requests()
            lost = asked not in self.consultation["questions"]
            assert self.desk.row(check, "state") == ("settled" if last or lost else "review")

    def transfer(self) -> None:
        """All goes to another id of the same person, and the next time back to this one."""
        asked = (
            "SELECT count(*) FROM jurat_requests WHERE participant = :participant AND kind IN ('reopen', 'revoke', "
            "'restore') AND applied_at IS NOT NULL AND refused IS NULL"
        )
        left = self.desk.one(asked, participant=self.participant)
        moved = bool(self.checks() or lives.stored(self.desk, self.participant) or left)
        with nullcontext() if moved else pytest.raises(CannotBeDone, match="has nothing"):
            self.requests.do(asking(RequestKind.TRANSFER, self.participant, target=self.former))
        if moved:
            assert not lives.read(self.desk, self.participant).answers
            self.participant, self.former = self.former, self.participant

    def erase(self) -> None:
        """What was on its way ends, and they may begin again: no one has their id."""
        checks = self.checks()
        self.requests.do(asking(RequestKind.ERASE, self.participant))
        assert not self.checks()
        assert lives.stored(self.desk, self.participant) is None
        if checks:
            self.erased.append(self.desk.row(checks[0][0], "participant"))
        for held in self.desk.claims.claim_overdue(50, {}):
            self.desk.settle(held, UNAVAILABLE)

    def purge(self, question: str | None = None) -> None:
        """The time of all verdicts is over, or of those on one question; and upkeep deletes what is needed no more."""
        self.retain(question)
        before, life = self.checks(), lives.read(self.desk, self.participant)
        goes = self._is_to_go(life)
        self.desk.upkeep.purge()  # it may find others, of examples before this one
        assert self.checks() == ([] if goes else before)
        if goes:
            found = lives.stored(self.desk, self.participant)
            assert (found[0].access if found else None) == ("blocked" if lives.revoked(life) else None)

    def retain(self, question: str | None = None) -> None:
        which = "" if question is None else f" AND question = '{question}'"
        theirs = f"SELECT id FROM jurat_checks WHERE participant = '{self.participant}'{which}"
        let_be_over(self.desk, f"check_id IN ({theirs})")

    def _is_to_go(self, life: lives.Life) -> bool:
        if not self.checks() or any(state != "settled" for _, state, _ in self.checks()):
            return False
        theirs = "JOIN jurat_checks c ON c.id = v.check_id WHERE c.participant = :participant"
        kept = f"SELECT count(*) FROM jurat_verdicts v {theirs} AND v.retain_until IS NULL"
        if self.desk.one(kept, participant=self.participant):
            return False
        row, until, _ = lives.stored(self.desk, self.participant) or (None, None, None)
        return row is None or row.access != "granted" or (until is not None and until <= life.now)

    def ask(self, kind: str, question: str | None = None, refused: str | None = None) -> None:
        if question is not None and question not in self.consultation["questions"]:
            return
        if self.checks() or lives.stored(self.desk, self.participant):  # nothing is asked about an unknown participant
            ask(self.desk, self.participant, kind, question, refused)

    def configure(self, place: int) -> None:
        try:
            self.desk.apply(document(CONSULTATIONS[place]))
        except Unpublishable:
            return
        self.consultation = CONSULTATIONS[place]

    def let_pass(self, days: int) -> None:
        let_pass(self.desk, days)

    def look(self) -> None:
        """The row is what the history adds up to now; so is that of who was erased."""
        for participant in (self.participant, *self.erased):
            self._look_at(participant)

    def verified(self) -> list[str]:
        """What `db verify` finds of their checks, and of the access that these add up to."""
        whose = "SELECT id FROM jurat_checks WHERE participant = :who"
        people = (*self.erased, self.participant, self.former)
        theirs = {UUID(str(row[0])) for who in people for row in self.desk.sql(whose, who=who)}
        found = verify_checks(self.desk.engine)
        for page in verify_access(self.desk.engine):
            found += page.found
        return [each.what for each in found if each.check in theirs]

    def _look_at(self, participant: str) -> None:
        found = lives.stored(self.desk, participant)
        life = lives.read(self.desk, participant)
        if found is None:
            assert not life.answers
            return
        row, until, changes = found
        assert row == lives.row_at(life, self.consultation, life.now)
        assert until == lives.granted_until(life, self.consultation)
        expected = lives.changes_at(life, self.consultation)
        assert changes is None or changes > life.now, "upkeep would add it up for ever"
        assert expected is None or (changes is not None and changes <= expected)
        access = self.desk.client.access("budget", participant)
        assert access.granted_until == until
        renewable = [name for name, state in row.questions.items() if state == "accepted" and row.rounds_left[name]]
        assert sorted(access.renewable) == sorted(set(renewable) & set(access.questions))
        for question, needed in self._reviews(participant):
            assert needed == (question not in row.ended)

    def _reviews(self, participant: str) -> list[tuple[str, bool]]:
        queued = "SELECT q.question, q.needed FROM jurat_review_queue q JOIN jurat_checks c ON c.id = q.check_id "
        rows = self.desk.sql(f"{queued} WHERE c.participant = :participant", participant=participant)
        return [(row[0], bool(row[1])) for row in rows]
