from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat.access import (
    AtLeast,
    Confirmed,
    QuestionStatus,
    Rule,
    Terms,
    add_up,
    ended,
    evaluate,
    holds,
    parse_rule,
    question_status,
    questions_in,
)
from jurat.vocabulary import COSTS_NO_ROUND, AccessState, Outcome, QuestionState, Reason, State, outcomes_of

NOW, DAY = datetime(2026, 11, 26, 12, tzinfo=UTC), timedelta(days=1)
NAMES = ("residence", "profession", "code", "age")
BUSY = {QuestionState.PENDING, QuestionState.REVIEW}


def _grown(rules: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    parts = st.lists(rules, min_size=1, max_size=4)
    return parts.flatmap(lambda found: st.integers(1, len(found)).map(lambda count: AtLeast(count, tuple(found))))


RULES: st.SearchStrategy[Rule] = st.recursive(st.sampled_from(NAMES), _grown, max_leaves=8)
STATES = st.fixed_dictionaries({name: st.sampled_from(QuestionState) for name in NAMES})
LEFT = st.fixed_dictionaries({name: st.integers(0, 3) for name in NAMES})
ANSWERS = st.one_of(
    st.sampled_from([State.PENDING, State.LEASED, State.REVIEW]).map(Confirmed),
    st.sampled_from(Reason).flatmap(
        lambda reason: st.sampled_from(sorted(outcomes_of(reason))).map(
            lambda outcome: Confirmed(State.SETTLED, outcome, reason)
        )
    ),
)


def accepted_in(states: Mapping[str, QuestionState]) -> set[str]:
    return {name for name, state in states.items() if state is QuestionState.ACCEPTED}


# -- rules


def as_document(rule: Rule) -> Any:
    if isinstance(rule, str):
        return rule
    return {"at_least": rule.count, "of": [as_document(part) for part in rule.rules]}


@given(RULES)
def test_a_rule_that_is_written_down_is_read_as_the_same(rule: Rule) -> None:
    assert parse_rule(as_document(rule)) == rule


def test_the_rule_of_the_contract() -> None:
    rule = parse_rule({"all_of": ["residence", {"any_of": ["profession", "code"]}]})
    assert rule == AtLeast(2, ("residence", AtLeast(1, ("profession", "code"))))
    assert list(questions_in(rule)) == ["residence", "profession", "code"]
    granting = [set(names) for size in range(4) for names in combinations(NAMES[:3], size) if holds(rule, set(names))]
    assert granting == [{"residence", "profession"}, {"residence", "code"}, {"residence", "profession", "code"}]


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [],
        ["residence"],
        {},
        {"all_of": []},
        {"any_of": "residence"},
        {"all_of": ["residence"], "any_of": ["code"]},
        {"at_least": 0, "of": ["code"]},
        {"at_least": 2, "of": ["code"]},
        {"at_least": "1", "of": ["code"]},
        {"at_least": 1},
        {"none_of": ["code"]},
        {"all_of": ["residence", {"any_of": []}]},
    ],
)
def test_what_is_no_rule_is_refused_and_shown(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^an access rule is a question's name, .*; this is "):
        parse_rule(value)


@given(RULES, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_one_more_accepted_answer_never_takes_a_rule_away(rule: Rule, some: set[str], more: set[str]) -> None:
    assert holds(rule, some) <= holds(rule, some | more)


@given(RULES)
def test_a_rule_holds_with_all_its_questions_and_with_none_of_them_it_does_not(rule: Rule) -> None:
    assert holds(rule, set(questions_in(rule)))
    assert not holds(rule, set(NAMES) - set(questions_in(rule)))


# -- what the states add up to


@given(RULES, STATES, LEFT)
def test_access_is_granted_just_when_the_rule_holds(
    rule: Rule, states: dict[str, QuestionState], left: dict[str, int]
) -> None:
    assert (evaluate(rule, states, left) is AccessState.GRANTED) == holds(rule, accepted_in(states))


@given(RULES, STATES, LEFT)
def test_access_is_blocked_just_when_no_end_of_what_is_open_or_under_way_could_grant_it(
    rule: Rule, states: dict[str, QuestionState], left: dict[str, int]
) -> None:
    undecided = [name for name in NAMES if states[name] in BUSY or left[name] > 0]
    ends = [set(end) for size in range(len(undecided) + 1) for end in combinations(undecided, size)]
    can_hold = any(holds(rule, accepted_in(states) | end) for end in ends)
    assert (evaluate(rule, states, left) is AccessState.BLOCKED) == (not can_hold)


@given(RULES, STATES, LEFT)
def test_access_is_pending_only_while_something_is_under_way_and_incomplete_only_while_something_is_open(
    rule: Rule, states: dict[str, QuestionState], left: dict[str, int]
) -> None:
    found = evaluate(rule, states, left)
    over = ended(rule, [name for name in NAMES if states[name] is QuestionState.ACCEPTED])
    if found in (AccessState.PENDING, AccessState.INCOMPLETE):
        busy = any(state in BUSY for name, state in states.items() if name not in over)
        assert busy is (found is AccessState.PENDING)
    if found is AccessState.INCOMPLETE:
        assert any(left[name] > 0 and states[name] is not QuestionState.ACCEPTED for name in NAMES)


@given(RULES, STATES, LEFT, st.sampled_from(NAMES))
def test_one_more_accepted_answer_never_takes_access_away_nor_blocks_it(
    rule: Rule, states: dict[str, QuestionState], left: dict[str, int], name: str
) -> None:
    before = evaluate(rule, states, left)
    after = evaluate(rule, states | {name: QuestionState.ACCEPTED}, left)
    if before is AccessState.GRANTED:
        assert after is AccessState.GRANTED
    if before is not AccessState.BLOCKED:
        assert after is not AccessState.BLOCKED


@given(RULES)
def test_nobody_is_blocked_before_they_have_answered(rule: Rule) -> None:
    nothing = dict.fromkeys(NAMES, QuestionState.OPEN)
    assert evaluate(rule, nothing, dict.fromkeys(NAMES, 1)) is AccessState.INCOMPLETE
    assert evaluate(rule, {}, dict.fromkeys(NAMES, 1)) is AccessState.INCOMPLETE


# -- where one question stands


def stands(confirmed: list[Confirmed], rounds: int) -> tuple[QuestionState, int]:
    """Where an accepted answer holds for good."""
    found = question_status(confirmed, Terms(rounds), NOW)
    assert (found.until, found.renewable_from) == (None, None)
    return found.state, found.left


@given(st.lists(ANSWERS, max_size=6), st.integers(1, 4))
def test_rounds_are_never_negative_and_never_more_than_the_question_has(
    confirmed: list[Confirmed], rounds: int
) -> None:
    state, left = stands(confirmed, rounds)
    assert 0 <= left <= rounds
    assert (state is QuestionState.OPEN) == (not confirmed)
    accepted = any(answer.outcome is Outcome.ACCEPTED for answer in confirmed)
    assert (state is QuestionState.ACCEPTED) == accepted
    if accepted:
        assert left == 0


@given(st.lists(ANSWERS, max_size=5), ANSWERS, st.integers(1, 4))
def test_one_more_answer_never_opens_a_round(confirmed: list[Confirmed], answer: Confirmed, rounds: int) -> None:
    assert stands([*confirmed, answer], rounds)[1] <= stands(confirmed, rounds)[1]


@given(st.lists(ANSWERS, max_size=5), st.sampled_from(sorted(COSTS_NO_ROUND)), st.integers(1, 4))
def test_an_answer_that_says_nothing_about_the_person_costs_no_round(
    confirmed: list[Confirmed], reason: Reason, rounds: int
) -> None:
    said_nothing = Confirmed(State.SETTLED, Outcome.UNDETERMINED, reason)
    assert stands([*confirmed, said_nothing], rounds)[1] == stands(confirmed, rounds)[1]
    assert stands([said_nothing], rounds) == (QuestionState.UNDETERMINED, rounds)


@pytest.mark.parametrize(
    ("answer", "rounds", "expected"),
    [
        (Confirmed(State.PENDING), 1, (QuestionState.PENDING, 0)),
        (Confirmed(State.LEASED), 3, (QuestionState.PENDING, 2)),
        (Confirmed(State.REVIEW), 1, (QuestionState.REVIEW, 0)),
        (Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.CODE_VALID), 3, (QuestionState.ACCEPTED, 0)),
        (Confirmed(State.SETTLED, Outcome.REFUSED, Reason.CODE_UNKNOWN), 3, (QuestionState.REFUSED, 2)),
        (Confirmed(State.SETTLED, Outcome.REFUSED, Reason.OUTSIDE_ZONE), 1, (QuestionState.REFUSED, 0)),
        (Confirmed(State.SETTLED, Outcome.UNDETERMINED, Reason.NEAR_BORDER), 1, (QuestionState.UNDETERMINED, 0)),
        (Confirmed(State.SETTLED, Outcome.UNDETERMINED, Reason.WORKER_LOST), 1, (QuestionState.UNDETERMINED, 1)),
    ],
)
def test_what_one_answer_makes_of_a_question(
    answer: Confirmed, rounds: int, expected: tuple[QuestionState, int]
) -> None:
    assert stands([answer], rounds) == expected


def test_an_earlier_acceptance_is_not_undone_by_a_later_answer() -> None:
    accepted = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.CODE_VALID)
    refused = Confirmed(State.SETTLED, Outcome.REFUSED, Reason.CODE_USED)
    assert stands([accepted, refused], 3) == (QuestionState.ACCEPTED, 0)


