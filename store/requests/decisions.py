"""Puts checks before reviewers, and writes what they decide.

Each function does one kind of request in the transaction of its caller. It waits for who holds the participant's access
row, and then nobody else changes the check. A decision is the check's next verdict, by `reviewer`. Earlier verdicts
stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from jurat import contests
from jurat.batches import run
from jurat.columns import moment
from jurat.names import is_erased, is_printable, person, same_person
from jurat.vocabulary import Outcome, Reason, State, outcomes_of
from store.dialects import StoreDialect, dialect_of
from store.requests.request_rows import DECIDING, CannotBeDone, Request, WrongRequest, mark_applied
from store.verdicts.access import AccessRows, Key
from store.verdicts.numbers import hold_numbers, release_numbers
from store.verdicts.records import REVIEWER, add_audit_row, add_verdicts, close_reviews, open_reviews

SECOND_PERSON = "waiting for a second person: it takes effect once somebody else says the same"


class ReviewError(CannotBeDone):
    """What a person wanted to do with a check cannot be done. Nothing was changed."""


class WrongReview(ReviewError, WrongRequest):
    """What a person wanted to do names no check that is there, or does not say enough."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a person said of a check since its review was opened, and that no verdict has come of yet."""

    by_whom: str
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _Check:
    """A check whose participant's access row is ours."""

    id: UUID
    key: Key
    question: str
    state: State


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The last revision."""

    revision: int
    outcome: str
    reason: str
    decided_by: str


def decide(connection: Connection, access: AccessRows, request: Request) -> str | None:
    """A person's word about a check in review; what is to be said where it waits for a second one.

    Raises ReviewError when the check is unknown or not in review, or the reason decides nothing.
    """
    return SECOND_PERSON if decide_check(connection, access, request, {}) is None else None


def decide_check(
    connection: Connection, access: AccessRows, request: Request, evidence: Mapping[str, Any]
) -> int | None:
    """The same; the revision of the verdict, None where the word waits. `evidence` must name no participant."""
    reason = _deciding(request.reason)
    if not is_printable(request.by_whom):
        raise WrongReview("by_whom must be 1 to 200 printable characters: who says so")
    check = _take(connection, access, request)
    if check.state is not State.REVIEW:
        raise ReviewError(_why_not(connection, check, State.REVIEW))
    edition = access.newest(connection)
    configured = edition.questions.get((check.key[0], check.question))
    if configured and configured.four_eyes:
        mark_applied(connection, request.id)  # now that nobody opens the review anew: the word counts from here on
        if not _agreed(words(connection, check.id), request.by_whom, reason):
            add_audit_row(connection, request.by_whom, "review word", str(check.id), {"reason": reason})
            return None
        evidence = {**evidence, "persons": 2}
    (outcome,) = outcomes_of(reason)
    fence, source = connection.execute(text(_decide(dialect_of(connection))), {"id": str(check.id)}).one()
    verdict = {
        "check_id": str(check.id),
        "outcome": outcome,
        "reason": reason,
        "evidence": evidence,
        "decided_by": REVIEWER,
        "config_version": edition.version,
        "source": source,
        "fence": fence,
        "retain": configured.retain_s if configured else None,
    }
    dialect = dialect_of(connection)
    run(connection, *add_verdicts(dialect, [verdict]), *close_reviews(dialect, [check.id]))
    if outcome is Outcome.ACCEPTED:
        hold_numbers(connection, check.id)
    else:  # whoever is refused after all does not keep the number from the person that it belongs to
        release_numbers(connection, [check.id])
    access.add_up(connection, {check.key})
    revision = _last(connection, check.id).revision
    detail = {"revision": revision, "reason": reason}
    add_audit_row(connection, request.by_whom, "review decide", str(check.id), detail)
    return revision


def open_again(connection: Connection, access: AccessRows, request: Request) -> None:
    """Put a settled check before a person again. Its verdict stands until there is a decision, or for good when
    nobody decides in time; meanwhile the question is in review. The answer was erased when it was settled.

    Raises ReviewError when the check is unknown or not settled, or its question is no longer configured.
    """
    check = _take(connection, access, request)
    if check.state is not State.SETTLED:
        raise ReviewError(_why_not(connection, check, State.SETTLED))
    _put_before_person(connection, access, check, request, "review open", "reopened")


def contest(connection: Connection, access: AccessRows, request: Request) -> None:
    """A participant wants a person to look at a verdict, once: as `open_again`, with a note.

    Raises ReviewError as that does, and where the verdict cannot be contested.
    """
    check = _take(connection, access, request)
    asked = {"id": str(check.id), "request": str(request.id)}
    contested = connection.execute(text(_contested(dialect_of(connection))), asked).first()
    last = _last(connection, check.id) if check.state is State.SETTLED else None
    outcome, decided_by = (last.outcome, last.decided_by) if last else (None, None)
    if problem := contests.problem_of(check.state, outcome, decided_by, contested, is_erased(check.key[1])):
        raise ReviewError(f"check {check.id} cannot be contested: {problem}")
    if request.document is not None and not is_printable(request.document):
        raise ReviewError("document must be 1 to 200 printable characters")
    if request.note is None:
        raise WrongReview("a contest has a note, which says what is wrong with the verdict")
    _put_before_person(connection, access, check, request, "contest", "contested")


def words(connection: Connection, check: UUID) -> list[Opinion]:
    """What persons have said since the review of a check was opened, the oldest first; of each the last word."""
    found: dict[str, Opinion] = {}
    for row in connection.execute(text(_words(dialect_of(connection))), {"id": str(check)}):
        found.pop(person(row[0]), None)
        found[person(row[0])] = Opinion(row[0], row[1], moment(row[2]))
    return list(found.values())


def _agreed(said: Sequence[Opinion], by_whom: str, reason: Reason) -> bool:
    return any(word.reason == reason and not same_person(word.by_whom, by_whom) for word in said)


def _deciding(reason: str | None) -> Reason:
    if reason not in DECIDING:
        raise WrongReview(f"that reason is not for a person to say; expected one of {', '.join(DECIDING)}")
    return Reason(reason)


def _take(connection: Connection, access: AccessRows, request: Request) -> _Check:
    """The check that a request is about; the participant's access row is ours from then on."""
    check = request.check_id
    if check is None:
        raise WrongReview("the request names no check; give its check_id")
    found, key = _find(connection, check), None
    while found.key != key:  # they may have been transferred or erased while we waited
        key = found.key
        access.wait_for(connection, {key})
        found = _find(connection, check)
    return found


