"""Adds up the verdicts of one participant in one consultation. Pure functions over the history.

A rule is a question's name, or `all_of`, `any_of` or `at_least` over rules, as the configuration has it:

    { all_of: [residence, { any_of: [profession, code] }] }
    { at_least: 2, of: [residence, profession, code] }
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jurat.vocabulary import COSTS_NO_ROUND, AccessState, Outcome, QuestionState, Reason, State


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` of `rules` hold. `all_of` and `any_of` are its extremes."""

    count: int
    rules: tuple[Rule, ...]


Rule = str | AtLeast


def parse_rule(value: Any) -> Rule:
    """The rule that a JSON or YAML value describes. Raises ValueError, which says what part is not a rule."""
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
    """The names of the questions in `rule`, in order, repeats included."""
    if isinstance(rule, str):
        yield rule
    else:
        for part in rule.rules:
            yield from questions_in(part)


def holds(rule: Rule, accepted: Collection[str]) -> bool:
    """Whether `rule` holds if exactly the questions in `accepted` are accepted."""
    if isinstance(rule, str):
        return rule in accepted
    return sum(holds(part, accepted) for part in rule.rules) >= rule.count


def needed(rule: Rule, accepted: Collection[str], possible: Collection[str]) -> set[str]:
    """The questions whose answers can still change whether `rule` holds: `accepted` are accepted, and those in
    `possible` may still be.

    No question counts below a part that holds, nor below one that can no longer hold.
    """
    if holds(rule, accepted) or not holds(rule, {*accepted, *possible}):
        return set()
    if isinstance(rule, str):
        return {rule}
    return set().union(*(needed(part, accepted, possible) for part in rule.rules))


def ended(rule: Rule, accepted: Collection[str]) -> dict[str, list[str]]:
    """The questions that accepted ones have ended, each with those that ended it.

    They were not accepted, and are in `rule` only below parts that hold without them. While the accepted questions stay
    accepted, no answer to them changes anything, whatever becomes of all others. Only acceptances count here, because a
    refusal may still be contested.
    """
    closed: dict[str, set[str]] = {}
    counting = _look_for_ended(rule, accepted, closed)
    return {name: sorted(by) for name, by in sorted(closed.items()) if name not in counting}


def _look_for_ended(rule: Rule, accepted: Collection[str], closed: dict[str, set[str]]) -> set[str]:
    """The questions that still count at their place in `rule`; the others go to `closed`."""
    if isinstance(rule, str):
        return set() if rule in accepted else {rule}
    holding = holds(rule, accepted)
    by = set(questions_in(rule)) & set(accepted)
    counting = set[str]()
    for part in rule.rules:
        if holding and not holds(part, accepted):
            for name in set(questions_in(part)) - by:
                closed.setdefault(name, set()).update(by)
        else:
            counting |= _look_for_ended(part, accepted, closed)
    return counting


def evaluate(rule: Rule, states: Mapping[str, QuestionState], rounds_left: Mapping[str, int]) -> AccessState:
    """The access that `states` add up to under `rule`.

    It is granted if the rule holds, and blocked if it can no longer hold. It is pending while a check is under way, or
    with a reviewer, that no accepted one has ended. Else it is incomplete: something is open to answer. `rounds_left`
    has the number of answers that each question may still get.
    """
    accepted = {name for name, state in states.items() if state is QuestionState.ACCEPTED}
    if holds(rule, accepted):
        return AccessState.GRANTED
    waiting = {name for name, state in states.items() if state in (QuestionState.PENDING, QuestionState.REVIEW)}
    still_open = {name for name, left in rounds_left.items() if left > 0 and name not in accepted}
    if not holds(rule, accepted | waiting | still_open):
        return AccessState.BLOCKED
    return AccessState.PENDING if waiting - set(ended(rule, accepted)) else AccessState.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One confirmed answer of a participant to a question: the state of its check, and its last verdict.

    `decided_at` is when that verdict was written.
    """

    state: State
    outcome: Outcome | None = None
    reason: Reason | str | None = None
    decided_at: datetime | None = None

    @property
    def costs_round(self) -> bool:
        """Whether this answer uses up one of the question's rounds. One without a verdict does until it is settled."""
        if self.state is not State.SETTLED or self.outcome is not Outcome.UNDETERMINED:
            return True
        return self.reason not in COSTS_NO_ROUND

    @property
    def accepted(self) -> bool:
        """Whether it is accepted, even while a person reviews it again: a verdict holds until there is another."""
        return self.outcome is Outcome.ACCEPTED

    @property
    def under_way(self) -> bool:
        """Whether it has no verdict yet, or is in review."""
        return self.state is not State.SETTLED


@dataclass(frozen=True, slots=True)
class Terms:
    """How often a question may be answered, and for how long an accepted answer holds.

    `valid_s` is counted in seconds from its last verdict; None: it holds for good. It may be answered again in the last
    `renew_s` seconds before it ends.
    """

    rounds: int
    valid_s: float | None = None
    renew_s: float = 0.0

    def end_of(self, decided_at: datetime | None) -> datetime | None:
        """When an answer that was accepted then expires; None if it holds for good."""
        if self.valid_s is None or decided_at is None:
            return None
        return decided_at + timedelta(seconds=self.valid_s)


