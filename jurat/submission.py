"""Turns confirmed answers into rows: checks all of them first, then writes all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from jurat.access import Confirmed, Terms, question_status
from jurat.answers import encode, pad, validate
from jurat.dialects import POSTGRESQL
from jurat.errors import (
    AccessRevoked,
    AlreadyConfirmed,
    InvalidAnswer,
    InvalidSubmission,
    NotNeeded,
    UnknownConsultation,
    UnknownQuestion,
)
from jurat.ids import own_id
from jurat.names import ERASED, is_erased, require_printable
from jurat.savepoint import all_or_nothing
from jurat.seal import Seal
from jurat.statements import Statements, accepted, history, in_force, insert, rows_json, taken
from jurat.times import instant, moment
from jurat.vocabulary import Outcome, Priority, QuestionState, State, reason_from

_CHUNK = 500
_REFUSED = "jurat: "
"""How the errors of our triggers begin."""
_PRIORITIES = tuple(Priority)

Schemas = MutableMapping[tuple[str, str], str]
"""The answer schema of each (consultation, question) that a client has submitted to, as it was then."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One answer that a participant confirmed. `Client.submit` says what each field is."""

    consultation: str
    participant: str
    question: str
    answer: Mapping[str, Any]
    id: UUID | str | None = None
    priority: Priority | str = Priority.INTERACTIVE
    reply_key: bytes | None = None
    traceparent: str | None = None

    def __repr__(self) -> str:
        return f"Submission({self.consultation!r}, {self.question!r})"


@dataclass(frozen=True, slots=True)
class Check:
    """One confirmed answer on its way to a verdict. `created` is False when it was submitted before under this id."""

    id: UUID
    consultation: str
    participant: str
    question: str
    round: int
    created: bool = True


@dataclass(frozen=True, slots=True)
class _Earlier:
    """An earlier check of the same question."""

    id: UUID
    round: int
    confirmed: Confirmed


@dataclass(frozen=True, slots=True)
class _AskedQuestion:
    """The question of one submission as the database has it at `now`, with the earlier answers.

    `reopened` are the times at which a person allowed one more answer. `revoked`: a person took the access away.
    `ended_by` are the accepted questions that have ended this one.
    """

    source: str
    terms: Terms
    schema: str
    now: datetime
    earlier: tuple[_Earlier, ...]
    reopened: tuple[datetime, ...]
    revoked: bool
    ended_by: tuple[str, ...]

    @property
    def left(self) -> int:
        """How many answers may be given now."""
        status = question_status([each.confirmed for each in self.earlier], self.terms, self.now, self.reopened)
        return 0 if status.state in (QuestionState.PENDING, QuestionState.REVIEW) else status.left


def submit_all(
    statements: Statements, submissions: Sequence[Submission], seal: Seal, schemas: Schemas
) -> tuple[list[Check], set[str]]:
    """The checks of `submissions` in their order, and the sources that have new work.

    Raises as `Client.submit` does; nothing is written unless all can be.
    """
    submissions = [_looked_at(submission) for submission in submissions]
    if len(submissions) == 1 and (first := _submit_first(statements, submissions[0], seal, schemas)):
        return first
    if len({(item.consultation, item.participant, item.question) for item in submissions}) < len(submissions):
        raise InvalidSubmission("two of the submissions answer the same question of the same participant; keep one")
    if len(submissions) > 1:  # for a single one it is checked when it is inserted
        _check_ids(statements, submissions)
    try:
        return _submit_looked_at(statements, submissions, seal, schemas)
    except Exception as error:
        if _REFUSED not in str(error):
            raise
    # The database refused an answer that was open a moment ago. Looking again says why.
    return _submit_looked_at(statements, submissions, seal, schemas)


def _submit_looked_at(
    statements: Statements, submissions: Sequence[Submission], seal: Seal, schemas: Schemas
) -> tuple[list[Check], set[str]]:
    checks: list[Check] = []
    rows: list[dict[str, Any]] = []
    sources: set[str] = set()
    for start in range(0, len(submissions), _CHUNK):
        chunk = submissions[start : start + _CHUNK]
        for submission, asked in zip(chunk, _look_up(statements, chunk), strict=True):
            schemas[submission.consultation, submission.question] = asked.schema
            check = _next_check(statements, submission, asked)
            checks.append(check)
            if check.created:
                rows.append(_row(submission, check, seal))
                sources.add(asked.source)
    # In the order of their keys, so that two platforms never wait for each other in a circle.
    rows.sort(key=lambda row: (row["consultation"], row["participant"], row["question"]))
    known: set[UUID] = set()
    if rows:
        with all_or_nothing(statements):
            for start in range(0, len(rows), _CHUNK):
                known |= _insert(statements, rows[start : start + _CHUNK])
    return [replace(check, created=False) if check.id in known else check for check in checks], sources


