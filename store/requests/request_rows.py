"""Reads and writes the rows of `jurat_requests`. `store.requests.request_runner` carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
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
"""The reasons with which a person may decide a check. Accepting has only one."""

_DECIDING = "jurat_decide(uuid, text, text, uuid)"

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
    """A request cannot be done; says why. Nothing was changed."""


class WrongRequest(CannotBeDone):
    """The request itself is wrong, and would be at any time: a name or an id in it does not exist, it lacks something,
    or it is in the name of the wrong person.
    """


@dataclass(frozen=True, slots=True)
class Request:
    """One row. Which fields it has depends on its kind; `note` (or the codes) is sealed for the key `note_key`."""

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


COLUMNS = ", ".join(field.name for field in fields(Request))


def request_of(row: Sequence[Any]) -> Request:
    """The request in a row of `COLUMNS`. Raises ValueError or TypeError for other content: SQLite stores anything."""
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    request, kind, check, note = (values.pop(name) for name in ("id", "kind", "check_id", "note"))
    if not all(isinstance(value, str | None) for value in values.values()):
        raise TypeError("a request is of texts")
    return Request(
        id=UUID(str(request)),
        kind=RequestKind(kind),
        check_id=None if check is None else UUID(str(check)),
        note=None if note is None else bytes(note),
        **values,
    )


def ask(connection: Connection, request: Request, wait: float | None = None) -> bool:
    """Store a request, which no worker carries out before `wait` seconds have passed; whether its id is new. It writes
    only the columns that it needs: a reviewer may write no others.

    Raises WrongRequest where it is in the name of the participant: who asked is kept for good and never erased. Also
    for a reason or names that are unknown here: they might contain a participant's id, which would be kept as well.
    """
    refuse_own_name(connection, request)
    _refuse_unknown(connection, request)
    row: dict[str, Any] = {name: value for name in COLUMNS.split(", ") if (value := getattr(request, name)) is not None}
    row |= {name: str(row[name]) for name in ("id", "kind", "check_id", "reason") if name in row}
    dialect = dialect_of(connection)
    values = {name: dialect.uuid(name) if name in ("id", "check_id") else f":{name}" for name in row}
    values |= {"asked_at": dialect.now()} | ({} if wait is None else {"apply_from": dialect.now(str(wait))})
    sql = f"""
        INSERT INTO jurat_requests ({", ".join(values)}) VALUES ({", ".join(values.values())})
        ON CONFLICT DO NOTHING"""
    return connection.execute(text(sql), row).rowcount == 1


def refuse_own_name(connection: Connection, request: Request) -> None:
    """Raise WrongRequest if a request is in the name of its participant, in any spelling. A contest names no person."""
    if request.kind is RequestKind.CONTEST:
        return
    theirs: Sequence[str] = ()
    if request.check_id is not None:
        sql = f"SELECT participant FROM jurat_checks WHERE id = {dialect_of(connection).uuid('check')}"
        theirs = connection.execute(text(sql), {"check": str(request.check_id)}).scalars().all()
    if is_about_asker(request) or same_person(request.by_whom, *theirs):
        raise WrongRequest(NAMED)


def refuse_lost_right(connection: Connection, decision: Request) -> None:
    """Raise WrongRequest if a decision waited to be taken back, and its login may not decide any more."""
    sql = f"SELECT login, apply_from FROM jurat_requests WHERE id = {dialect_of(connection).uuid()}"
    row = connection.execute(text(sql), {"id": str(decision.id)}).first()
    if row is not None and row[1] is not None and not may_still_call(connection, _DECIDING, row[0]):
        raise WrongRequest("its user of the database may not decide any more")


def is_about_asker(request: Request) -> bool:
    """Whether it is in the name of a participant whom it names, in any spelling: nobody asks for what is their own."""
    return same_person(request.by_whom, request.participant, request.target)


def may_still_call(connection: Connection, function: str, login: str | None) -> bool:
    """Whether a login may still call a function, itself or by a role that it may take on (SET ROLE). It may not where
    it is gone, or may not log in any more. Everyone may on an engine without users.
    """
    if not dialect_of(connection).has_users:
        return True
    sql = """
        SELECT bool_or(has_function_privilege(g.oid, CAST(:function AS regprocedure), 'EXECUTE'))
        FROM pg_roles r JOIN pg_roles g ON pg_has_role(r.oid, g.oid, 'MEMBER')
        WHERE r.rolname = :login AND r.rolcanlogin"""
    return bool(connection.scalar(text(sql), {"function": function, "login": login}))


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
    sql = "SELECT 1 FROM jurat_questions WHERE consultation = :consultation AND question = :question"
    named = {"consultation": request.consultation, "question": request.question}
    if request.question is not None and not connection.execute(text(sql), named).first():
        raise WrongRequest(f"consultation {request.consultation:.80} has no question {request.question:.80}")


def mark_applied(connection: Connection, request: UUID | str, refused: str | None = None) -> None:
    """Mark a waiting request as dealt with: done, or `refused` with a sentence; then no one needs its note."""
    dialect = dialect_of(connection)
    if not refused:
        connection.execute(text(_mark(dialect)), {"id": str(request)})
        return
    sql = f"""
        UPDATE jurat_requests SET applied_at = {dialect.now()}, refused = :refused, note = NULL, note_key = NULL,
          document = NULL
        WHERE id = {dialect.uuid()} AND applied_at IS NULL"""
    connection.execute(text(sql), {"id": str(request), "refused": refused})


@lru_cache
def _mark(dialect: StoreDialect) -> str:
    # Revocations and their ends count in the order of these times, which must hold where the clock went back since.
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
