from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat.access import AtLeast, Confirmed, Rule, evaluate, holds, parse_rule, questions_in, standing
from jurat.words import COSTS_NO_ROUND, AccessState, Outcome, QuestionState, Reason, State, outcomes_of

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
    if found is AccessState.PENDING:
        assert BUSY & set(states.values())
    if found is AccessState.INCOMPLETE:
        assert not BUSY & set(states.values())
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


@given(st.lists(ANSWERS, max_size=6), st.integers(1, 4))
def test_rounds_are_never_negative_and_never_more_than_the_question_has(
    confirmed: list[Confirmed], rounds: int
) -> None:
    state, left = standing(confirmed, rounds)
    assert 0 <= left <= rounds
    assert (state is QuestionState.OPEN) == (not confirmed)
    accepted = any(answer.outcome is Outcome.ACCEPTED for answer in confirmed)
    assert (state is QuestionState.ACCEPTED) == accepted
    if accepted:
        assert left == 0


@given(st.lists(ANSWERS, max_size=5), ANSWERS, st.integers(1, 4))
def test_one_more_answer_never_opens_a_round(confirmed: list[Confirmed], answer: Confirmed, rounds: int) -> None:
    assert standing([*confirmed, answer], rounds)[1] <= standing(confirmed, rounds)[1]


@given(st.lists(ANSWERS, max_size=5), st.sampled_from(sorted(COSTS_NO_ROUND)), st.integers(1, 4))
def test_an_answer_that_says_nothing_about_the_person_costs_no_round(
    confirmed: list[Confirmed], reason: Reason, rounds: int
) -> None:
    said_nothing = Confirmed(State.SETTLED, Outcome.UNDETERMINED, reason)
    assert standing([*confirmed, said_nothing], rounds)[1] == standing(confirmed, rounds)[1]
    assert standing([said_nothing], rounds) == (QuestionState.UNDETERMINED, rounds)


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
    assert standing([answer], rounds) == expected


def test_an_earlier_acceptance_is_not_undone_by_a_later_answer() -> None:
    accepted = Confirmed(State.SETTLED, Outcome.ACCEPTED, Reason.CODE_VALID)
    refused = Confirmed(State.SETTLED, Outcome.REFUSED, Reason.CODE_USED)
    assert standing([accepted, refused], 3) == (QuestionState.ACCEPTED, 0)
