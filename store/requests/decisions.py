"""Puts checks before reviewers, and writes what they decide.

Each function does one kind of request in the transaction of its caller. It waits for the lock on the participant's
access row; then no one else changes the check. A decision is the check's next verdict, by `reviewer`. Earlier verdicts
stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from jurat import contests
from jurat.batches import run
from jurat.names import PRINTABLE, is_erased, is_printable, person, same_person
from jurat.times import moment
from jurat.vocabulary import ACCEPTING, Outcome, Reason, State
from store.dialects import dialect_of
from store.requests.request_rows import DECIDING, CannotBeDone, Request, WrongRequest, mark_applied
from store.verdicts.access import AccessRows, Key
from store.verdicts.numbers import hold_number, release_numbers
from store.verdicts.records import REVIEWER, add_audit_row, add_verdicts, close_reviews, open_reviews

SECOND_PERSON = "waiting for a second person: it takes effect once someone else decides the same"


class ReviewError(CannotBeDone):
    """A reviewer's request cannot be done. Nothing was changed."""


class WrongReview(ReviewError, WrongRequest):
    """A reviewer's request names no check that exists, or lacks something."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A reviewer's decision about a check in its current review that has not become a verdict yet."""

    by_whom: str
    reason: str
    at: datetime | None
    login: str | None = None


@dataclass(frozen=True, slots=True)
class _CheckToDecide:
    """A check whose participant's access row is ours."""

    id: UUID
    key: Key
    question: str
    state: State


class _LastVerdict(NamedTuple):
    """The last revision."""

    revision: int
    outcome: str
    reason: str
    decided_by: str


def decide(connection: Connection, access: AccessRows, request: Request) -> str | None:
    """Decide a check in review; returns what to reply where the decision waits for a second person.

    Raises ReviewError when the check is unknown or not in review, or the reason decides nothing.
    """
    return SECOND_PERSON if decide_check(connection, access, request, {}) is None else None


def decide_check(
    connection: Connection, access: AccessRows, request: Request, evidence: Mapping[str, Any]
) -> int | None:
    """Decide a check; returns the verdict's revision, None if it waits. `evidence` must name no participant."""
    if request.reason not in DECIDING:
        raise WrongReview(f"that reason is not for a person to say; expected one of {', '.join(DECIDING)}")
    reason = Reason(request.reason)
    if not is_printable(request.by_whom):
        raise WrongReview(f"by_whom {PRINTABLE}: who says so")
    check = _take(connection, access, request)
    if check.state is not State.REVIEW:
        raise ReviewError(_why_not(connection, check, State.REVIEW))
    applied = access.newest(connection)
    configured = applied.questions.get((check.key[0], check.question))
    if configured and configured.four_eyes:
        mark_applied(connection, request.id)  # it counts from now on, while no one can open the review again
        sql = f"SELECT login FROM jurat_requests WHERE id = {dialect_of(connection).uuid()}"
        login = connection.scalar(text(sql), {"id": str(request.id)})
        own = Opinion(request.by_whom, reason, None, login if configured.four_eyes == "logins" else None)
        if not agrees(opinions(connection, check.id), own):
            add_audit_row(connection, request.by_whom, "review word", str(check.id), {"reason": reason})
            return None
        evidence = {**evidence, "persons": 2}
    outcome = Outcome.ACCEPTED if reason in ACCEPTING else Outcome.REFUSED
    dialect = dialect_of(connection)
    # A fence of its own: no verdict of a worker can have the same, whenever it comes.
    settle = f"""
        UPDATE jurat_checks SET state = 'settled', fence = fence + 1, answer = NULL, settled_at = {dialect.now()}
        WHERE id = {dialect.uuid()} AND state = 'review' RETURNING fence, source"""
    fence, source = connection.execute(text(settle), {"id": str(check.id)}).one()
    verdict = {
        "check_id": str(check.id),
        "outcome": outcome,
        "reason": reason,
        "evidence": evidence,
        "decided_by": REVIEWER,
        "config_version": applied.version,
        "source": source,
        "fence": fence,
        "retain": configured.retain_s if configured else None,
    }
    run(connection, *add_verdicts(dialect, [verdict]), *close_reviews(dialect, [check.id]))
    if outcome is Outcome.ACCEPTED:
        hold_number(connection, check.id)
    else:  # a refused participant does not keep the number from the person that it belongs to
        release_numbers(connection, [check.id])
    access.add_up(connection, {check.key})
    revision = _last(connection, check.id).revision
    detail = {"revision": revision, "reason": reason}
    add_audit_row(connection, request.by_whom, "review decide", str(check.id), detail)
    return revision


def open_again(connection: Connection, access: AccessRows, request: Request) -> None:
    """Open a settled check for review again. Its verdict holds until there is a decision, or for good when no one
    decides in time; meanwhile the question is in review. The answer was erased when the check was settled.

    Raises ReviewError when the check is unknown or not settled, or its question is no longer configured.
    """
    check = _take(connection, access, request)
    if check.state is not State.SETTLED:
        raise ReviewError(_why_not(connection, check, State.SETTLED))
    _open_review(connection, access, check, request, "review open", "reopened")


