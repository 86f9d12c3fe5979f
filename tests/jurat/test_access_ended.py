"""Questions that an accepted alternative has ended, and what is still needed."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurat.access import (
    QuestionStatus,
    Rule,
    add_up,
    ended,
    holds,
    needed,
    parse_rule,
)
from jurat.queries import Access
from jurat.vocabulary import AccessState, QuestionState
from tests.jurat.test_access import BUSY, NAMES, NOW, ONE_OF_TWO, RULES, TWO_OF


def stand(state: QuestionState, left: int = 0) -> QuestionStatus:
    return QuestionStatus(state, left)


def test_an_accepted_alternative_ends_the_rest() -> None:
    opened = stand(QuestionState.OPEN, 2)
    found = add_up(ONE_OF_TWO, {"residence": opened, "profession": opened, "code": stand(QuestionState.ACCEPTED)}, NOW)
    assert found.access is AccessState.INCOMPLETE
    assert found.rounds_left == {"residence": 2, "profession": 0, "code": 0}
    assert found.ended == {"profession": ["code"]}


@pytest.mark.parametrize("state", sorted(BUSY))
def test_what_an_accepted_alternative_ended_keeps_nobody_waiting(state: QuestionState) -> None:
    opened, code = stand(QuestionState.OPEN, 1), stand(QuestionState.ACCEPTED)
    waiting = {"residence": opened, "profession": stand(state), "code": opened}
    assert add_up(ONE_OF_TWO, waiting, NOW).access is AccessState.PENDING
    assert add_up(ONE_OF_TWO, {**waiting, "code": code}, NOW).access is AccessState.INCOMPLETE
    assert add_up(ONE_OF_TWO, {**waiting, "code": code, "residence": code}, NOW).access is AccessState.GRANTED


@pytest.mark.parametrize(
    ("rule", "accepted", "over"),
    [
        ("residence", [], {}),
        ("residence", ["residence"], {}),
        ({"any_of": ["profession", "code"]}, ["code"], {"profession": ["code"]}),
        ({"all_of": ["profession", "code"]}, ["code"], {}),
        ({"all_of": ["residence", {"any_of": ["profession", "code"]}]}, ["residence"], {}),
        ({"all_of": ["residence", {"any_of": ["profession", "code"]}]}, ["code"], {"profession": ["code"]}),
        (
            {"all_of": ["residence", {"any_of": ["profession", "code"]}]},
            ["code", "residence"],
            {"profession": ["code"]},
        ),
        (TWO_OF, ["residence"], {}),
        (
            TWO_OF,
            ["residence", "profession"],
            {"code": ["profession", "residence"], "age": ["profession", "residence"]},
        ),
        (TWO_OF, ["code", "age", "residence"], {"profession": ["age", "code", "residence"]}),
        # What stands in two places counts as long as it counts in one.
        ({"all_of": [{"any_of": ["profession", "code"]}, {"any_of": ["profession", "age"]}]}, ["code"], {}),
        (
            {"all_of": [{"any_of": ["profession", "code"]}, {"any_of": ["profession", "age"]}]},
            ["code", "age"],
            {"profession": ["age", "code"]},
        ),
    ],
)
def test_what_is_ended_and_by_what(rule: Any, accepted: list[str], over: dict[str, list[str]]) -> None:
    assert ended(parse_rule(rule), accepted) == over


@given(RULES, st.sets(st.sampled_from(NAMES)))
def test_what_is_ended_makes_no_difference_while_those_that_ended_it_are_accepted(
    rule: Rule, accepted: set[str]
) -> None:
    """Whatever becomes of all others, those in its place may even be all that is accepted."""
    for name, by in ended(rule, accepted).items():
        assert set(by) <= accepted - {name}
        others = sorted(set(NAMES) - {name, *by})
        for way in (set(way) for size in range(len(others) + 1) for way in combinations(others, size)):
            assert holds(rule, {*by, *way, name}) == holds(rule, {*by, *way})


def test_nothing_is_asked_where_no_answer_could_help() -> None:
    opened = stand(QuestionState.OPEN, 1)
    found = add_up(ONE_OF_TWO, {"residence": stand(QuestionState.REFUSED), "profession": opened, "code": opened}, NOW)
    assert found.access is AccessState.BLOCKED
    assert found.rounds_left == {"residence": 0, "profession": 0, "code": 0}
    assert Access(found.access, found.states, found.rounds_left).blocked_by == ["residence"]


@given(RULES, st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_what_makes_a_difference_is_needed(rule: Rule, accepted: set[str], possible: set[str]) -> None:
    found = needed(rule, accepted, possible)
    assert found <= possible - accepted
    ways = [set(way) for size in range(len(possible) + 1) for way in combinations(sorted(possible), size)]
    for name in possible - accepted:
        if any(holds(rule, accepted | way | {name}) and not holds(rule, accepted | way) for way in ways):
            assert name in found
