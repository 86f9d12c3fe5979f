"""What must hold whatever happens: I1 to I6 and I8 to I10, as functions of what was done and of what the tables say.

Each yields sentences, and none when all is well.

| | |
|---|---|
| I1 | a settled check has exactly one verdict of a worker, any other none |
| I2 | no verdict is ever changed or deleted |
| I3 | a verdict's fence is its check's fence when it was written, and its writer's |
| I4 | no verdict without a check |
| I5 | a check whose workers vanished three times is not looked up again |
| I6 | fences rise with each claim, and none is claimed while a lease of it lives |
| I8 | a submit that was rolled back leaves nothing |
| I9 | one look-up under a fence, whoever rings however often |
| I10 | no transaction is open during a look-up |

I8 is a comparison of two snapshots, made where the rollback is (`machine.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from jurat.access import AtLeast, Confirmed, evaluate, standing
from jurat.words import Outcome, QuestionState, Reason, State
from tasks.checks import Held
from tasks.ledger import Book
from tests.faults.snapshot import AccessRow, CheckRow, Key, Snapshot, VerdictRow


@dataclass(slots=True)
class History:
    """What was done, as those who did it know it."""

    claims: list[tuple[Held, CheckRow, datetime]] = field(default_factory=list)
    """Each with its row as it was before, and the time."""
    looked_up: list[Held] = field(default_factory=list)
    open_transactions: list[Held] = field(default_factory=list)
    """Look-ups during which this process had a connection out of its pool."""
    written: list[tuple[UUID, int]] = field(default_factory=list)
    """Entries of which the ledger said that they were written."""
    verdicts: dict[tuple[UUID, int], VerdictRow] = field(default_factory=dict)
    """Every verdict that was ever seen."""


def broken(history: History, before: Snapshot, after: Snapshot) -> list[str]:
    """Everything that does not hold after a step that led from `before` to `after`."""
    checks = (_verdicts(history, before, after), _rows(after), _claims(history), _look_ups(history), _codes(after))
    found = [sentence for each in checks for sentence in each]
    history.verdicts |= after.verdicts
    return found


def _verdicts(history: History, before: Snapshot, after: Snapshot) -> Iterator[str]:
    counts = dict.fromkeys(after.checks, 0)
    for (check, revision), verdict in after.verdicts.items():
        if check not in after.checks:
            yield f"I4: verdict {check}/{revision} has no check"
            continue
        counts[check] += verdict.decided_by == "worker"
        if (check, revision) not in history.verdicts:
            row = before.checks[check]
            if (row.state, row.fence) != (State.LEASED, verdict.fence) or after.checks[check].fence != verdict.fence:
                yield f"I3: verdict {check}/{revision} has fence {verdict.fence}, its check was {row}"
            if (check, verdict.fence) not in history.written:
                yield f"I3: verdict {check}/{revision} is of nobody who was told that it is written"
    for check, count in counts.items():
        if count != (after.checks[check].state == State.SETTLED):
            yield f"I1: {check} is {after.checks[check].state} with {count} verdicts"
    for key, verdict in history.verdicts.items():
        if after.verdicts.get(key) != verdict:
            yield f"I2: verdict {key} was {verdict} and is {after.verdicts.get(key)}"


def _rows(after: Snapshot) -> Iterator[str]:
    for check, row in after.checks.items():
        settled = row.state == State.SETTLED
        if row.answered == settled or (row.settled_at is not None) != settled:
            yield f"{check} is {row.state}: answer kept {row.answered}, settled at {row.settled_at}"
        if (row.lease_until is not None) != (row.state == State.LEASED):
            yield f"{check} is {row.state} with a lease until {row.lease_until}"
        if (after.reviews.get(check) is not None) != (row.state == State.REVIEW):
            yield f"{check} is {row.state} with a review until {after.reviews.get(check)}"
        if row.fence == 0 and row.state != State.PENDING:
            yield f"{check} is {row.state} and was never claimed"
    for check, fence in after.attempts:
        if check not in after.checks or fence > after.checks[check].fence:
            yield f"attempt {check}/{fence} is of no claim"


def _claims(history: History) -> Iterator[str]:
    last: dict[UUID, int] = {}
    for held, row, time in history.claims:
        if held.fence <= last.get(held.id, 0) or held.fence != row.fence + 1:
            yield f"I6: fence {held.fence} of {held.id} was given out after {last.get(held.id, 0)}, before: {row}"
        if row.state == State.LEASED and row.lease_until is not None and row.lease_until > time:
            yield f"I6: {held.id} was claimed while a lease of it was alive: {row}"
        last[held.id] = held.fence


def _look_ups(history: History) -> Iterator[str]:
    if len(set(keys := [(held.id, held.fence) for held in history.looked_up])) < len(keys):
        yield "I9: a check was looked up twice under one fence"
    for held in history.looked_up:
        if held.lost_leases >= 3:
            yield f"I5: {held.id} was looked up after {held.lost_leases} lost leases"
    for held in history.open_transactions:
        yield f"I10: a transaction was open during the look-up of {held.id}"


def _codes(after: Snapshot) -> Iterator[str]:
    valid = {check for (check, _), verdict in after.verdicts.items() if verdict.reason == Reason.CODE_VALID}
    spent = [check for check in after.redeemed.values() if check is not None]
    if len(set(spent)) < len(spent) or set(spent) != valid:
        yield f"codes are spent by {spent} and accepted for {valid}"


def wrong_access(after: Snapshot, book: Book, participants: Collection[Key]) -> list[str]:
    """Rows of `participants` that say something else than their history adds up to under `book`."""
    history: dict[Key, dict[str, list[Confirmed]]] = {key: {} for key in participants}
    returned: set[tuple[Key, str]] = set()
    for check, row in sorted(after.checks.items(), key=lambda item: item[1].round):
        if row.key in history:
            verdict = after.verdicts.get((check, 1))
            said = (Outcome(verdict.outcome), Reason(verdict.reason)) if verdict else (None, None)
            history[row.key].setdefault(row.question, []).append(Confirmed(State(row.state), *said))
            if check in after.reviews and row.state in (State.PENDING, State.LEASED):
                returned.add((row.key, row.question))
    wrong = []
    for key, answers in history.items():
        row_now, expected = after.access[key], _added_up(book, key[0], answers)
        # An overdue review returns to the workers without a write to the access row, which goes on to say `review`.
        questions = {
            name: QuestionState.PENDING if (key, name) in returned else state
            for name, state in row_now.questions.items()
        }
        if AccessRow(row_now.access, questions, row_now.rounds_left) != expected:
            wrong.append(f"access of {key} is {row_now} and adds up to {expected}")
    return wrong


def _added_up(book: Book, consultation: str, answers: Mapping[str, list[Confirmed]]) -> AccessRow:
    rounds = book.rounds.get(consultation, {})
    stands = {name: standing(answers.get(name, []), rounds.get(name, 0)) for name in [*rounds, *answers]}
    states = {name: state for name, (state, _) in stands.items()}
    left = {name: rounds_left for name, (_, rounds_left) in stands.items()}
    rule = book.rules.get(consultation) or AtLeast(len(states), tuple(states))
    return AccessRow(evaluate(rule, states, left), states, left)