# -- answers that end


def held(
    days: float, *after: Confirmed, rounds: int = 1, valid: int = 100, renew: int = 30, **given: Any
) -> QuestionStatus:
    """An answer accepted so many days ago, that holds for `valid` days, and what was answered since."""
    accepted = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.INSIDE_ZONE, NOW - days * DAY)
    return question_status([accepted, *after], Terms(rounds, valid * 86400.0, renew * 86400.0), NOW, **given)


PENDING = Confirmed(State.PENDING)
REFUSED = Confirmed(State.SETTLED, Outcome.REFUSED, Reason.OUTSIDE_ZONE, NOW)
DOWN = Confirmed(State.SETTLED, Outcome.UNDETERMINED, Reason.SOURCE_UNAVAILABLE, NOW)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (held(0), (QuestionState.ACCEPTED, 0)),
        (held(69.999), (QuestionState.ACCEPTED, 0)),
        (held(70), (QuestionState.ACCEPTED, 1)),
        (held(99.999, rounds=3), (QuestionState.ACCEPTED, 3)),
        (held(70, PENDING, rounds=3), (QuestionState.ACCEPTED, 0)),
        (held(70, REFUSED, rounds=3), (QuestionState.ACCEPTED, 2)),
        (held(70, DOWN), (QuestionState.ACCEPTED, 1)),
        (held(70, REFUSED), (QuestionState.ACCEPTED, 0)),
        (held(100), (QuestionState.OPEN, 1)),
        (held(100, REFUSED), (QuestionState.REFUSED, 0)),
        (held(100, PENDING, rounds=2), (QuestionState.PENDING, 1)),
        (held(100, Confirmed(State.REVIEW)), (QuestionState.REVIEW, 0)),
        (held(70, renew=0), (QuestionState.ACCEPTED, 0)),
    ],
)
def test_an_accepted_answer_holds_to_its_end_and_may_be_given_anew_before(
    found: QuestionStatus, expected: tuple[QuestionState, int]
) -> None:
    assert (found.state, found.left) == expected


