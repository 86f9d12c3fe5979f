"""What persons ask for: rows of `jurat_requests`. `tasks.ledger.requests` does what they ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from jurat.statements import now


class Kind(StrEnum):
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
    """What a person asked for can not be done; says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One row. Which fields it has depends on its kind; `note`, or the codes in its place, is sealed for the key
    `note_key`.
    """

    id: UUID
    kind: Kind
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
    """The request in a row of `COLUMNS`."""
    request, kind, by_whom, consultation, participant, question, check, reason, target, note, *more = row
    note_key, document, code_list = more
    return Request(
        UUID(str(request)),
        Kind(kind),
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

    Raises CannotBeDone where it is in the name of the participant: who asked is kept for good, and nobody erases it.
    """
    if request.by_whom in (request.participant, request.target) or _is_theirs(connection, request):
        raise CannotBeDone("by_whom names who asks, and not the participant by the id that may have to be erased")
    row: dict[str, Any] = {name: value for name in COLUMNS.split(", ") if (value := getattr(request, name)) is not None}
    row |= {name: str(row[name]) for name in ("id", "kind", "check_id", "reason") if name in row}
    return connection.execute(text(_ask(connection.dialect.name, tuple(row))), row).rowcount == 1


def _is_theirs(connection: Connection, request: Request) -> bool:
    """Whether the request is in the name of whose check it is about. Who contests is named by nobody's id."""
    if request.check_id is None or request.kind is Kind.CONTEST:
        return False
    given = {"check": str(request.check_id), "by_whom": request.by_whom}
    return connection.execute(text(_theirs(connection.dialect.name)), given).first() is not None


def mark_applied(connection: Connection, request: UUID, refused: str | None = None) -> None:
    """Say that a waiting request is dealt with: done, or `refused` with a sentence; then nobody needs its note."""
    statement = _refuse if refused else _mark
    said = {"refused": refused} if refused else {}
    connection.execute(text(statement(connection.dialect.name)), {"id": str(request), **said})


def this(dialect: str, name: str = "id") -> str:
    """SQL for the id in a parameter."""
    return f"CAST(:{name} AS uuid)" if dialect == "postgresql" else f":{name}"


@lru_cache
def _ask(dialect: str, names: tuple[str, ...]) -> str:
    values = [this(dialect, name) if name in ("id", "check_id") else f":{name}" for name in names]
    return f"""
        INSERT INTO jurat_requests ({", ".join(names)}, asked_at) VALUES ({", ".join(values)}, {now(dialect)})
        ON CONFLICT DO NOTHING"""


@lru_cache
def _theirs(dialect: str) -> str:
    return f"SELECT 1 FROM jurat_checks WHERE id = {this(dialect, 'check')} AND participant = :by_whom"


@lru_cache
def _mark(dialect: str) -> str:
    return f"""
        UPDATE jurat_requests SET applied_at = {now(dialect)} WHERE id = {this(dialect)} AND applied_at IS NULL"""


@lru_cache
def _refuse(dialect: str) -> str:
    return f"""
        UPDATE jurat_requests SET applied_at = {now(dialect)}, refused = :refused, note = NULL, note_key = NULL
        WHERE id = {this(dialect)} AND applied_at IS NULL"""
