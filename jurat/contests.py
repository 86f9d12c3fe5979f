"""Contests of verdicts: requests for a review, with a note that only a worker's key opens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from jurat.dialects import SqlDialect
from jurat.errors import InvalidSubmission, NotContestable, UnknownCheck
from jurat.ids import own_id, parse_id
from jurat.names import ERASED, require_printable, require_text
from jurat.seal import Seal
from jurat.statements import Statements
from jurat.vocabulary import Outcome, State

LONGEST_NOTE = 2000


def contest(
    statements: Statements,
    seal: Seal,
    check_id: UUID | str,
    note: str,
    document: str | None,
    request_id: UUID | str | None,
) -> UUID:
    """Store a contest; its id. Raises as `Client.contest` does; nothing is written then."""
    own, check = own_id(request_id), parse_id(check_id)
    if check is None:
        raise UnknownCheck(check_id)
    row = {
        "check_id": str(check),
        "note": seal.close(_written(note)),
        "note_key": seal.key_id,
        "document": None if document is None else require_printable("document", document),
        "id": str(own),
    }
    if statements.dialect.has_functions:
        ((found, code, problem),) = statements.run(_CONTEST, row)
        if code is not None:
            raise _refusal(check, code, problem)
        return UUID(str(found))
    return _contest_by_insert(statements, check, row)


def _contest_by_insert(statements: Statements, check_id: UUID, row: Mapping[str, object]) -> UUID:
    """Does what `jurat_try_contest` does, on an engine without functions."""
    own = UUID(str(row["id"]))
    for kind, of in statements.run(_SAME, {"id": row["id"]}):
        if (kind, of) != ("contest", row["check_id"]):
            raise _refusal(check_id, "JU004", f"the id {own} belongs to another request")
        return own
    found = statements.run(_VERDICT, {"check_id": row["check_id"]})
    if not found:
        raise _refusal(check_id, "JU007", "")
    if problem := problem_of(*found[0]):
        raise _refusal(check_id, "JU008", problem)
    statements.change(insert_contest(statements.dialect), row)
    return own


def problem_of(
    state: str, outcome: str | None, decided_by: str | None, contested: object, erased: object
) -> str | None:
    """Why the verdict of a check cannot be contested; None where it can. `jurat_try_contest` is the twin."""
    if contested:
        return "its verdict was contested before; a verdict is contested once"
    if state != State.SETTLED:
        return f"it has no verdict to contest now: it is {state}"
    if outcome == Outcome.ACCEPTED:
        return "it was accepted; there is nothing to contest"
    if decided_by == "reviewer":
        return "it was decided by a person, and that is the last word"
    return "its participant was erased" if erased else None


def _refusal(check_id: UUID, code: str, problem: str) -> InvalidSubmission | NotContestable | UnknownCheck:
    match code:
        case "JU007":
            return UnknownCheck(check_id)
        case "JU008":
            return NotContestable(check_id, problem)
    return InvalidSubmission(problem)


def _written(note: object) -> bytes:
    text = require_text("note", note)
    if not text.strip() or len(text) > LONGEST_NOTE:
        raise InvalidSubmission(f"note must be a text of 1 to {LONGEST_NOTE} characters")
    if "\0" in text:
        raise InvalidSubmission("note holds a NUL character; remove it")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidSubmission("note holds half a character (a lone surrogate), which is no text") from None


_CONTEST = """
    SELECT request_id, code, problem FROM jurat_try_contest(CAST(:check_id AS uuid), CAST(:note AS bytea),
      CAST(:note_key AS text), CAST(:document AS text), CAST(:id AS uuid))"""

_SAME = "SELECT kind, check_id FROM jurat_requests WHERE id = :id"

_VERDICT = f"""
    SELECT c.state, v.outcome, v.decided_by,
      EXISTS (SELECT 1 FROM jurat_requests q WHERE q.check_id = c.id AND q.kind = 'contest' AND q.refused IS NULL),
      c.participant LIKE '{ERASED}%'
    FROM jurat_checks c LEFT JOIN jurat_verdicts v ON v.check_id = c.id
      AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
    WHERE c.id = :check_id"""


@lru_cache
def insert_contest(dialect: SqlDialect) -> str:
    """The documented INSERT of a contest. A worker refuses one that is not possible, and says why in `refused`."""
    return (
        "INSERT INTO jurat_requests (id, kind, check_id, note, note_key, document, by_whom, asked_at)\n"
        f"VALUES (:id, 'contest', :check_id, :note, :note_key, :document, 'participant', {dialect.now()})\n"
        "ON CONFLICT DO NOTHING"
    )
