"""Changes what one participant has: allows one more answer, revokes and restores access, moves all to another id.

`verdicts.access` adds up further rounds and revocations from the requests that were applied: so each is marked as
applied here before its participant is added up again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from jurat.database import reader
from jurat.names import PRINTABLE, is_erased, is_printable
from jurat.queries import read_json
from jurat.statements import in_force, rows_json
from jurat.times import moment
from jurat.vocabulary import QuestionState
from store.dialects import dialect_of
from store.requests.request_rows import CannotBeDone, Request, RequestKind, WrongRequest, mark_applied
from store.rows import row_of
from store.verdicts.access import AccessRows, Key
from store.verdicts.records import add_audit_row

_BUSY = (QuestionState.PENDING, QuestionState.REVIEW)
_UNIQUE = "23505"
"""PostgreSQL's code for a duplicate key: unique_violation."""


@dataclass(frozen=True, slots=True)
class ConfirmedAnswer:
    """One confirmed answer: the state of its check, and its last verdict."""

    check_id: UUID
    question: str
    round: int
    state: str
    outcome: str | None
    reason: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Intervention:
    """A person's request about a participant, and its result. `dealt_with_at` is None while it waits."""

    request: UUID
    kind: str
    by_whom: str
    question: str | None
    asked_at: datetime | None
    dealt_with_at: datetime | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Participant:
    """All about a participant in a consultation, except the answers themselves."""

    access: str
    revoked: bool
    granted_until: datetime | None
    questions: Mapping[str, str]
    rounds_left: Mapping[str, int]
    answers: Sequence[ConfirmedAnswer]
    interventions: Sequence[Intervention]


def participant_of(engine: Engine, check: UUID) -> Key | None:
    """The consultation and the participant of a check; None if there is no such check."""
    sql = f"SELECT consultation, participant FROM jurat_checks WHERE id = {dialect_of(engine).uuid()}"
    with reader(engine).begin() as connection:
        row = connection.execute(text(sql), {"id": str(check)}).first()
    return row and (row[0], row[1])


def read_participant(engine: Engine, key: Key) -> Participant | None:
    """All about a participant; None where they have confirmed no answer."""
    with reader(engine).begin() as connection:
        row = connection.execute(text(_ACCESS), parameters_of(key)).first()
        if row is None:
            return None
        revoked = is_revoked(connection, key)
        order = [each[0] for each in connection.execute(text(_ORDER), {"consultation": key[0]})]
        answers = [row_of(ConfirmedAnswer, each) for each in connection.execute(text(_ANSWERS), parameters_of(key))]
        asked = connection.execute(text(_INTERVENTIONS), parameters_of(key))
        interventions = [row_of(Intervention, each) for each in asked]
    states, left = read_json(row[1]), read_json(row[2])
    # In the order of the form, and last those that are no longer asked.
    questions = {name: states[name] for name in [*order, *states] if name in states}
    return Participant(row[0], revoked, moment(row[3]), questions, left, answers, interventions)


def reopen(connection: Connection, access: AccessRows, request: Request) -> None:
    """Let a participant answer a question once more than it allows; even an accepted one, which counts meanwhile.

    Raises CannotBeDone: there is no such question or participant, access is revoked, the question may be answered
    anyway or has an unsettled check, or another answer could not change the access.
    """
    key = _take(connection, access, request, "question")
    consultation, question = key[0], str(request.question)
    if (consultation, question) not in access.newest(connection).questions:
        raise WrongRequest(f"consultation {consultation:.80} has no question {question:.80}")
    if is_revoked(connection, key):
        raise CannotBeDone("access is revoked: restore it first, then allow one more answer")
    access.add_up(connection, {key})
    state, left = _question_state(connection, key, question)
    if state in _BUSY:
        raise CannotBeDone(f"the answer to {consultation}/{question} is on its way ({state}); wait for its verdict")
    if left:
        raise CannotBeDone(f"question {consultation}/{question} may be answered already; nothing needs to be reopened")
    mark_applied(connection, request.id)
    access.add_up(connection, {key})
    if not _question_state(connection, key, question)[1]:
        raise CannotBeDone(
            f"another answer to {consultation}/{question} could not change this access, whatever it is: nothing was "
            "reopened. Reopen the question on which the access depends"
        )
    add_audit_row(connection, request.by_whom, "reopen", f"{consultation}/{question}", _reference_to(request))


