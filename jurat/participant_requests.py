"""Requests of a platform about a participant: to move everything of theirs to another id, or to erase them.

A request is a row that a worker carries out within a second. The platform reads the result by the request's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from jurat.dialects import SqlDialect
from jurat.errors import ConfigurationError, InvalidSubmission, LimitReached, UnknownConsultation
from jurat.ids import own_id
from jurat.names import ERASED, is_erased, require_printable, same_person
from jurat.statements import Statements


class RequestState(StrEnum):
    """What became of a request."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What became of a request. `refused` says why it was not possible, and `dealt_with_at` when a worker carried it
    out or refused it.
    """

    id: UUID
    kind: str
    state: RequestState
    refused: str | None
    dealt_with_at: datetime | None


def transfer(
    statements: Statements, consultation: str, participant: str, target: str, by: str, request_id: UUID | str | None
) -> UUID:
    """Store a transfer; its id. Raises as `Client.transfer` does; nothing is written then."""
    named = {"consultation": consultation, "participant": participant, "target": target}
    for name, value in {**named, "by": by}.items():
        require_printable(name, value)
    if is_erased(target):
        raise InvalidSubmission(f"target must not begin with {ERASED}, which marks erased participants")
    if target == participant:
        raise InvalidSubmission("target must be another id than participant")
    return _ask(statements, "transfer", request_id, {**named, "by_whom": by})


def erase(statements: Statements, participant: str, consultation: str | None, request_id: UUID | str | None) -> UUID:
    """Store an erasure; its id. Raises as `Client.erase` does; nothing is written then."""
    require_printable("participant", participant)
    if consultation is not None:
        require_printable("consultation", consultation)
    given = {"consultation": consultation, "participant": participant, "target": None, "by_whom": None}
    return _ask(statements, "erase", request_id, given)


def _ask(statements: Statements, kind: str, request_id: UUID | str | None, given: Mapping[str, Any]) -> UUID:
    own = own_id(request_id)
    if given["by_whom"] is not None and same_person(given["by_whom"], given["participant"], given["target"]):
        raise InvalidSubmission("by must name who asks, and not the participant by the id that may have to be erased")
    row = {"kind": kind, "id": str(own)} | {
        name: given[name] for name in ("consultation", "participant", "target", "by_whom")
    }
    if statements.dialect.has_functions:
        ((may,),) = statements.run("SELECT jurat_may_ask(:kind)", {"kind": kind})
        if not may:
            raise ConfigurationError(
                "this user of the database may not ask for transfers and erasures: give a connection of a user with "
                "jurat_accounts, the platform's second login"
            )
        ((_, code, problem),) = statements.run(_TRY_ASK, row)
        if code is not None:
            raise _refusal(statements, given, code, problem)
        return own
    return _ask_by_insert(statements, own, row)


def _ask_by_insert(statements: Statements, own: UUID, row: Mapping[str, Any]) -> UUID:
    """Does what `jurat_try_ask` does, on an engine without functions."""
    known = KNOWN if row["kind"] == "erase" else _CONFIGURED
    if row["consultation"] is not None and not statements.run(known, {"consultation": row["consultation"]}):
        raise _refusal(statements, row, "JU001", "")
    statements.change(insert_request(statements.dialect), {**row, "by_whom": row["by_whom"] or "platform"})
    same = {name: row[name] for name in ("id", "kind", "consultation", "participant", "target")}
    if not statements.run(_SAME, same):
        raise _refusal(statements, row, "JU004", f"the id {own} belongs to another request")
    return own


def _refusal(
    statements: Statements, given: Mapping[str, Any], code: str, problem: str
) -> InvalidSubmission | LimitReached | UnknownConsultation:
    if code == "JU013":
        return LimitReached(problem)
    if code == "JU001":
        known = [row[0] for row in statements.run("SELECT DISTINCT consultation FROM jurat_questions", {})]
        return UnknownConsultation(given["consultation"], known)
    return InvalidSubmission(problem)


_TRY_ASK = """
    SELECT request_id, code, problem FROM jurat_try_ask(CAST(:kind AS text), CAST(:consultation AS text),
      CAST(:participant AS text), CAST(:target AS text), CAST(:by_whom AS text), CAST(:id AS uuid))"""

_CONFIGURED = "SELECT 1 FROM jurat_questions WHERE consultation = :consultation LIMIT 1"

KNOWN = """
    SELECT 1 WHERE EXISTS (SELECT 1 FROM jurat_questions WHERE consultation = :consultation)
      OR EXISTS (SELECT 1 FROM jurat_checks WHERE consultation = :consultation)
      OR EXISTS (SELECT 1 FROM jurat_access WHERE consultation = :consultation)"""
"""A row where a consultation is configured, or something is left of its participants: those can still be erased."""

# A participant of the same request may have been erased since.
_SAME = f"""
    SELECT 1 FROM jurat_requests WHERE id = :id AND kind = :kind AND consultation IS :consultation
      AND (participant = :participant OR participant LIKE '{ERASED}%')
      AND (target IS :target OR target LIKE '{ERASED}%')"""


@lru_cache
def insert_request(dialect: SqlDialect) -> str:
    """The documented INSERT of a request about a participant. A worker says in `refused` why one is not possible."""
    return f"""
        INSERT INTO jurat_requests (id, kind, consultation, participant, target, by_whom, asked_at)
        VALUES (:id, :kind, :consultation, :participant, :target, :by_whom, {dialect.now()})
        ON CONFLICT DO NOTHING"""
