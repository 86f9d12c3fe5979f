"""The life of an access: whatever happens in whatever order, its row is what the history adds up to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from jurat import AccessRevoked, AlreadyConfirmed
from jurat.ids import uuid7
from jurat.words import Outcome, Reason
from tasks.checks import Decision, Held, Review, Settle
from tasks.ledger import Unpublishable
from tasks.ledger.access import AccessRows
from tasks.ledger.reviewing import ReviewError, Reviewing
from tests.tasks.desk import ACCEPTED, DOCUMENT, REFUSED, UNAVAILABLE, UNDETERMINED, Desk
from tests.tasks.ledger import lives
from tests.tasks.ledger.passing import let_be_over, let_pass

# Ends stand half a day beside whole days: time passes in whole days, and so never to the very moment of an end.
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
DECISIONS: Sequence[Decision] = (
    ACCEPTED,
    ACCEPTED,
    REFUSED,
    UNDETERMINED,
    UNAVAILABLE,
    Settle(Outcome.UNDETERMINED, Reason.CODE_MALFORMED),
    Review(Reason.NAME_DIFFERS, 3600.0),
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
    """Everybody who may do something to one participant's access, and the consultation as it is configured."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.participant = f"p-life-{next(_people)}"
        self.reviewing = Reviewing(desk.engine)
        self.consultation = CONSULTATIONS[0]
        # What an example before this one left under way is nobody's any more.
        desk.sql("UPDATE jurat_checks SET state = 'settled', answer = NULL WHERE state <> 'settled'")
        desk.sql("UPDATE jurat_reviews SET decided_at = NOW WHERE decided_at IS NULL")
        desk.apply(document(self.consultation))
        desk.keeping.add_up_access()

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
        _, left = lives.question(life, question, asked, life.now)
        under_way = [answer.state for answer in life.answers.get(question, ())][-1:]
        expected: type[Exception] | None = None
        if lives.revoked(life):
            expected = AccessRevoked
        elif left < 1 or under_way not in ([], ["settled"]):
            expected = AlreadyConfirmed
        with pytest.raises(expected) if expected else nullcontext():
            self.desk.submit(self.participant, question)

    def settle(self, question: str, decision: Decision) -> None:
        if held := self._held(question):
            self.desk.settle(held, decision)

    def _held(self, question: str) -> Held | None:
        """The check of a question that waits, in a worker's hand."""
        waits = {check for check, state, asked in self.checks() if state == "pending" and asked == question}
        if not waits:
            return None
        found = self.desk.claim(SOURCES[question], 50) or self.desk.claims.claim_overdue(50, {})
        (held,) = (held for held in found if held.id in waits)
        return held

    def decide(self, place: int, reason: Reason) -> None:
        if in_review := [check for check, state, _ in self.checks() if state == "review"]:
            self.reviewing.decide(in_review[place % len(in_review)], reason, "a clerk")

    def nobody_decides(self) -> None:
        self.desk.sql(
            "UPDATE jurat_reviews SET due_at = NOW(-1) WHERE decided_at IS NULL AND check_id IN "
            "(SELECT id FROM jurat_checks WHERE participant = :participant)",
            participant=self.participant,
        )
        self.desk.keeping.end_reviews()

    def open_again(self, place: int) -> None:
        if settled := [(check, asked) for check, state, asked in self.checks() if state == "settled"]:
            check, asked = settled[place % len(settled)]
            lost = asked not in self.consultation["questions"]
            with pytest.raises(ReviewError, match="no longer configured") if lost else nullcontext():
                self.reviewing.reopen(check, "a clerk")

    def purge(self, question: str | None = None) -> None:
        """The time of all verdicts is over, or of those on one question; and upkeep deletes what is needed no more."""
        self.retain(question)
        before, life = self.checks(), lives.read(self.desk, self.participant)
        goes = self._is_to_go(life)
        self.desk.keeping.purge()  # it may find others, of examples before this one
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
        if self.checks() or lives.stored(self.desk, self.participant):  # of whom nothing is known nothing is asked
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
        """The row is what the history adds up to now."""
        found = lives.stored(self.desk, self.participant)
        life = lives.read(self.desk, self.participant)
        if found is None:
            assert not life.answers
            return
        row, until, changes = found
        assert row == lives.row_at(life, self.consultation, life.now)
        assert until == lives.granted_until(life, self.consultation)
        expected = lives.changes_at(life, self.consultation)
        assert changes is None or changes > life.now, "upkeep would add it up for ever"
        assert expected is None or (changes is not None and changes <= expected)
        access = self.desk.client.access("budget", self.participant)
        assert access.granted_until == until
        renewable = [name for name, state in row.questions.items() if state == "accepted" and row.rounds_left[name]]
        assert sorted(access.renewable) == sorted(set(renewable) & set(access.questions))