def _looked_at(submission: Submission) -> Submission:
    """The submission with its id, if it has one, as a UUID.

    Raises InvalidSubmission if an argument other than the answer cannot be used.
    """
    for name in ("consultation", "participant", "question"):
        require_printable(name, getattr(submission, name))
    if is_erased(submission.participant):
        raise InvalidSubmission(f"participant must not begin with {ERASED}, which marks erased participants")
    if submission.priority not in _PRIORITIES:
        raise InvalidSubmission(f"priority must be {' or '.join(Priority)}, not {submission.priority!r:.40}")
    reply_key: object = submission.reply_key
    if reply_key is not None and not (isinstance(reply_key, bytes) and len(reply_key) == 32):
        raise InvalidSubmission("reply_key must be the 32 bytes of a public key")
    trace: object = submission.traceparent
    if trace is not None and not (
        isinstance(trace, str) and len(trace) <= 100 and trace.isascii() and trace.isprintable()
    ):
        raise InvalidSubmission("traceparent must be a W3C trace context of at most 100 ASCII characters")
    given_id: object = submission.id
    return submission if given_id is None or isinstance(given_id, UUID) else replace(submission, id=own_id(given_id))


def _submit_first(
    statements: Statements, submission: Submission, seal: Seal, schemas: Schemas
) -> tuple[list[Check], set[str]] | None:
    """Write a participant's first answer to a question in one statement, if its schema is known and still the same, no
    request of a person counts here, and no accepted question has ended it.

    None if nothing was written; the usual way then says why.
    """
    schema = schemas.get((submission.consultation, submission.question))
    if schema is None or statements.dialect.in_a_file:  # a statement costs almost nothing there
        return None
    check = Check(own_id(submission.id), submission.consultation, submission.participant, submission.question, 1)
    try:
        validate(submission.answer, schema)
        row = _row(submission, check, seal)
    except InvalidAnswer:
        return None
    written = statements.run(_insert_first(), {**row, "schema": schema})
    return ([check], {source for (source,) in written}) if written else None


@lru_cache
def _insert_first() -> str:
    """The documented INSERT on PostgreSQL for one first answer, if the schema is still `:schema`; gives its source."""
    at = POSTGRESQL.now()
    return f"""
        INSERT INTO jurat_checks (id, consultation, participant, question, round, priority, answer, answer_key,
          reply_key, traceparent, source, due_at, submitted_at, deadline_at)
        SELECT CAST(:id AS uuid), q.consultation, CAST(:participant AS text), q.question, CAST(:round AS int),
          CAST(:priority AS text), CAST(:answer AS bytea), CAST(:answer_key AS text), CAST(:reply_key AS bytea),
          CAST(:traceparent AS text), q.source, {at}, {at}, {POSTGRESQL.now("q.deadline_s")}
        FROM jurat_questions q
        WHERE q.consultation = CAST(:consultation AS text) AND q.question = CAST(:question AS text)
          AND CAST(q.answer_schema AS text) = CAST(:schema AS text)
          AND NOT EXISTS (
            SELECT 1 FROM jurat_requests s WHERE s.consultation = CAST(:consultation AS text)
              AND s.participant = CAST(:participant AS text) AND {in_force("s")})
          AND NOT EXISTS (
            SELECT 1 FROM jurat_checks c WHERE c.consultation = CAST(:consultation AS text)
              AND c.participant = CAST(:participant AS text) AND c.question = CAST(:question AS text))
          AND NOT EXISTS (
            SELECT 1 FROM jurat_access a WHERE a.consultation = CAST(:consultation AS text)
              AND a.participant = CAST(:participant AS text)
              AND a.ended -> CAST(:question AS text) IS NOT NULL)
        ON CONFLICT DO NOTHING RETURNING source"""


def _check_ids(statements: Statements, submissions: Sequence[Submission]) -> None:
    given = [item for item in submissions if item.id is not None]
    if len({item.id for item in given}) < len(given):
        raise InvalidSubmission("two of the submissions have the same id; make a new one for each answer")
    for start in range(0, len(given), _CHUNK):
        rows = [{"id": str(item.id), **_key(item)} for item in given[start : start + _CHUNK]]
        for row in statements.run(taken(statements.dialect), {"rows": rows_json(rows)}):
            raise _other_answer(row[0])


def _key(item: Submission | Check) -> dict[str, str]:
    return {"consultation": item.consultation, "participant": item.participant, "question": item.question}


def _other_answer(check_id: Any) -> InvalidSubmission:
    return InvalidSubmission(f"the id {check_id} belongs to the check of another answer; make a new one")


def _look_up(statements: Statements, chunk: Sequence[Submission]) -> list[_AskedQuestion]:
    keys = rows_json([{"position": n, **_key(item)} for n, item in enumerate(chunk)])
    rows = statements.run(history(statements.dialect), {"rows": keys})
    found: list[list[tuple[Any, ...]]] = [[] for _ in chunk]
    for row in rows:
        found[int(row[0])].append(row)
    return [_asked(statements, submission, mine) for submission, mine in zip(chunk, found, strict=True)]