def revoke(connection: Connection, access: AccessRows, request: Request) -> None:
    """Block a participant's access until it is restored. Raises CannotBeDone: no such participant, or revoked."""
    key = _take(connection, access, request)
    if is_revoked(connection, key):
        raise CannotBeDone("access is revoked already; nothing was changed")
    _apply(connection, access, request, key)


def restore(connection: Connection, access: AccessRows, request: Request) -> None:
    """End a revocation: access is again what the verdicts add up to.

    Raises CannotBeDone: there is no such participant, or access is not revoked.
    """
    key = _take(connection, access, request)
    if not is_revoked(connection, key):
        raise CannotBeDone("access is not revoked; nothing was changed")
    _apply(connection, access, request, key)


def transfer(connection: Connection, access: AccessRows, request: Request) -> None:
    """Give all that a participant has in a consultation to another id of the same person.

    A worker that is looking one of the checks up has the former id, so its lease ends: the check is due at once, and
    the next claim gets the new id.

    Raises CannotBeDone: there is nothing to move, or the other id has something there.
    """
    _require(request, "consultation", "participant", "target")
    key, target = _key(request), str(request.target)
    if not is_printable(target):
        raise WrongRequest(f"the id that it should go to {PRINTABLE}")
    if target == key[1]:
        raise WrongRequest("both ids are the same; nothing was moved")
    if is_erased(target) or is_erased(key[1]):
        raise CannotBeDone("an erased participant cannot be given anything, nor has anything to give")
    access.wait_for(connection, {key, (key[0], target)})
    if not _has_anything(connection, key):
        raise WrongRequest(f"that participant has nothing in consultation {key[0]:.80} to transfer; check the id")
    taken = CannotBeDone(
        f"the id that it should go to has answers of its own in consultation {key[0]:.80}; nothing was moved"
    )
    if _has_anything(connection, (key[0], target)):
        raise taken
    try:
        with connection.begin_nested():
            moved = _move(connection, key, target, request.id)
    except IntegrityError as error:  # the other id has just answered
        if getattr(error.orig, "sqlstate", None) != _UNIQUE:
            raise
        raise taken from None
    detail = {**_reference_to(request), "checks": moved}
    add_audit_row(connection, request.by_whom, "access transfer", key[0], detail)


def is_revoked(connection: Connection, key: Key) -> bool:
    """Whether a participant's access is revoked: the last request counts, as when access is added up."""
    return connection.execute(text(_REVOKED), parameters_of(key)).scalar() == RequestKind.REVOKE


def lock_checks(connection: Connection, key: Key) -> list[tuple[UUID, str]]:
    """Lock all checks of a participant, in order of their ids; returns ids and states. The access row must be ours."""
    lock = dialect_of(connection).row_lock("FOR UPDATE")
    sql = f"SELECT id, state FROM jurat_checks WHERE {OF_PARTICIPANT} ORDER BY id {lock}"
    return [(UUID(str(row[0])), row[1]) for row in connection.execute(text(sql), parameters_of(key))]


def rename_claims(connection: Connection, checks: Sequence[UUID], participant: str) -> None:
    """Give the number claims of these checks to `participant`: they hold what they held."""
    ids = f"SELECT r.id FROM {dialect_of(connection).rowset('id uuid')}"
    sql = f"UPDATE jurat_claims SET participant = :participant WHERE check_id IN ({ids})"
    connection.execute(text(sql), {"rows": ids_json(checks), "participant": participant})


def ids_json(checks: Sequence[UUID]) -> str:
    """The parameter of a `rowset` of ids."""
    return rows_json([{"id": str(check)} for check in checks])


def parameters_of(key: Key) -> dict[str, str]:
    """The parameters of `OF_PARTICIPANT`."""
    return {"consultation": key[0], "participant": key[1]}


def _take(connection: Connection, access: AccessRows, request: Request, *more: str) -> Key:
    """The participant that a request is about; locks their access row."""
    _require(request, "consultation", "participant", *more)
    key = _key(request)
    if all(consultation != key[0] for consultation, _ in access.newest(connection).questions):
        raise WrongRequest(f"no consultation {key[0]:.80} is configured; `bin/jurat config show` lists them")
    access.wait_for(connection, {key})
    if not connection.execute(text(_HAS_ACCESS), parameters_of(key)).first():
        raise WrongRequest(f"that participant has confirmed no answer in consultation {key[0]:.80}; check the id")
    return key