def test_a_question_that_is_accepted_says_when_that_ends_and_when_it_may_be_renewed() -> None:
    assert (held(10).until, held(10).renewable_from) == (NOW + 90 * DAY, NOW + 60 * DAY)
    assert (held(100).until, held(100).renewable_from) == (None, None)


def test_a_renewal_that_is_accepted_holds_from_its_own_verdict_on() -> None:
    renewed = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.INSIDE_ZONE, NOW - DAY)
    assert held(120, renewed).until == NOW + 99 * DAY
    assert held(120, REFUSED, renewed, REFUSED) == held(1, REFUSED), "what came before it does not count"


def test_an_earlier_answer_that_a_person_accepts_later_holds_from_then_on() -> None:
    decided = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.PERSON_ACCEPTED, NOW)
    first = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.INSIDE_ZONE, NOW - 120 * DAY)
    assert question_status([decided, first], Terms(1, 86400.0), NOW).until == NOW + DAY


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (question_status([REFUSED], Terms(1), NOW, [NOW]), (QuestionState.REFUSED, 1)),
        (question_status([REFUSED, REFUSED], Terms(1), NOW, [NOW]), (QuestionState.REFUSED, 0)),
        (question_status([REFUSED, PENDING], Terms(1), NOW, [NOW]), (QuestionState.PENDING, 0)),
        (held(10, reopened=[NOW]), (QuestionState.ACCEPTED, 1)),
        (held(10, PENDING, reopened=[NOW, NOW]), (QuestionState.ACCEPTED, 0)),
        (held(10, REFUSED, reopened=[NOW, NOW]), (QuestionState.ACCEPTED, 1)),
        (held(10, reopened=[NOW - 11 * DAY]), (QuestionState.ACCEPTED, 0)),
        (held(70, reopened=[NOW]), (QuestionState.ACCEPTED, 2)),
        (held(100, REFUSED, reopened=[NOW]), (QuestionState.REFUSED, 1)),
        (held(100, REFUSED, reopened=[NOW - 101 * DAY]), (QuestionState.REFUSED, 0)),
    ],
)
def test_a_person_allows_one_more_answer_until_one_is_accepted(
    found: QuestionStatus, expected: tuple[QuestionState, int]
) -> None:
    assert (found.state, found.left) == expected