NAMES = st.sampled_from(sorted(QUESTIONS))
TOLD = (Reason.PERSON_ACCEPTED, Reason.PERSON_REFUSED, Reason.OUTSIDE_ZONE)
STEP = st.one_of(
    *[st.tuples(st.just("submit"), NAMES)] * 2,
    *[st.tuples(st.just("settle"), NAMES, st.sampled_from(DECISIONS))] * 2,
    st.tuples(st.just("decide"), st.integers(0, 2), st.sampled_from(TOLD)),
    st.tuples(st.just("nobody_decides")),
    st.tuples(st.just("open_again"), st.integers(0, 3)),
    st.tuples(st.just("ask"), st.just("reopen"), NAMES, st.sampled_from([None, None, "a sentence"])),
    st.tuples(st.just("ask"), st.sampled_from(["revoke", "restore", "restore"])),
    st.tuples(st.just("purge"), st.one_of(st.none(), NAMES)),
    st.tuples(st.just("configure"), st.integers(0, len(CONSULTATIONS) - 1)),
    *[st.tuples(st.just("let_pass"), st.sampled_from([1, 3, 6, 16, 75, 101]))] * 2,
)
ANSWERED = st.tuples(NAMES, st.sampled_from(DECISIONS)).map(
    lambda given_: [("submit", given_[0]), ("settle", given_[0], given_[1])]
)
STEPS = st.lists(st.one_of(ANSWERED, ANSWERED, STEP.map(lambda step: [step])), min_size=2, max_size=10).map(
    lambda parts: [step for part in parts for step in part]
)
GRANTED: Sequence[Step] = (
    *(("submit", "residence"), ("settle", "residence", ACCEPTED)),
    *(("submit", "profession"), ("settle", "profession", ACCEPTED)),
)
LATE = ("configure", "let_pass")
"""What only upkeep brings into the rows."""


def live(desk: Desk, steps: Sequence[Step], idle: Sequence[bool]) -> None:
    """Play `steps` and look after each. Upkeep follows each, but where it is `idle`: then the next finds an old row."""
    player = Player(desk)
    stale = False
    for step, rests in zip(steps, itertools.cycle(idle), strict=False):
        player.play(step)
        stale = stale or step[0] in LATE
        if stale and rests:
            continue
        if stale:
            desk.keeping.add_up_access()
            stale = False
        player.look()
    desk.keeping.add_up_access()
    player.look()


IDLE = st.lists(st.booleans(), min_size=1, max_size=4)
A_RENEWAL: Sequence[Step] = (
    *GRANTED,
    *(("let_pass", 16), ("submit", "profession"), ("ask", "restore"), ("settle", "profession", REFUSED)),
    *(("submit", "profession"), ("let_pass", 6), ("settle", "profession", ACCEPTED), ("let_pass", 101)),
)
A_PERSON_S_WORDS: Sequence[Step] = (
    *GRANTED,
    *(("ask", "revoke"), ("submit", "code"), ("let_pass", 75), ("ask", "restore"), ("ask", "reopen", "residence")),
    *(("submit", "residence"), ("settle", "residence", REFUSED), ("submit", "residence"), ("let_pass", 101)),
)
A_ROUND_THAT_IS_USED_UP: Sequence[Step] = (
    *(("submit", "residence"), ("ask", "reopen", "residence"), ("settle", "residence", ACCEPTED)),
    *(("submit", "residence"), ("let_pass", 101), ("submit", "residence"), ("settle", "residence", REFUSED)),
)
WITHOUT_A_PART: Sequence[Step] = (
    *GRANTED,
    *(("purge", "residence"), ("let_pass", 16), ("purge", None), ("let_pass", 6), ("purge", "profession")),
    *(("ask", "reopen", "code"), ("submit", "code"), ("settle", "code", REFUSED), ("purge", None), ("submit", "code")),
)
REVOKED_AND_GONE: Sequence[Step] = (
    *GRANTED,
    *(("ask", "revoke"), ("purge", None), ("configure", 3), ("ask", "restore"), ("configure", 0)),
    *(("submit", "profession"), ("settle", "profession", REFUSED)),
)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=15, suppress_health_check=QUIET)
@given(steps=STEPS, idle=IDLE)
@example(steps=A_RENEWAL, idle=[False])
@example(steps=A_RENEWAL, idle=[True])
@example(steps=A_PERSON_S_WORDS, idle=[False])
@example(steps=A_ROUND_THAT_IS_USED_UP, idle=[False])
@example(steps=WITHOUT_A_PART, idle=[False])
@example(steps=WITHOUT_A_PART, idle=[True])
@example(steps=REVOKED_AND_GONE, idle=[False])
def test_access_is_what_its_history_adds_up_to(desk: Desk, steps: Sequence[Step], idle: Sequence[bool]) -> None:
    live(desk, steps, idle)