def _asked(statements: Statements, submission: Submission, rows: list[tuple[Any, ...]]) -> _AskedQuestion:
    _, source, rounds, schema, _, _, _, _, _, _, clock, valid_s, renew_s, _, _, ended_by = rows[0]
    if source is None:
        known = statements.run("SELECT consultation, question FROM jurat_questions", {})
        mine = [question for consultation, question in known if consultation == submission.consultation]
        if not mine:
            raise UnknownConsultation(submission.consultation, {consultation for consultation, _ in known})
        raise UnknownQuestion(submission.consultation, submission.question, mine)
    asked_for = [(row[6], row[9]) for row in rows if row[14]]
    words = [kind for kind, _ in asked_for if kind != "reopen"]
    return _AskedQuestion(
        source,
        Terms(rounds, valid_s, renew_s or 0.0),
        schema,
        instant(clock),
        tuple(_Earlier(UUID(str(row[4])), row[5], _confirmed(row)) for row in rows if row[5] is not None),
        tuple(instant(at) for kind, at in asked_for if kind == "reopen"),
        words[-1:] == ["revoke"],
        tuple(json.loads(ended_by or "[]")),
    )


def _confirmed(row: tuple[Any, ...]) -> Confirmed:
    state, outcome, reason, at = row[6:10]
    return Confirmed(
        State(state), Outcome(outcome) if outcome else None, reason_from(reason) if reason else None, moment(at)
    )


def _next_check(statements: Statements, submission: Submission, asked: _AskedQuestion) -> Check:
    """The check that this submission becomes, or became earlier under the same id."""
    key = (submission.consultation, submission.participant, submission.question)
    for earlier in asked.earlier:
        if earlier.id == submission.id:
            return Check(earlier.id, *key, earlier.round, created=False)
    if asked.revoked:
        raise AccessRevoked(submission.consultation)
    if asked.earlier and asked.left < 1:
        raise AlreadyConfirmed(submission.consultation, submission.question, asked.earlier[-1].id)
    if asked.ended_by and (shown := _in_its_place(statements, submission, asked)):
        raise NotNeeded(submission.consultation, submission.question, shown, asked.ended_by)
    validate(submission.answer, asked.schema)
    number = asked.earlier[-1].round + 1 if asked.earlier else 1
    return Check(own_id(submission.id), *key, number)


def _in_its_place(statements: Statements, submission: Submission, asked: _AskedQuestion) -> UUID | None:
    """The check to show instead; None if there is no accepted check that could have ended the question."""
    names = rows_json([{"question": name} for name in asked.ended_by])
    who = {"consultation": submission.consultation, "participant": submission.participant}
    for (check,) in statements.run(accepted(statements.dialect), {"rows": names, **who}):
        return asked.earlier[-1].id if asked.earlier else UUID(str(check))
    return None


def _row(submission: Submission, check: Check, seal: Seal) -> dict[str, Any]:
    return {
        "id": str(check.id),
        **_key(check),
        "round": check.round,
        "priority": str(submission.priority),
        "answer": seal.close(pad(encode(submission.answer))),
        "answer_key": seal.key_id,
        "reply_key": submission.reply_key,
        "traceparent": submission.traceparent,
    }


def _insert(statements: Statements, rows: list[dict[str, Any]]) -> set[UUID]:
    """Write `rows`; gives the ids that someone else wrote at the same moment."""
    sql = insert(statements.dialect)
    if statements.dialect.decodes_hex:
        hexed = [
            {**row, "answer": row["answer"].hex(), "reply_key": row["reply_key"] and row["reply_key"].hex()}
            for row in rows
        ]
        written = {str(row[0]) for row in statements.run(sql, {"rows": rows_json(hexed)})}
    else:
        written = {row["id"] for row in rows if statements.change(sql, row)}
    return _explain_conflicts(statements, [row for row in rows if row["id"] not in written])


def _explain_conflicts(statements: Statements, rows: list[dict[str, Any]]) -> set[UUID]:
    """Say what became of `rows` that someone else confirmed at the same moment: the ids that are the same checks.

    Raises AlreadyConfirmed for a check of another id.
    """
    chunk = [Submission(row["consultation"], row["participant"], row["question"], {}) for row in rows]
    for row, asked in zip(rows, _look_up(statements, chunk) if chunk else (), strict=True):
        if any(str(earlier.id) == row["id"] for earlier in asked.earlier):
            continue
        for earlier in asked.earlier:
            if earlier.round == row["round"]:
                raise AlreadyConfirmed(row["consultation"], row["question"], earlier.id)
        raise _other_answer(row["id"])
    return {UUID(row["id"]) for row in rows}
