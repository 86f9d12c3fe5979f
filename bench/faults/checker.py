"""Checks whether a run kept every promise, from its history alone.

Access is computed here a second time, for the one rule that the runs use (all questions must be accepted, one round
each): the code under test must not be its own judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from bench.faults.history import Dump, Fate, History, VerdictRow


class Kind(StrEnum):
    """Each way to break a promise."""

    LOST = "lost"
    """Acknowledged, and without a verdict in the end."""
    DOUBLED = "doubled"
    """Two verdicts from workers, or two answers of the source written down for one check."""
    STALE = "stale"
    """A write was accepted from a worker whose fence had been passed."""
    ORPHAN = "orphan"
    """A verdict or an attempt without a check, or a check that was never submitted."""
    CHANGED = "changed"
    """A verdict that was there before reads differently now, or is gone."""
    ROLLED_BACK = "rolled back"
    """The web tier rolled this submit back, or was told that it is missing, and yet there is a check or a lookup."""
    ACCESS = "access"
    """A participant's access is not what the verdicts add up to."""
    WRONG = "wrong"
    """A verdict that the source's answer does not bear out, or a technical one that no fault excuses."""
    UNASKED = "unasked"
    """A verdict about someone the source was never asked about."""
    CONTRADICTION = "contradiction"
    """What `bin/jurat db verify` finds."""
    KEPT = "kept"
    """Settled, and the participant's answer is still in the row."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise broken. `subject` is a check's or a participant's id."""

    kind: Kind
    subject: str
    detail: str


def violations(history: History) -> list[Violation]:
    """Everything that went wrong, in the order of `Kind`; empty for a run that kept its promises."""
    found = [violation for rule in _RULES for violation in rule(history)]
    return sorted(found, key=lambda violation: list(Kind).index(violation.kind))


def repeated(history: History) -> int:
    """How many requests the source got beyond the first for each number: what the faults cost it."""
    return sum(history.asked.values()) - len(history.asked)


def _lost(history: History) -> Iterator[Violation]:
    judged = {verdict.check for verdict in history.dump.verdicts}
    for submit in history.submits:
        if submit.fate is Fate.ACKNOWLEDGED:
            check = history.dump.checks.get(submit.check)
            if check is None:
                yield Violation(Kind.LOST, submit.check, "acknowledged, and no such check")
            elif submit.check not in judged:
                yield Violation(Kind.LOST, submit.check, f"no verdict; its state is {check.state}")
            elif check.state != "settled":
                yield Violation(Kind.LOST, submit.check, f"has a verdict, and its state is {check.state}")


def _doubled(history: History) -> Iterator[Violation]:
    by_worker = Counter(verdict.check for verdict in history.dump.verdicts if verdict.decided_by == "worker")
    answered = Counter(attempt.check for attempt in history.dump.attempts if attempt.result == "answered")
    for check, count in by_worker.items():
        if count > 1:
            yield Violation(Kind.DOUBLED, check, f"{count} verdicts by workers")
    for check, count in answered.items():
        if count > 1:
            yield Violation(Kind.DOUBLED, check, f"{count} answers of its one source were written down")


def _stale(history: History) -> Iterator[Violation]:
    attempts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for attempt in history.dump.attempts:
        attempts[attempt.check].append((attempt.fence, attempt.result))
    for verdict in history.dump.verdicts:
        check = history.dump.checks.get(verdict.check)
        if check is not None and verdict.decided_by == "worker" and verdict.fence != check.fence:
            yield Violation(
                Kind.STALE, verdict.check, f"verdict under fence {verdict.fence}, claimed {check.fence} times"
            )
    for check_id, made in attempts.items():
        check = history.dump.checks.get(check_id)
        highest = check.fence if check else 0
        for fence, result in made:
            if check is not None and not 1 <= fence <= highest:
                yield Violation(Kind.STALE, check_id, f"attempt under fence {fence} of {highest}")
            if check is not None and check.state == "settled" and result == "answered" and fence != highest:
                yield Violation(Kind.STALE, check_id, f"answered under fence {fence}, claimed again until {highest}")