def contest(connection: Connection, access: AccessRows, request: Request) -> None:
    """Open a check for review because its participant contests the verdict, with a note; possible once.

    Raises ReviewError as `open_again` does, and where the verdict cannot be contested.
    """
    check = _take(connection, access, request)
    dialect = dialect_of(connection)
    before = f"""
        SELECT id FROM jurat_requests WHERE check_id = {dialect.uuid()} AND kind = 'contest'
          AND applied_at IS NOT NULL AND refused IS NULL AND id <> {dialect.uuid("request")}"""
    contested = connection.execute(text(before), {"id": str(check.id), "request": str(request.id)}).first()
    last = _last(connection, check.id) if check.state is State.SETTLED else None
    outcome, decided_by = (last.outcome, last.decided_by) if last else (None, None)
    if problem := contests.problem_of(check.state, outcome, decided_by, contested, is_erased(check.key[1])):
        raise ReviewError(f"check {check.id} cannot be contested: {problem}")
    if request.document is not None and not is_printable(request.document):
        raise ReviewError(f"document {PRINTABLE}")
    if request.note is None:
        raise WrongReview("a contest has a note, which says what is wrong with the verdict")
    _open_review(connection, access, check, request, "contest", "contested")


def opinions(connection: Connection, check: UUID) -> list[Opinion]:
    """The decisions about a check in its current review, the last one of each person, the oldest first."""
    # Those that led to a verdict do not count again, if the check was opened again in the same millisecond.
    sql = f"""
        SELECT q.by_whom, q.reason, q.applied_at, q.login FROM jurat_requests q
        JOIN jurat_reviews v ON v.check_id = q.check_id AND v.decided_at IS NULL
        WHERE q.check_id = {dialect_of(connection).uuid()} AND q.kind = 'decide' AND q.refused IS NULL
          AND q.applied_at >= v.opened_at
          AND NOT EXISTS (SELECT 1 FROM jurat_verdicts w WHERE w.check_id = q.check_id AND w.decided_by = '{REVIEWER}'
                          AND w.decided_at >= q.applied_at)
        ORDER BY q.applied_at, q.asked_at, q.id"""
    return last_of_each(
        Opinion(row[0], row[1], moment(row[2]), row[3]) for row in connection.execute(text(sql), {"id": str(check)})
    )


def last_of_each(said: Iterable[Opinion]) -> list[Opinion]:
    """The last one of each person, in the order in which they were said."""
    found: dict[str, Opinion] = {}
    for each in said:
        found.pop(person(each.by_whom), None)
        found[person(each.by_whom)] = each
    return list(found.values())


def agrees(others: Sequence[Opinion], own: Opinion) -> bool:
    """Whether another person says the same; under another login as well, if our own counts."""
    return any(
        each.reason == own.reason
        and not same_person(each.by_whom, own.by_whom)
        and (own.login is None or each.login != own.login)
        for each in others
    )


def _take(connection: Connection, access: AccessRows, request: Request) -> _CheckToDecide:
    """The check that a request is about; locks the participant's access row."""
    check = request.check_id
    if check is None:
        raise WrongReview("the request names no check; give its check_id")
    found, key = _find(connection, check), None
    while found.key != key:  # the participant may have been transferred or erased while we waited
        key = found.key
        access.wait_for(connection, {key})
        found = _find(connection, check)
    return found


def _find(connection: Connection, check: UUID) -> _CheckToDecide:
    columns = "consultation, participant, question, state"
    sql = f"SELECT {columns} FROM jurat_checks WHERE id = {dialect_of(connection).uuid()}"
    row = connection.execute(text(sql), {"id": str(check)}).first()
    if row is None:
        raise WrongReview(f"there is no check {check}")
    return _CheckToDecide(check, (row[0], row[1]), row[2], State(row[3]))


def _open_review(
    connection: Connection, access: AccessRows, check: _CheckToDecide, request: Request, action: str, how: str
) -> None:
    dialect = dialect_of(connection)
    applied = access.newest(connection)
    if (configured := applied.questions.get((check.key[0], check.question))) is None:
        question = f"{check.key[0]}/{check.question}"
        raise ReviewError(f"question {question} is no longer configured; check {check.id} stays settled")
    last = _last(connection, check.id)
    reopen = f"""
        UPDATE jurat_checks SET state = 'review', settled_at = NULL
        WHERE id = {dialect.uuid()} AND state = 'settled'"""
    connection.execute(text(reopen), {"id": str(check.id)})
    review = {
        "check_id": str(check.id),
        "reason": last.reason,
        "evidence": {how: last.revision},
        "config_version": applied.version,
        "due": configured.review_due_s,
    }
    run(connection, *open_reviews(dialect, [review]))
    access.add_up(connection, {check.key})
    detail = {"revision": last.revision, "reason": last.reason}
    add_audit_row(connection, request.by_whom, action, str(check.id), detail)


def _last(connection: Connection, check: UUID) -> _LastVerdict:
    sql = f"""
        SELECT revision, outcome, reason, decided_by FROM jurat_verdicts
        WHERE check_id = {dialect_of(connection).uuid()} ORDER BY revision DESC LIMIT 1"""
    return _LastVerdict(*connection.execute(text(sql), {"id": str(check)}).one())


def _why_not(connection: Connection, check: _CheckToDecide, wanted: State) -> str:
    match check.state:
        case State.SETTLED:
            last = _last(connection, check.id)
            return (
                f"check {check.id} is decided already: {last.outcome}, {last.reason} (revision {last.revision}); "
                "open it again first"
            )
        case State.REVIEW:
            return f"check {check.id} is in review already; decide it"
    if wanted is State.SETTLED:
        return f"check {check.id} is on its way ({check.state}); wait for its verdict"
    return f"check {check.id} is not in review ({check.state}): no person has to decide it, or no one did in time"