def test_one_more_answer_is_allowed_where_the_accepted_one_holds_for_good() -> None:
    good = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.INSIDE_ZONE, NOW)
    assert question_status([good], Terms(3), NOW, [NOW]) == QuestionStatus(QuestionState.ACCEPTED, 1)


# -- how long access holds


def accepted(days: float | None) -> QuestionStatus:
    """Accepted until so many days from now; None: for good."""
    if days is None:
        return QuestionStatus(QuestionState.ACCEPTED, 0)
    return QuestionStatus(QuestionState.ACCEPTED, 0, NOW + days * DAY, NOW + (days - 30) * DAY)


@pytest.mark.parametrize(
    ("stands", "granted_until", "changes_at"),
    [
        ({"residence": accepted(None), "profession": accepted(None)}, None, None),
        ({"residence": accepted(50), "profession": accepted(None)}, 50, 20),
        ({"residence": accepted(50), "profession": accepted(40)}, 40, 10),
        ({"residence": accepted(50), "profession": accepted(10), "code": accepted(12)}, 12, 10),
        ({"residence": accepted(50), "profession": accepted(10), "code": accepted(None)}, 50, 10),
        ({"residence": accepted(50), "profession": QuestionStatus(QuestionState.OPEN, 1)}, None, 20),
    ],
)
def test_access_holds_as_long_as_the_rule_does(
    stands: dict[str, QuestionStatus], granted_until: float | None, changes_at: float | None
) -> None:
    rule = parse_rule({"all_of": ["residence", {"any_of": ["profession", "code"]}]})
    found = add_up(rule, stands, NOW)
    assert found.granted_until == (None if granted_until is None else NOW + granted_until * DAY)
    assert found.changes_at == (None if changes_at is None else NOW + changes_at * DAY)


def test_a_revoked_access_is_blocked_and_nothing_may_be_answered() -> None:
    stands = {"residence": accepted(50), "profession": QuestionStatus(QuestionState.REFUSED, 2)}
    found = add_up("residence", stands, NOW, revoked=True)
    assert (found.access, found.granted_until) == (AccessState.BLOCKED, None)
    assert found.states == {"residence": QuestionState.ACCEPTED, "profession": QuestionState.REFUSED}
    assert found.rounds_left == {"residence": 0, "profession": 0}
    assert found.changes_at == NOW + 50 * DAY, "the answer ends all the same"


@given(RULES, st.dictionaries(st.sampled_from(NAMES), st.none() | st.integers(1, 99)))
def test_access_is_granted_to_its_end_and_no_longer(rule: Rule, ends: dict[str, int | None]) -> None:
    found = add_up(rule, {name: accepted(days) for name, days in ends.items()}, NOW)
    if found.access is not AccessState.GRANTED:
        assert found.granted_until is None
        return
    for days in range(101):
        holding = {name for name, end in ends.items() if end is None or end > days}
        over = found.granted_until is not None and found.granted_until <= NOW + days * DAY
        assert holds(rule, holding) is not over


# -- what is still of use

ONE_OF_TWO = AtLeast(2, ("residence", AtLeast(1, ("profession", "code"))))


TWO_OF = {"at_least": 2, "of": ["residence", "profession", {"all_of": ["code", "age"]}]}
