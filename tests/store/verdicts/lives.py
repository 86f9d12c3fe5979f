"""What a history adds up to, computed once more: slowly and obviously, from the rows and the YAML itself.

Nothing of `jurat.access` is used here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, combinations
from typing import Any

from jurat.times import instant, moment
from tests.store.desk import Desk

FREE = {
    *("source_unavailable", "source_throttled", "source_maintenance", "source_credentials", "source_rejected_request"),
    *("source_unreadable", "source_blocked", "answer_unreadable", "worker_lost", "configuration_missing"),
    *("deadline_passed", "number_malformed", "code_malformed", "ambiguous_address"),
}
"""Why an answer says nothing about the person, and so costs no round."""

UNITS = {"d": 86400.0, "h": 3600.0}


def seconds(duration: str) -> float:
    return float(duration[:-1]) * UNITS[duration[-1]]


@dataclass(frozen=True)
class Answer:
    state: str
    outcome: str | None
    reason: str | None
    decided_at: datetime | None

    @property
    def says_yes(self) -> bool:
        return self.outcome == "accepted"

    @property
    def costs(self) -> int:
        return 0 if self.state == "settled" and self.outcome == "undetermined" and self.reason in FREE else 1


@dataclass(frozen=True)
class Life:
    """All that happened to one participant, oldest first: the answers to each question, and what persons asked for."""

    answers: Mapping[str, Sequence[Answer]]
    asked: Sequence[tuple[str, str | None, datetime]]
    now: datetime


@dataclass(frozen=True)
class Row:
    """`ended` are the questions in whose place another is accepted. Each is once in the rules of these tests."""

    access: str
    questions: Mapping[str, str]
    rounds_left: Mapping[str, int]
    ended: frozenset[str]


def read(desk: Desk, participant: str) -> Life:
    checks = desk.sql(
        "SELECT c.question, c.state, v.outcome, v.reason, v.decided_at FROM jurat_checks c "
        "LEFT JOIN jurat_verdicts v ON v.check_id = c.id AND NOT EXISTS ("
        "SELECT 1 FROM jurat_verdicts w WHERE w.check_id = c.id AND w.revision > v.revision) "
        "WHERE c.participant = :participant ORDER BY c.round",
        participant=participant,
    )
    answers: dict[str, list[Answer]] = {}
    for question, state, outcome, reason, decided_at in checks:
        answers.setdefault(question, []).append(Answer(state, outcome, reason, moment(decided_at)))
    asked = desk.sql(
        "SELECT kind, question, applied_at FROM jurat_requests WHERE participant = :participant "
        "AND kind NOT IN ('transfer', 'erase') AND applied_at IS NOT NULL AND refused IS NULL "
        "ORDER BY applied_at, asked_at, id",
        participant=participant,
    )
    now = instant(desk.one("SELECT NOW"))
    return Life(answers, [(kind, question, instant(at)) for kind, question, at in asked], now)


def stored(desk: Desk, participant: str) -> tuple[Row, datetime | None, datetime | None] | None:
    """The row as it is, until when it is granted, and when it changes next."""
    rows = desk.sql(
        "SELECT access, questions, rounds_left, ended, granted_until, changes_at FROM jurat_access "
        "WHERE participant = :participant",
        participant=participant,
    )
    for access, *documents, until, changes in rows:
        states, left, ended = [json.loads(each) if isinstance(each, str) else each for each in documents]
        assert all(by and all(states[name] == "accepted" for name in by) for by in ended.values())
        return Row(access, states, left, frozenset(ended)), moment(until), moment(changes)
    return None


def ends(answer: Answer, asked: Mapping[str, Any]) -> datetime | None:
    """When an accepted answer is over; None: never."""
    if "valid_for" not in asked:
        return None
    assert answer.decided_at is not None
    return answer.decided_at + timedelta(seconds=seconds(asked["valid_for"]))


def renewal_of(asked: Mapping[str, Any]) -> timedelta:
    return min(timedelta(seconds=seconds(asked.get("renew", "30d"))), timedelta(seconds=seconds(asked["valid_for"])))


def question(life: Life, name: str, asked: Mapping[str, Any], now: datetime) -> tuple[str, int]:
    """The state of a question, and how many more answers it may get."""
    answers = list(life.answers.get(name, ()))
    more = [at for kind, about, at in life.asked if kind == "reopen" and about == name]
    yes = [answer for answer in answers if answer.says_yes]
    if yes:
        under_way = answers[-1].state != "settled"
        newest = max(yes, key=lambda answer: answer.decided_at or now)
        assert newest.decided_at is not None
        more = [at for at in more if at >= newest.decided_at]
        while any(answer.says_yes for answer in answers):
            answers.pop(0)
        over = ends(newest, asked)
        if over is None or over > now:
            if under_way:
                return "accepted", 0
            rounds = len(more)
            if over is not None and now >= over - renewal_of(asked):
                rounds += asked.get("rounds", 1)
            return "accepted", max(0, rounds - sum(answer.costs for answer in answers))
    left = max(0, asked.get("rounds", 1) + len(more) - sum(answer.costs for answer in answers))
    if not answers:
        return "open", left
    waiting = [answer.state for answer in (answers if left == 0 else answers[-1:]) if answer.state != "settled"]
    if waiting:
        return {"pending": "pending", "leased": "pending", "review": "review"}[waiting[-1]], left
    return ("refused" if answers[-1].outcome == "refused" else "undetermined"), left


def rule_holds(rule: Any, accepted: set[str]) -> bool:
    if isinstance(rule, str):
        return rule in accepted
    if "all_of" in rule:
        return all(rule_holds(part, accepted) for part in rule["all_of"])
    if "any_of" in rule:
        return any(rule_holds(part, accepted) for part in rule["any_of"])
    return sum(rule_holds(part, accepted) for part in rule["of"]) >= int(rule["at_least"])


def named_in(rule: Any) -> set[str]:
    if isinstance(rule, str):
        return {rule}
    return set().union(*(named_in(part) for parts in rule.values() if isinstance(parts, list) for part in parts))


def revoked(life: Life) -> bool:
    return [kind for kind, _, _ in life.asked if kind != "reopen"][-1:] == ["revoke"]


def row_at(life: Life, consultation: Mapping[str, Any], now: datetime) -> Row:
    """The row of `jurat_access` at a time, if nothing but time goes on."""
    asked = consultation["questions"]
    found = {name: question(life, name, asked[name], now) for name in asked}
    for name in life.answers:  # the configuration has lost it: it was answered for good, and takes no more
        found.setdefault(name, question(life, name, {"rounds": 0}, now))
    states = {name: state for name, (state, _) in found.items()}
    rule = consultation["access"]
    accepted = {name for name, state in states.items() if state == "accepted"}
    over = no_matter(rule, accepted)
    if revoked(life):
        return Row("blocked", states, dict.fromkeys(states, 0), over)
    left = {name: rounds for name, (_, rounds) in found.items()}
    under_way = {name for name, state in states.items() if state in ("pending", "review")}
    possible = sorted(name for name in states if name not in accepted and (name in under_way or left[name] > 0))
    ways = [
        accepted | set(way)
        for way in chain.from_iterable(combinations(possible, count) for count in range(len(possible) + 1))
    ]
    if rule_holds(rule, accepted):
        ended = named_in(rule) - accepted
        return Row("granted", states, {name: 0 if name in ended else rounds for name, rounds in left.items()}, over)
    # Those that make the difference in any way in which it may go on.
    of_use = {name for name in possible for way in ways if rule_holds(rule, way | {name}) > rule_holds(rule, way)}
    ended = named_in(rule) - accepted - of_use
    left = {name: 0 if name in ended else rounds for name, rounds in left.items()}
    if not any(rule_holds(rule, way) for way in ways):
        return Row("blocked", states, left, over)
    return Row("pending" if under_way - over else "incomplete", states, left, over)


def no_matter(rule: Any, accepted: set[str]) -> frozenset[str]:
    """The questions of the rule that make no difference to it, whatever becomes of all others."""
    others = sorted(named_in(rule) - accepted)
    ways = [
        accepted | set(way)
        for way in chain.from_iterable(combinations(others, count) for count in range(len(others) + 1))
    ]
    return frozenset(
        name for name in others if all(rule_holds(rule, way | {name}) == rule_holds(rule, way) for way in ways)
    )


def moments(life: Life, consultation: Mapping[str, Any]) -> Iterator[datetime]:
    """All times after now at which an answer ends, or may be given again."""
    for name, asked in consultation["questions"].items():
        for answer in life.answers.get(name, ()):
            if answer.says_yes and (over := ends(answer, asked)):
                yield from (at for at in (over, over - renewal_of(asked)) if at > life.now)


def granted_until(life: Life, consultation: Mapping[str, Any]) -> datetime | None:
    """The first of those times at which a granted access is granted no more."""
    if row_at(life, consultation, life.now).access != "granted":
        return None
    for at in sorted(moments(life, consultation)):
        if row_at(life, consultation, at).access != "granted":
            return at
    return None


def changes_at(life: Life, consultation: Mapping[str, Any]) -> datetime | None:
    """The first of them at which anything is different."""
    now = row_at(life, consultation, life.now)
    for at in sorted(moments(life, consultation)):
        if row_at(life, consultation, at) != now:
            return at
    return None