def _require(request: Request, *names: str) -> None:
    if missing := [name for name in names if not getattr(request, name)]:
        raise WrongRequest(f"a request of kind {request.kind} needs {' and '.join(missing)}")


def _key(request: Request) -> Key:
    return str(request.consultation), str(request.participant)


def _reference_to(request: Request) -> dict[str, str]:
    """For an audit row, which names no participant: the request does, until they are erased."""
    return {"request": str(request.id)}


def _question_state(connection: Connection, key: Key, question: str) -> tuple[str, int]:
    """The state of a question, and how many more answers it may get."""
    name = dialect_of(connection).key("question")
    sql = f"SELECT questions ->> {name}, rounds_left ->> {name} FROM jurat_access WHERE {OF_PARTICIPANT}"
    row = connection.execute(text(sql), {**parameters_of(key), "question": question}).one()
    return row[0] or QuestionState.OPEN, int(row[1] or 0)


def _apply(connection: Connection, access: AccessRows, request: Request, key: Key) -> None:
    mark_applied(connection, request.id)
    access.add_up(connection, {key})
    add_audit_row(connection, request.by_whom, f"access {request.kind}", key[0], _reference_to(request))


def _has_anything(connection: Connection, key: Key) -> bool:
    return connection.execute(text(_HAS_ANYTHING), parameters_of(key)).first() is not None


def _move(connection: Connection, key: Key, target: str, request: UUID) -> int:
    """Rename the participant everywhere; how many checks they have.

    The checks come first: a platform that is just submitting under the other id inserts its check before anything else,
    so that one of both waits for the other, and never both.
    """
    checks = [check for check, _ in lock_checks(connection, key)]
    parameters = {**parameters_of(key), "target": target}
    connection.execute(text(_MOVE_CHECKS), parameters)
    connection.execute(text(f"UPDATE jurat_access SET participant = :target WHERE {OF_PARTICIPANT}"), parameters)
    rename_claims(connection, checks, target)
    # Waiting requests were about the former id, and not about the new owner of its answers; except those about a check.
    move_requests = f"""
        UPDATE jurat_requests SET
          participant = CASE participant WHEN :participant THEN :target ELSE participant END,
          target = CASE target WHEN :participant THEN :target ELSE target END
        WHERE consultation = :consultation AND (participant = :participant OR target = :participant)
          AND (applied_at IS NOT NULL OR check_id IS NOT NULL) AND id <> {dialect_of(connection).uuid()}"""
    connection.execute(text(move_requests), {**parameters, "id": str(request)})
    return len(checks)


OF_PARTICIPANT = "consultation = :consultation AND participant = :participant"

_ACCESS = f"SELECT access, questions, rounds_left, granted_until FROM jurat_access WHERE {OF_PARTICIPANT}"

_ORDER = "SELECT question FROM jurat_questions WHERE consultation = :consultation ORDER BY position"

_ANSWERS = """
    SELECT c.id, c.question, c.round, c.state, v.outcome, v.reason, v.decided_at
    FROM jurat_checks c LEFT JOIN jurat_verdicts v ON v.check_id = c.id
      AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
    WHERE c.consultation = :consultation AND c.participant = :participant ORDER BY c.question, c.round"""

_INTERVENTIONS = f"""
    SELECT id, kind, by_whom, question, asked_at, applied_at, refused FROM jurat_requests
    WHERE {OF_PARTICIPANT} AND kind IN ('reopen', 'revoke', 'restore') ORDER BY asked_at, id"""

_HAS_ACCESS = f"SELECT 1 FROM jurat_access WHERE {OF_PARTICIPANT}"

_HAS_ANYTHING = f"""
    {_HAS_ACCESS} UNION ALL SELECT 1 FROM jurat_checks WHERE {OF_PARTICIPANT}
    UNION ALL SELECT 1 FROM jurat_requests q WHERE {OF_PARTICIPANT} AND {in_force("q")}"""

_REVOKED = f"""
    SELECT kind FROM jurat_requests q WHERE {OF_PARTICIPANT} AND {in_force("q")} AND kind <> 'reopen'
    ORDER BY applied_at DESC, asked_at DESC, id DESC LIMIT 1"""

_MOVE_CHECKS = f"""
    UPDATE jurat_checks SET participant = :target, state = CASE state WHEN 'leased' THEN 'pending' ELSE state END,
      lease_until = NULL
    WHERE {OF_PARTICIPANT}"""
