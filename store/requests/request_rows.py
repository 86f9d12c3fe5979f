"""The rows of `jurat_requests`. `store.requests.request_runner` carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from jurat.names import same_person
from jurat.participant_requests import KNOWN
from jurat.vocabulary import REFUSING, Reason
from store.dialects import StoreDialect, dialect_of

DECIDING = (Reason.PERSON_ACCEPTED, *sorted(REFUSING))
"""What a person may say of a check. Accepting has one word: no source bore it out."""

NAMED = "by_whom names who asks, and not the participant by the id that may have to be erased"


class RequestKind(StrEnum):
    """What a person may ask for.

    `contest` a verdict, `decide` a check in review, `open` a settled check before a person again, `reopen` a question
    for one more answer, `revoke` and `restore` access, `transfer` what a participant has to another, `erase` them; add
    `codes` to a list.
    """

    CONTEST = "contest"
    DECIDE = "decide"
    OPEN = "open"
    REOPEN = "reopen"
    REVOKE = "revoke"
    RESTORE = "restore"
    TRANSFER = "transfer"
    ERASE = "erase"
    CODES = "codes"


class CannotBeDone(Exception):
    """What a person asked for cannot be done; says why. Nothing was changed."""


class WrongRequest(CannotBeDone):
    """The request itself is wrong, and would be at any time: nothing is there by a name or an id in it, it lacks
    something, or it is in the name of the wrong person.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """One row. Which fields it has depends on its kind; `note`, or the codes in its place, is sealed for the key
    `note_key`.
    """

    id: UUID
    kind: RequestKind
    by_whom: str
    consultation: str | None = None
    participant: str | None = field(default=None, repr=False)
    question: str | None = None
    check_id: UUID | None = None
    reason: str | None = None
    target: str | None = field(default=None, repr=False)
    note: bytes | None = field(default=None, repr=False)
    note_key: str | None = None
    document: str | None = field(default=None, repr=False)
    code_list: str | None = None


COLUMNS = (
    "id, kind, by_whom, consultation, participant, question, check_id, reason, target, note, note_key, document, "
    "code_list"
)
"""In the order of `Request`."""


def request_of(row: Sequence[Any]) -> Request:
    """The request in a row of `COLUMNS`.

    Raises ValueError or TypeError where it holds what is none: SQLite keeps anything.
    """
    request, kind, by_whom, consultation, participant, question, check, reason, target, note, *more = row
    note_key, document, code_list = more
    for value in (by_whom, consultation, participant, question, reason, target, note_key, document, code_list):
        if not isinstance(value, str | None):
            raise TypeError("a request is of texts")
    return Request(
        UUID(str(request)),
        RequestKind(kind),
        by_whom,
        consultation,
        participant,
        question,
        None if check is None else UUID(str(check)),
        reason,
        target,
        None if note is None else bytes(note),
        note_key,
        document,
        code_list,
    )


def ask(connection: Connection, request: Request) -> bool:
    """Store a request; whether its id is new. A reviewer may write just those columns that it needs.

    Raises WrongRequest where it is in the name of the participant: who asked is kept for good, and nobody erases it. Or
    where it holds words that are not known here: an id among them would stay as well.
    """
    refuse_own_name(connection, request)
    _refuse_unknown(connection, request)
    row: dict[str, Any] = {name: value for name in COLUMNS.split(", ") if (value := getattr(request, name)) is not None}
    row |= {name: str(row[name]) for name in ("id", "kind", "check_id", "reason") if name in row}
    return connection.execute(text(_ask(dialect_of(connection), tuple(row))), row).rowcount == 1


def refuse_own_name(connection: Connection, request: Request) -> None:
    """Raise CannotBeDone where a request is in the name of whom it is about, however that is written. Who contests is
    named by nobody's id.
    """
    if request.kind is RequestKind.CONTEST:
        return
    theirs = [request.participant, request.target]
    if request.check_id is not None:
        given = {"check": str(request.check_id)}
        theirs += connection.execute(text(_whose(dialect_of(connection))), given).scalars().all()
    if same_person(request.by_whom, *theirs):
        raise WrongRequest(NAMED)


def is_known(connection: Connection, consultation: str) -> bool:
    """Whether it is configured, or something is left of its participants."""
    return bool(connection.execute(text(KNOWN), {"consultation": consultation}).scalar())


def _refuse_unknown(connection: Connection, request: Request) -> None:
    if request.kind is RequestKind.DECIDE and request.reason not in DECIDING:
        raise WrongRequest(
            f"{request.reason or 'nothing'} is not for a person to say; expected one of {', '.join(DECIDING)}"
        )
    if request.consultation is None:
        return
    if not is_known(connection, request.consultation):
        raise WrongRequest(
            "no consultation of that name is known; are participant and consultation swapped? "
            "`bin/jurat config show` lists what is configured"
        )
    asked = {"consultation": request.consultation, "question": request.question}
    if request.question is not None and not connection.execute(text(_ASKED), asked).scalar():
        raise WrongRequest(f"consultation {request.consultation:.80} has no question {request.question:.80}")


def mark_applied(connection: Connection, request: UUID | str, refused: str | None = None) -> None:
    """Say that a waiting request is dealt with: done, or `refused` with a sentence; then nobody needs its note."""
    statement = _refuse if refused else _mark
    said = {"refused": refused} if refused else {}
    connection.execute(text(statement(dialect_of(connection))), {"id": str(request), **said})


@lru_cache
def _ask(dialect: StoreDialect, names: tuple[str, ...]) -> str:
    values = [dialect.uuid(name) if name in ("id", "check_id") else f":{name}" for name in names]
    return f"""
        INSERT INTO jurat_requests ({", ".join(names)}, asked_at) VALUES ({", ".join(values)}, {dialect.now()})
        ON CONFLICT DO NOTHING"""


@lru_cache
def _whose(dialect: StoreDialect) -> str:
    return f"SELECT participant FROM jurat_checks WHERE id = {dialect.uuid('check')}"


_ASKED = """
    SELECT EXISTS (SELECT 1 FROM jurat_questions WHERE consultation = :consultation AND question = :question)"""


@lru_cache
def _mark(dialect: StoreDialect) -> str:
    # A revocation and its end count by the order of these times: they keep theirs where the clock went back since.
    behind = dialect.choose(
        postgresql="max(l.applied_at) + interval '1 ms'",
        sqlite="coalesce(strftime('%Y-%m-%d %H:%M:%f', max(l.applied_at), '+0.001 seconds'), '')",
    )
    last = f"""
        SELECT {behind} FROM jurat_requests l
        WHERE l.kind IN ('revoke', 'restore') AND jurat_requests.kind IN ('revoke', 'restore')
          AND l.consultation = jurat_requests.consultation AND l.participant = jurat_requests.participant
          AND l.applied_at IS NOT NULL AND l.refused IS NULL"""
    return f"""
        UPDATE jurat_requests SET applied_at = {dialect.greatest(dialect.now(), f"({last})")}
        WHERE id = {dialect.uuid()} AND applied_at IS NULL"""


@lru_cache
def _refuse(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_requests SET applied_at = {dialect.now()}, refused = :refused, note = NULL, note_key = NULL,
          document = NULL
        WHERE id = {dialect.uuid()} AND applied_at IS NULL"""