def _orphans(history: History) -> Iterator[Violation]:
    submitted = {submit.check for submit in history.submits}
    for check in history.dump.checks:
        if check not in submitted:
            yield Violation(Kind.ORPHAN, check, "a check that was never submitted")
    for what, ids in (
        ("verdict", {verdict.check for verdict in history.dump.verdicts}),
        ("attempt", {attempt.check for attempt in history.dump.attempts}),
    ):
        for check in sorted(ids - history.dump.checks.keys()):
            yield Violation(Kind.ORPHAN, check, f"a {what} without a check")


def _changed(history: History) -> Iterator[Violation]:
    for before, after in pairwise((*history.earlier, history.dump)):
        now = _digests(after)
        for key, digest in _digests(before).items():
            if key not in now:
                yield Violation(Kind.CHANGED, key[0], f"revision {key[1]} is gone")
            elif now[key] != digest:
                yield Violation(Kind.CHANGED, key[0], f"revision {key[1]} reads differently")


def _digests(dump: Dump) -> Mapping[tuple[str, int], str]:
    return {(verdict.check, verdict.revision): verdict.digest for verdict in dump.verdicts}


def _rolled_back(history: History) -> Iterator[Violation]:
    for submit in history.submits:
        if submit.fate in (Fate.ROLLED_BACK, Fate.GONE) and submit.check in history.dump.checks:
            yield Violation(Kind.ROLLED_BACK, submit.check, "is in the database")
        if submit.fate is Fate.ROLLED_BACK and history.asked.get(submit.number):
            yield Violation(Kind.ROLLED_BACK, submit.check, "was looked up")


def _access(history: History) -> Iterator[Violation]:
    latest = _latest(history.dump.verdicts)
    states_by_participant: dict[str, dict[str, str]] = defaultdict(dict)
    for check_id, check in history.dump.checks.items():
        verdict = latest.get(check_id)
        states_by_participant[check.participant][check.question] = verdict.outcome if verdict else check.state
    rows = {row.participant: row for row in history.dump.access}
    names = {submit.question for submit in history.submits}
    for participant, states in states_by_participant.items():
        row = rows.get(participant)
        if row is None:
            yield Violation(Kind.ACCESS, participant, "has checks and no access row")
            continue
        for name, state in states.items():
            if (given := row.questions.get(name)) != state and state != "leased":
                yield Violation(Kind.ACCESS, participant, f"{name} is {state}, the access row says {given}")
        granted = names == {name for name, state in states.items() if state == "accepted"}
        if granted != (row.access == "granted"):
            yield Violation(Kind.ACCESS, participant, f"{row.access} with {sorted(states.items())}")
        if ("refused" in states.values()) != (row.access == "blocked"):
            yield Violation(Kind.ACCESS, participant, f"{row.access} with {sorted(states.items())}")
    for participant in rows.keys() - states_by_participant.keys():
        yield Violation(Kind.ACCESS, participant, "an access row without a check")


def _wrong(history: History) -> Iterator[Violation]:
    latest = _latest(history.dump.verdicts)
    for submit in history.submits:
        verdict = latest.get(submit.check)
        if verdict is None:
            continue
        excused = verdict.outcome == "undetermined" and verdict.reason in history.undetermined
        if verdict.outcome != submit.right and not excused:
            yield Violation(Kind.WRONG, submit.check, f"{verdict.outcome} ({verdict.reason}), right is {submit.right}")
        if verdict.outcome in ("accepted", "refused") and history.asked and not history.asked.get(submit.number):
            yield Violation(Kind.UNASKED, submit.check, f"{verdict.outcome} without a request to the source")


def _latest(verdicts: Iterable[VerdictRow]) -> Mapping[str, VerdictRow]:
    return {verdict.check: verdict for verdict in sorted(verdicts, key=lambda verdict: verdict.revision)}


def _kept(history: History) -> Iterator[Violation]:
    for check_id, check in history.dump.checks.items():
        if check.state == "settled" and check.sealed:
            yield Violation(Kind.KEPT, check_id, "settled, and the answer is still in the row")


def _contradictions(history: History) -> Iterator[Violation]:
    submitted = {submit.check for submit in history.submits}
    for check, what in history.contradictions:
        if check in submitted:  # rows that only fill the tables have no lookups
            yield Violation(Kind.CONTRADICTION, check, what)


_RULES: tuple[Callable[[History], Iterator[Violation]], ...] = (
    _lost,
    _doubled,
    _stale,
    _orphans,
    _changed,
    _rolled_back,
    _access,
    _wrong,
    _contradictions,
    _kept,
)
