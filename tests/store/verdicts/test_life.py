"""The life of an access: whatever happens in whatever order, its row is what the history adds up to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jurat import AccessRevoked
from jurat.vocabulary import Reason
from tests.store.desk import ACCEPTED, REFUSED, Desk
from tests.store.verdicts import lives
from tests.store.verdicts.players import (
    CONSULTATIONS,
    DECISIONS,
    IN_REVIEW,
    QUESTIONS,
    Player,
    Step,
    ask,
    budget,
    document,
)

NAMES = st.sampled_from(sorted(QUESTIONS))
TOLD = (Reason.PERSON_ACCEPTED, Reason.PERSON_REFUSED, Reason.OUTSIDE_ZONE)
STEP = st.one_of(
    *[st.tuples(st.just("submit"), NAMES)] * 2,
    *[st.tuples(st.just("settle"), NAMES, st.sampled_from(DECISIONS))] * 2,
    st.tuples(st.just("decide"), st.integers(0, 2), st.sampled_from(TOLD)),
    st.tuples(st.just("nobody_decides")),
    st.tuples(st.just("open_again"), st.integers(0, 3)),
    st.tuples(st.just("contest"), st.integers(0, 3)),
    st.tuples(st.just("transfer")),
    st.tuples(st.just("erase")),
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
    for step, rests in zip(steps, itertools.cycle(idle), strict=False):
        player.play(step)
        player.stale = player.stale or step[0] in LATE
        if player.stale and rests:
            continue
        if player.stale:
            desk.upkeep.add_up_access()
            player.stale = False
        player.look()
    desk.upkeep.add_up_access()
    player.look()
    assert player.verified() == []


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
AN_ALTERNATIVE_THAT_ENDS: Sequence[Step] = (
    *(("configure", 3), ("submit", "profession"), ("settle", "profession", IN_REVIEW)),
    *(("submit", "code"), ("settle", "code", ACCEPTED), ("submit", "residence"), ("settle", "residence", ACCEPTED)),
    *(("submit", "profession"), ("let_pass", 16), ("submit", "code"), ("decide", 0, Reason.PERSON_ACCEPTED)),
    *(("settle", "code", REFUSED), ("submit", "code"), ("open_again", 2), ("submit", "code")),
)
CONTESTED: Sequence[Step] = (
    *(("submit", "profession"), ("settle", "profession", REFUSED), ("contest", 0)),
    *(("submit", "code"), ("settle", "code", ACCEPTED), ("submit", "profession")),
    *(("decide", 0, Reason.PERSON_REFUSED), ("submit", "profession"), ("contest", 1), ("contest", 0)),
    *(("submit", "residence"), ("settle", "residence", REFUSED), ("contest", 2), ("nobody_decides",)),
    *(("contest", 2), ("open_again", 2), ("decide", 0, Reason.PERSON_ACCEPTED)),
)
TWO_IDS_AND_NONE: Sequence[Step] = (
    *(("transfer",), *GRANTED, ("transfer",), ("ask", "revoke"), ("let_pass", 16), ("transfer",), ("ask", "restore")),
    *(("submit", "profession"), ("transfer",), ("settle", "profession", REFUSED), ("contest", 0), ("transfer",)),
    *(("submit", "code"), ("erase",), *GRANTED, ("erase",), ("let_pass", 75), ("purge", None), ("submit", "code")),
)
AN_EARLIER_REFUSAL: Sequence[Step] = (
    *(("submit", "code"), ("settle", "code", REFUSED), ("submit", "code"), ("settle", "code", REFUSED)),
    *(("open_again", 0), ("submit", "code"), ("settle", "code", REFUSED), ("submit", "code")),
    *(
        ("decide", 0, Reason.PERSON_ACCEPTED),
        ("open_again", 0),
        ("submit", "code"),
        ("let_pass", 75),
        ("submit", "code"),
    ),
)
ERASED_IN_PARTS: Sequence[Step] = (*GRANTED, ("purge", "residence"), ("erase",), ("purge", None))
ONLY_A_REQUEST_IS_LEFT: Sequence[Step] = (*GRANTED, ("ask", "restore"), ("purge", None), ("transfer",), *GRANTED)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=QUIET)
@given(steps=STEPS, idle=IDLE)
@example(steps=A_RENEWAL, idle=[False])
@example(steps=A_RENEWAL, idle=[True])
@example(steps=A_PERSON_S_WORDS, idle=[False])
@example(steps=A_ROUND_THAT_IS_USED_UP, idle=[False])
@example(steps=WITHOUT_A_PART, idle=[False])
@example(steps=WITHOUT_A_PART, idle=[True])
@example(steps=REVOKED_AND_GONE, idle=[False])
@example(steps=AN_ALTERNATIVE_THAT_ENDS, idle=[False])
@example(steps=AN_ALTERNATIVE_THAT_ENDS, idle=[True])
@example(steps=CONTESTED, idle=[False])
@example(steps=AN_EARLIER_REFUSAL, idle=[False])
@example(steps=AN_EARLIER_REFUSAL, idle=[True])
@example(steps=TWO_IDS_AND_NONE, idle=[False])
@example(steps=TWO_IDS_AND_NONE, idle=[True])
@example(steps=ERASED_IN_PARTS, idle=[False])
@example(steps=ONLY_A_REQUEST_IS_LEFT, idle=[False])
def test_access_is_what_its_history_adds_up_to(desk: Desk, steps: Sequence[Step], idle: Sequence[bool]) -> None:
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
        return desk.upkeep.turns({"access": 1.0})

    player = granted(desk)
    assert not turn()
    player.let_pass(16)
    assert turn(), "a renewal is open"
    assert desk.upkeep.add_up_access() == 1
    assert not turn()
    assert desk.client.access("budget", player.participant).renewable == ["profession"]
    player.let_pass(6)
    assert turn()
    assert state_of(player) == "granted", "until upkeep has come"
    assert desk.upkeep.add_up_access() == 1
    assert state_of(player) == "incomplete"
    assert not turn()


def test_a_renewal_takes_nothing_away_between_the_answer_and_its_verdict(desk: Desk) -> None:
    player = granted(desk)
    player.let_pass(16)
    desk.upkeep.add_up_access()
    player.play(("submit", "profession"))
    found = desk.client.access("budget", player.participant)
    assert (found.state, found.questions["profession"], found.renewable) == ("granted", "accepted", [])
    player.look()


def test_what_a_granted_access_rests_on_stays_until_it_ends(desk: Desk) -> None:
    """However short verdicts are kept: else the next adding up would find a part of it open."""
    player = granted(desk)
    player.retain("residence")
    assert desk.upkeep.purge() == 0
    player.let_pass(16)
    assert desk.upkeep.add_up_access() == 1
    assert state_of(player) == "granted"
    player.retain()
    assert desk.upkeep.purge() == 0
    player.let_pass(6)
    assert desk.upkeep.purge() == 2
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
    assert desk.upkeep.add_up_access() >= 1
    player.consultation = budget(residence=change(QUESTIONS["residence"]))
    player.look()
