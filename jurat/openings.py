"""Openings: a person who decides reads the answer and the note of a check in review, without a key of the workers.

The reader makes a pair of keys for this one session and stores its public half. A worker opens the answer, seals it
for that key and writes an audit row. What it sealed is libsodium's sealed box
(https://doc.libsodium.org/public-key_cryptography/sealed_boxes) over a JSON object of `answer`, `note` and `places`. It
can be read for `LIFETIME` seconds, and goes when the check leaves review.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn
from uuid import UUID

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from jurat.dialects import SqlDialect
from jurat.errors import (
    ConfigurationError,
    InvalidSubmission,
    JuratError,
    LimitReached,
    NotInReview,
    NotOpened,
    SchemaMissing,
    UnknownCheck,
)
from jurat.ids import parse_id, uuid7
from jurat.names import require_printable, same_person
from jurat.statements import Statements
from jurat.vocabulary import State

LIFETIME = 900.0
"""Seconds for which an answer can be read once it was asked for."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An answer that was asked for, with the only key that reads it, which stays in the memory of this process."""

    id: UUID
    check_id: UUID
    key: PrivateKey = field(repr=False, compare=False)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an opening cannot be stored: its key stays in the process that asked")


@dataclass(frozen=True, slots=True)
class OpenedReview:
    """What a reviewer may read: the answer, None where it was erased with an earlier verdict; and the note of a
    participant who contests; and what the last source found for an address, the best first: `longitude` and `latitude`
    in degrees (WGS 84) and the `address` there. Never log any of it.
    """

    answer: Mapping[str, Any] | None = field(repr=False)
    note: str | None = field(repr=False)
    places: Sequence[Mapping[str, Any]] = field(default=(), repr=False)


def open_for_review(statements: Statements, check_id: UUID | str, by_whom: str) -> Opening:
    """Ask for an answer. Raises as `Client.open_for_review` does; nothing is written then."""
    if not require_printable("by_whom", by_whom).strip():
        raise InvalidSubmission("by_whom names the person who reads it")
    if (check := parse_id(check_id)) is None:
        raise UnknownCheck(check_id)
    opening = Opening(uuid7(), check, PrivateKey.generate())
    row = {
        "id": str(opening.id),
        "check_id": str(check),
        "reader_key": bytes(opening.key.public_key),
        "by_whom": by_whom,
    }
    if statements.dialect.has_functions:
        _ask(statements, check, row)
    else:
        _ask_by_insert(statements, check, row)
    return opening


def opened_review(opening: Opening, rows: Sequence[Sequence[Any]]) -> OpenedReview | None:
    """What the rows of `reading_opening` say; None while it waits. Raises NotOpened."""
    if not rows:
        raise NotOpened(opening.check_id, "15 minutes have passed, it is no longer in review, or nothing was committed")
    ((opened_at, sealed, refused),) = rows
    if opened_at is None:
        return None
    if refused is not None:
        raise NotOpened(opening.check_id, refused)
    try:
        found = json.loads(SealedBox(opening.key).decrypt(bytes(sealed or b"")))
    except (CryptoError, ValueError):
        raise NotOpened(opening.check_id, "what was sealed does not open with the key of this opening") from None
    return OpenedReview(found["answer"], found["note"], found.get("places") or ())


def _ask(statements: Statements, check: UUID, row: Mapping[str, Any]) -> None:
    ((may,),) = statements.run(_MAY, {})
    if may is None:
        raise SchemaMissing("the database has no openings yet; run `bin/jurat db upgrade`")
    if not may:
        raise ConfigurationError(
            "this user of the database may not open answers: give a connection of a user who may call "
            "jurat_try_open_for_review, such as one with jurat_reviewer"
        )
    ((code, problem),) = statements.run(_TRY_OPEN, row)
    if code is not None:
        raise _refusal(check, code, problem)


def _ask_by_insert(statements: Statements, check: UUID, row: Mapping[str, Any]) -> None:
    """Does what `jurat_try_open_for_review` does, on an engine without functions."""
    found = statements.run("SELECT state, participant FROM jurat_checks WHERE id = :id", {"id": row["check_id"]})
    if not found:
        raise _refusal(check, "JU007", "")
    ((state, participant),) = found
    if state != State.REVIEW:
        raise _refusal(check, "JU009", f"check {check} is not in review: it is {state}")
    if same_person(row["by_whom"], participant):
        raise _refusal(check, "JU005", "by_whom names who reads it, and not the participant")
    statements.change(insert_opening(statements.dialect), row)


def _refusal(check: UUID, code: str, problem: str) -> JuratError:
    match code:
        case "JU007":
            return UnknownCheck(check)
        case "JU009":
            return NotInReview(problem)
        case "JU013":
            return LimitReached(problem)
    return InvalidSubmission(problem)


_MAY = """
    SELECT has_function_privilege(to_regprocedure('jurat_try_open_for_review(uuid, bytea, text, uuid)'), 'EXECUTE')"""

_TRY_OPEN = """
    SELECT code, problem FROM jurat_try_open_for_review(CAST(:check_id AS uuid), CAST(:reader_key AS bytea),
      CAST(:by_whom AS text), CAST(:id AS uuid))"""


@lru_cache
def insert_opening(dialect: SqlDialect) -> str:
    """The documented INSERT of an opening, on an engine without functions."""
    return (
        "INSERT INTO jurat_openings (id, check_id, reader_key, by_whom, asked_at)\n"
        f"VALUES (:id, :check_id, :reader_key, :by_whom, {dialect.now()})"
    )


@lru_cache
def reading_opening(dialect: SqlDialect) -> str:
    """SQL for what came of the opening `:id`: when it was dealt with, what was sealed, or why not. No row once it is
    over, or for another login than the one that asked.
    """
    rows = dialect.choose(
        postgresql="jurat_opened(CAST(:id AS uuid))",
        sqlite=f"jurat_openings WHERE id = :id AND asked_at > {dialect.now(str(-LIFETIME))}",
    )
    return f"SELECT opened_at, sealed, refused FROM {rows}"