def _find(connection: Connection, check: UUID) -> _Check:
    row = connection.execute(text(_of(dialect_of(connection))), {"id": str(check)}).first()
    if row is None:
        raise WrongReview(f"there is no check {check}")
    return _Check(check, (row[0], row[1]), row[2], State(row[3]))


def _put_before_person(
    connection: Connection, access: AccessRows, check: _Check, request: Request, action: str, how: str
) -> None:
    dialect = dialect_of(connection)
    edition = access.newest(connection)
    if (configured := edition.questions.get((check.key[0], check.question))) is None:
        asked = f"{check.key[0]}/{check.question}"
        raise ReviewError(f"question {asked} is no longer configured; check {check.id} stays settled")
    last = _last(connection, check.id)
    connection.execute(text(_reopen(dialect)), {"id": str(check.id)})
    review = {
        "check_id": str(check.id),
        "reason": last.reason,
        "evidence": {how: last.revision},
        "config_version": edition.version,
        "due": configured.review_due_s,
    }
    run(connection, *open_reviews(dialect, [review]))
    access.add_up(connection, {check.key})
    detail = {"revision": last.revision, "reason": last.reason}
    add_audit_row(connection, request.by_whom, action, str(check.id), detail)


def _last(connection: Connection, check: UUID) -> _Verdict:
    return _Verdict(*connection.execute(text(_last_verdict(dialect_of(connection))), {"id": str(check)}).one())


def _why_not(connection: Connection, check: _Check, wanted: State) -> str:
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
    return f"check {check.id} is not in review ({check.state}): no person has to decide it, or nobody did in time"


@lru_cache
def _of(dialect: StoreDialect) -> str:
    return f"SELECT consultation, participant, question, state FROM jurat_checks WHERE id = {dialect.uuid()}"


@lru_cache
def _last_verdict(dialect: StoreDialect) -> str:
    return f"""
        SELECT revision, outcome, reason, decided_by FROM jurat_verdicts WHERE check_id = {dialect.uuid()}
        ORDER BY revision DESC LIMIT 1"""


@lru_cache
def _decide(dialect: StoreDialect) -> str:
    # A fence of its own: no verdict of a worker can have the same, whenever it comes.
    return f"""
        UPDATE jurat_checks SET state = 'settled', fence = fence + 1, answer = NULL, settled_at = {dialect.now()}
        WHERE id = {dialect.uuid()} AND state = 'review' RETURNING fence, source"""


@lru_cache
def _reopen(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_checks SET state = 'review', settled_at = NULL
        WHERE id = {dialect.uuid()} AND state = 'settled'"""


@lru_cache
def _contested(dialect: StoreDialect) -> str:
    return f"""
        SELECT id FROM jurat_requests WHERE check_id = {dialect.uuid()} AND kind = 'contest'
          AND applied_at IS NOT NULL AND refused IS NULL AND id <> {dialect.uuid("request")}"""


@lru_cache
def _words(dialect: StoreDialect) -> str:
    # Those that came to a verdict do not count again, where the check was opened anew in the same millisecond.
    return f"""
        SELECT q.by_whom, q.reason, q.applied_at FROM jurat_requests q
        JOIN jurat_reviews v ON v.check_id = q.check_id AND v.decided_at IS NULL
        WHERE q.check_id = {dialect.uuid()} AND q.kind = 'decide' AND q.refused IS NULL AND q.applied_at >= v.opened_at
          AND NOT EXISTS (SELECT 1 FROM jurat_verdicts w WHERE w.check_id = q.check_id AND w.decided_by = '{REVIEWER}'
                          AND w.decided_at >= q.applied_at)
        ORDER BY q.applied_at, q.asked_at, q.id"""