@dataclass(frozen=True, slots=True)
class QuestionStatus:
    """The state of a question, and how many more answers it may get.

    `until` is when its accepted answer expires (None: never, or there is none), and `renewable_from` is when it may be
    answered again.
    """

    state: QuestionState
    left: int
    until: datetime | None = None
    renewable_from: datetime | None = None


def question_status(
    confirmed: Sequence[Confirmed], terms: Terms, now: datetime, reopened: Collection[datetime] = ()
) -> QuestionStatus:
    """The status of a question at `now`, after the answers in `confirmed` (oldest first).

    Each of `reopened`, the times at which a person allowed one more answer, adds a round, until an answer is accepted.
    While an accepted answer holds, the question stays accepted whatever comes after it. It may be answered again
    towards the end, or if a person allows it, one answer at a time. Once it has expired, neither it nor the answers
    before it count any more.
    """
    accepted = [place for place, answer in enumerate(confirmed) if answer.accepted]
    if not accepted:
        return _unaccepted(confirmed, terms.rounds + len(reopened))
    decided = max(filter(None, (confirmed[place].decided_at for place in accepted)), default=None)
    since = confirmed[accepted[-1] + 1 :]
    more = sum(decided is None or at >= decided for at in reopened)
    until = terms.end_of(decided)
    if until is not None and until <= now:
        return _unaccepted(since, terms.rounds + more)
    renewable_from = until and until - timedelta(seconds=terms.renew_s)
    allowed = more + (terms.rounds if renewable_from is not None and renewable_from <= now else 0)
    left = 0 if confirmed[-1].under_way else _left(since, allowed)
    return QuestionStatus(QuestionState.ACCEPTED, left, until, renewable_from)


def _left(confirmed: Iterable[Confirmed], allowed: int) -> int:
    return max(0, allowed - sum(answer.costs_round for answer in confirmed))


def _unaccepted(confirmed: Sequence[Confirmed], allowed: int) -> QuestionStatus:
    """The status of a question without an accepted answer. An answer under way counts as given.

    The last answer decides. But if it is settled and there can be no other, an earlier answer that is in review again
    decides, because that may still be accepted.
    """
    if not confirmed:
        return QuestionStatus(QuestionState.OPEN, allowed)
    left = _left(confirmed, allowed)
    telling = confirmed[-1]
    if not telling.under_way and left == 0:
        telling = next((answer for answer in reversed(confirmed) if answer.under_way), telling)
    match telling:
        case Confirmed(state=State.PENDING | State.LEASED):
            return QuestionStatus(QuestionState.PENDING, left)
        case Confirmed(state=State.REVIEW):
            return QuestionStatus(QuestionState.REVIEW, left)
        case Confirmed(outcome=Outcome.REFUSED):
            return QuestionStatus(QuestionState.REFUSED, left)
        case _:
            return QuestionStatus(QuestionState.UNDETERMINED, left)


@dataclass(frozen=True, slots=True)
class AccessSummary:
    """A row of `jurat_access`, without its consultation and participant.

    `granted_until` is when a granted access ends if nothing else happens (None: never). `changes_at` is the next moment
    at which time alone may change the row. `ended` has the questions that accepted ones have ended, each with those.
    """

    access: AccessState
    states: Mapping[str, QuestionState]
    rounds_left: Mapping[str, int]
    granted_until: datetime | None = None
    changes_at: datetime | None = None
    ended: Mapping[str, Sequence[str]] = field(default_factory=dict)


def add_up(
    rule: Rule, statuses: Mapping[str, QuestionStatus], now: datetime, *, revoked: bool = False
) -> AccessSummary:
    """What the statuses of all questions at `now` add up to under `rule`.

    A question of the rule gets no more answers if they can no longer change the access: another one was accepted in its
    place, or the access is blocked anyway. An accepted one may be renewed. If a person has revoked the access, it is
    blocked and nothing may be answered; the states of the questions stay.
    """
    states = {name: status.state for name, status in statuses.items()}
    ends = {name: status.until for name, status in statuses.items() if status.state is QuestionState.ACCEPTED}
    moments = {end for end in ends.values() if end is not None}
    over = ended(rule, ends)
    if revoked:
        return AccessSummary(
            AccessState.BLOCKED, states, dict.fromkeys(states, 0), None, min(moments, default=None), over
        )
    left = {name: status.left for name, status in statuses.items()}
    access = evaluate(rule, states, left)
    possible = {name for name, rest in left.items() if rest > 0}
    possible |= {name for name, state in states.items() if state in (QuestionState.PENDING, QuestionState.REVIEW)}
    of_no_use = set(questions_in(rule)) - needed(rule, ends, possible - set(ends)) - set(ends)
    left = {name: 0 if name in of_no_use else rest for name, rest in left.items()}
    until = _end_of_grant(rule, ends) if access is AccessState.GRANTED else None
    moments |= {
        status.renewable_from for status in statuses.values() if status.renewable_from and status.renewable_from > now
    }
    return AccessSummary(access, states, left, until, min(moments, default=None), over)


def _end_of_grant(rule: Rule, ends: Mapping[str, datetime | None]) -> datetime | None:
    """When `rule` stops holding, if its accepted answers expire at `ends`."""
    for moment in sorted({end for end in ends.values() if end is not None}):
        if not holds(rule, {name for name, end in ends.items() if end is None or end > moment}):
            return moment
    return None