@pytest.mark.slow
@settings(max_examples=1500, suppress_health_check=QUIET)
@given(steps=STEPS, idle=IDLE)
def test_access_is_what_its_history_adds_up_to_after_hundreds_of_lives(
    desk: Desk, steps: Sequence[Step], idle: Sequence[bool]
) -> None:
    live(desk, steps, idle)


# -- one by one


def granted(desk: Desk) -> Player:
    player = Player(desk)
    for step in GRANTED:
        player.play(step)
    player.look()
    return player


def state_of(player: Player) -> str:
    return player.desk.access(player.participant)


def test_upkeep_ends_what_time_has_ended_and_has_no_work_before(desk: Desk) -> None:
    def turn() -> set[str]:
        desk.sql("UPDATE jurat_upkeep SET ran_at = NOW(-2)")
        return desk.keeping.turns({"access": 1.0})

    player = granted(desk)
    assert not turn()
    player.let_pass(16)
    assert turn(), "a renewal is open"
    assert desk.keeping.add_up_access() == 1
    assert not turn()
    assert desk.client.access("budget", player.participant).renewable == ["profession"]
    player.let_pass(6)
    assert turn()
    assert state_of(player) == "granted", "until upkeep has come"
    assert desk.keeping.add_up_access() == 1
    assert state_of(player) == "incomplete"
    assert not turn()


def test_a_renewal_takes_nothing_away_between_the_answer_and_its_verdict(desk: Desk) -> None:
    player = granted(desk)
    player.let_pass(16)
    desk.keeping.add_up_access()
    player.play(("submit", "profession"))
    found = desk.client.access("budget", player.participant)
    assert (found.state, found.questions["profession"], found.renewable) == ("granted", "accepted", [])
    player.look()


def test_what_a_granted_access_rests_on_stays_until_it_ends(desk: Desk) -> None:
    """However short verdicts are kept: else the next adding up would find a part of it open."""
    player = granted(desk)
    player.retain("residence")
    assert desk.keeping.purge() == 0
    player.let_pass(16)
    assert desk.keeping.add_up_access() == 1
    assert state_of(player) == "granted"
    player.retain()
    assert desk.keeping.purge() == 0
    player.let_pass(6)
    assert desk.keeping.purge() == 2
    assert lives.stored(desk, player.participant) is None
    assert desk.client.access("budget", player.participant).state == "incomplete"


def test_who_is_revoked_stays_so_without_checks_and_begins_anew_when_that_is_taken_back(desk: Desk) -> None:
    player = granted(desk)
    ask(desk, player.participant, "revoke")
    player.purge()
    assert not player.checks()
    assert state_of(player) == "blocked"
    with pytest.raises(AccessRevoked, match="was revoked, and no answer is taken until it is restored"):
        desk.submit(player.participant, "residence")
    ask(desk, player.participant, "restore")
    assert state_of(player) == "incomplete"
    assert desk.submit(player.participant, "residence").created


def test_a_round_that_a_person_opened_goes_with_the_answers_that_it_was_opened_after(desk: Desk) -> None:
    player = Player(desk)
    for step in (("submit", "code"), ("settle", "code", REFUSED), ("ask", "reopen", "code"), ("purge",)):
        player.play(step)
    desk.submit(player.participant, "residence")
    player.look()
    assert desk.client.access("budget", player.participant).rounds_left["code"] == 3


def test_who_has_not_answered_yet_can_be_revoked(desk: Desk) -> None:
    desk.submit("p-1", "code")  # the client knows the schema from here on, and takes its short way
    ask(desk, "p-new", "revoke")
    with pytest.raises(AccessRevoked):
        desk.submit("p-new", "code")
    assert desk.access("p-new") == "blocked"


@pytest.mark.parametrize(
    "change", [lambda asked: asked | {"valid_for": "50d"}, lambda asked: asked | {"valid_for": "100.5d", "renew": "1d"}]
)
def test_changed_terms_reach_everybody_who_has_answered(desk: Desk, change: Callable[[Any], Any]) -> None:
    player = granted(desk)
    desk.apply(document(budget(residence=change(QUESTIONS["residence"]))))
    assert desk.keeping.add_up_access() >= 1
    player.consultation = budget(residence=change(QUESTIONS["residence"]))
    player.look()
