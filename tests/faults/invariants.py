"""What must hold whatever happens: I1 to I6 and I8 to I10, as functions of what was done and of what the tables say.

Each yields sentences, and none when all is well.

| | |
|---|---|
| I1 | a settled check has exactly one verdict, and one more for each decision after it was reopened; any other none |
| I2 | no verdict is ever changed or deleted |
| I3 | a verdict's fence is its check's fence when it was written, and its writer's |
| I4 | no verdict without a check |
| I5 | a check whose workers vanished three times is not looked up again, and ends `worker_lost` however many follow |
| I6 | fences rise with each claim, and none is claimed while a lease of it lives |
| I8 | a submit that was rolled back leaves nothing |
| I9 | one look-up under a fence, whoever rings however often |
| I10 | no transaction is open during a look-up |

I8 is a comparison of two snapshots, made where the rollback is (`machine.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from jurat.access import AtLeast, Confirmed, Terms, add_up, question_status
from jurat.vocabulary import TECHNICAL, Reason, State
from store.configurations.applied_config import AccessTerms
from tasks.checks import ClaimedCheck
from tests.faults.snapshot import AccessRow, CheckRow, Key, Snapshot, VerdictRow


@dataclass(slots=True)
class History:
    """What was done, as those who did it know it."""

    claims: list[tuple[ClaimedCheck, CheckRow, datetime]] = field(default_factory=list)
    """Each with its row as it was before, and the time."""
    looked_up: list[ClaimedCheck] = field(default_factory=list)
    open_transactions: list[ClaimedCheck] = field(default_factory=list)
    """Look-ups during which this process had a connection out of its pool."""
    written: list[tuple[UUID, int]] = field(default_factory=list)
    """Entries of which the ledger said that they were written."""
    decided: list[tuple[UUID, int]] = field(default_factory=list)
    """Checks and revisions of which a person was told that they decided them."""
    verdicts: dict[tuple[UUID, int], VerdictRow] = field(default_factory=dict)
    """Every verdict that was ever seen."""


def broken(history: History, before: Snapshot, after: Snapshot) -> list[str]:
    """Everything that does not hold after a step that led from `before` to `after`."""
    checks = (_verdicts(history, before, after), _rows(before, after), _claims(history), _look_ups(history))
    found = [sentence for each in (*checks, _codes(after)) for sentence in each]
    history.verdicts |= after.verdicts
    return found


def _verdicts(history: History, before: Snapshot, after: Snapshot) -> Iterator[str]:
    for check, revision in after.verdicts:
        if check not in after.checks:
            yield f"I4: verdict {check}/{revision} has no check"
        elif (check, revision) not in history.verdicts:
            yield from _new_verdict(history, before, after, check, revision)
    for check, row in after.checks.items():
        by = [verdict.decided_by for (each, _), verdict in sorted(after.verdicts.items()) if each == check]
        decided = [revision for each, revision in history.decided if each == check]
        if [number for number, who in enumerate(by, 1) if who == "reviewer"] != decided or "worker" in by[1:]:
            yield f"I1: {check} has verdicts by {by}, and a person decided revisions {decided}"
        if not by if row.state == State.SETTLED else by and row.state != State.REVIEW:
            yield f"I1: {check} is {row.state} with verdicts by {by}"
    for key, verdict in history.verdicts.items():
        if after.verdicts.get(key) != verdict:
            yield f"I2: verdict {key} was {verdict} and is {after.verdicts.get(key)}"


def _new_verdict(history: History, before: Snapshot, after: Snapshot, check: UUID, revision: int) -> Iterator[str]:
    verdict, row = after.verdicts[check, revision], before.checks[check]
    by_worker = verdict.decided_by == "worker"
    held = (State.LEASED, verdict.fence) if by_worker else (State.REVIEW, verdict.fence - 1)
    if (row.state, row.fence) != held or after.checks[check].fence != verdict.fence:
        yield f"I3: verdict {check}/{revision} has fence {verdict.fence}, its check was {row}"
    if by_worker and (check, verdict.fence) not in history.written:
        yield f"I3: verdict {check}/{revision} is of nobody who was told that it is written"
    if not by_worker or verdict.reason == Reason.CONFIGURATION_MISSING:
        return
    if check in after.reviews:
        why = after.reasons[check]
        if verdict.reason != (why if why in TECHNICAL else Reason.DEADLINE_PASSED):
            yield f"{check} was in review for {why}, nobody decided, and it ended {verdict.reason}"
    elif row.lost_leases >= 3 and verdict.reason != Reason.WORKER_LOST:
        yield f"I5: {check} lost {row.lost_leases} leases and ended {verdict.reason}"


def _rows(before: Snapshot, after: Snapshot) -> Iterator[str]:
    for check, row in after.checks.items():
        settled = row.state == State.SETTLED
        if row.answered == (after.last_verdict(check)[0] > 0) or (row.settled_at is not None) != settled:
            yield f"{check} is {row.state}: answer kept {row.answered}, settled at {row.settled_at}"
        if (row.lease_until is not None) != (row.state == State.LEASED):
            yield f"{check} is {row.state} with a lease until {row.lease_until}"
        if (after.reviews.get(check) is not None) != (row.state == State.REVIEW):
            yield f"{check} is {row.state} with a review until {after.reviews.get(check)}"
        if row.fence == 0 and row.state != State.PENDING:
            yield f"{check} is {row.state} and was never claimed"
        went = row.state == State.REVIEW and before.checks[check].state == State.LEASED
        if went and row.lost_leases >= 3 and after.reasons[check] != Reason.WORKER_LOST:
            yield f"I5: {check} lost {row.lost_leases} leases and went to review for {after.reasons[check]}"
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


def wrong_access(after: Snapshot, terms: AccessTerms, since: int) -> list[str]:
    """Rows that say something else than their history adds up to under `terms`, which holds since that version of the
    configuration. Rows that say that they are older wait for upkeep.
    """
    history: dict[Key, dict[str, list[Confirmed]]] = {}
    for check, each in sorted(after.checks.items(), key=lambda item: item[1].round):
        history.setdefault(each.key, {}).setdefault(each.question, []).append(after.confirmed(check))
    wrong = []
    for key, row in after.access.items():
        expected = _added_up(terms, key[0], history[key], row.version)
        if row.version >= since and row != expected:
            wrong.append(f"access of {key} is {row} and adds up to {expected}")
    return wrong


def _added_up(terms: AccessTerms, consultation: str, answers: Mapping[str, list[Confirmed]], version: int) -> AccessRow:
    questions, now = terms.questions.get(consultation, {}), datetime.now(UTC)  # no answer ends: it does not matter when
    statuses = {
        name: question_status(answers.get(name, []), questions.get(name, Terms(0)), now)
        for name in [*questions, *answers]
    }
    added = add_up(terms.rules.get(consultation) or AtLeast(len(statuses), tuple(statuses)), statuses, now)
    return AccessRow(added.access, added.states, added.rounds_left, version)
