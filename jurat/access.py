"""What the verdicts of one participant add up to in one consultation: a pure function over the question states.

A rule is a question's name, or `all_of`, `any_of` or `at_least` over rules, as the configuration has it:

    { all_of: [residence, { any_of: [profession, code] }] }
    { at_least: 2, of: [residence, profession, code] }
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jurat.words import COSTS_NO_ROUND, AccessState, Outcome, QuestionState, Reason, State


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` of `rules` hold. `all_of` and `any_of` are the two ends of it."""

    count: int
    rules: tuple[Rule, ...]


Rule = str | AtLeast


def parse_rule(value: Any) -> Rule:
    """The rule that a JSON or YAML value stands for.

    Raises ValueError with a sentence that says which part is not a rule.
    """
    match value:
        case str():
            return value
        case {"all_of": [_, *_] as rules, **rest} if not rest:
            return AtLeast(len(rules), tuple(map(parse_rule, rules)))
        case {"any_of": [_, *_] as rules, **rest} if not rest:
            return AtLeast(1, tuple(map(parse_rule, rules)))
        case {"at_least": int(count), "of": [_, *_] as rules, **rest} if not rest and 1 <= count <= len(rules):
            return AtLeast(count, tuple(map(parse_rule, rules)))
    raise ValueError(
        "an access rule is a question's name, { all_of: [rules] }, { any_of: [rules] } or { at_least: N, of: [rules] }"
        f" with at least one rule and 1 ≤ N ≤ their number; this is {value!r:.80}"
    )


def questions_in(rule: Rule) -> Iterator[str]:
    """The names of the questions that `rule` speaks of, in order, repeats included."""
    if isinstance(rule, str):
        yield rule
    else:
        for part in rule.rules:
            yield from questions_in(part)


def holds(rule: Rule, accepted: Collection[str]) -> bool:
    """Whether `rule` holds when just the questions in `accepted` are accepted."""
    if isinstance(rule, str):
        return rule in accepted
    return sum(holds(part, accepted) for part in rule.rules) >= rule.count


def evaluate(rule: Rule, states: Mapping[str, QuestionState], rounds_left: Mapping[str, int]) -> AccessState:
    """The access that `states` add up to under `rule`.

    Granted when the rule holds; blocked when it can not come to hold any more; pending while a check that it could
    need is under way (or with a reviewer); else incomplete: something is open to answer. `rounds_left` has the answers
    that each question may still get.
    """
    accepted = {name for name, state in states.items() if state is QuestionState.ACCEPTED}
    if holds(rule, accepted):
        return AccessState.GRANTED
    waiting = {name for name, state in states.items() if state in (QuestionState.PENDING, QuestionState.REVIEW)}
    still_open = {name for name, left in rounds_left.items() if left > 0 and name not in accepted}
    if not holds(rule, accepted | waiting | still_open):
        return AccessState.BLOCKED
    return AccessState.PENDING if waiting else AccessState.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One confirmed answer of a participant to a question: where its check stands and what its last verdict says."""

    state: State
    outcome: Outcome | None = None
    reason: Reason | str | None = None

    @property
    def costs_round(self) -> bool:
        """Whether this answer uses up one of the question's rounds; an undecided one does until it is settled."""
        if self.state is not State.SETTLED or self.outcome is not Outcome.UNDETERMINED:
            return True
        return self.reason not in COSTS_NO_ROUND


def standing(confirmed: Sequence[Confirmed], rounds: int) -> tuple[QuestionState, int]:
    """Where a question stands after the answers in `confirmed` (oldest first), and how many more it may get.

    `rounds` is the number of answers that the question allows. None is left while a check is under way, nor after an
    answer was accepted.
    """
    if not confirmed:
        return QuestionState.OPEN, rounds
    if any(answer.outcome is Outcome.ACCEPTED and answer.state is State.SETTLED for answer in confirmed):
        return QuestionState.ACCEPTED, 0
    left = max(0, rounds - sum(answer.costs_round for answer in confirmed))
    match confirmed[-1]:
        case Confirmed(state=State.PENDING | State.LEASED):
            return QuestionState.PENDING, left
        case Confirmed(state=State.REVIEW):
            return QuestionState.REVIEW, left
        case Confirmed(outcome=Outcome.REFUSED):
            return QuestionState.REFUSED, left
        case _:
            return QuestionState.UNDETERMINED, left
