"""Shows a reviewer the answer, and lets them decide a check or open it again. Ends reviews that no one decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.batches import run
from jurat.ids import uuid7
from jurat.statements import rows_json
from jurat.vocabulary import Reason, State
from store.dialects import dialect_of
from store.queue.deadlines import ENDED
from store.requests.decisions import ReviewError, WrongReview, decide_check, open_again
from store.requests.request_rows import DECIDING, Request, RequestKind, WrongRequest, ask, mark_applied
from store.verdicts.access import AccessRows, Key
from store.verdicts.records import UNSTORABLE, add_audit_row, close_reviews

__all__ = ["DECIDING", "ReviewDecisions", "ReviewError", "SealedAnswer", "SealedReview", "end_reviews"]


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """The answer of a check in review, which the worker's key `key_id` opens. `source` was asked last."""

    consultation: str
    question: str
    source: str
    sealed: bytes = field(repr=False)
    key_id: str | None


@dataclass(frozen=True, slots=True)
class SealedReview:
    """All that a reviewer may open while a check is in review: its answer, unless that was erased when the check was
    settled, and the note of a participant who contests. Each names the key that opens it.
    """

    answer: bytes | None = field(repr=False)
    answer_key: str | None
    note: bytes | None = field(repr=False)
    note_key: str | None


class ReviewDecisions:
    """The reviewers' writes. Each is one transaction that waits for the lock on the participant's access row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._access = AccessRows()

    def decide(self, check: UUID, reason: Reason, who: str, evidence: Mapping[str, Any] | None = None) -> int | None:
        """Settle a check in review with a reason of `DECIDING`; returns the verdict's revision, None where a second
        person must decide the same. `evidence` must name no participant.

        If several decide at once, or upkeep ends the review, only one takes effect.

        Raises ReviewError when the check is unknown or not in review, the reason decides nothing, or the evidence
        cannot be stored.
        """
        request = Request(uuid7(), RequestKind.DECIDE, who, check_id=check, reason=reason)
        try:
            with self._engine.begin() as connection:
                _ask(connection, request)
                revision = decide_check(connection, self._access, request, evidence or {})
                mark_applied(connection, request.id)
                return revision
        except UNSTORABLE:
            raise WrongReview("the evidence cannot be stored; expected JSON without NUL and half characters") from None

    def reopen(self, check: UUID, who: str) -> None:
        """Open a settled check for review again; see `open_again`, which may raise ReviewError."""
        request = Request(uuid7(), RequestKind.OPEN, who, check_id=check)
        with self._engine.begin() as connection:
            _ask(connection, request)
            open_again(connection, self._access, request)
            mark_applied(connection, request.id)

    def answer(self, check: UUID, who: str) -> SealedAnswer:
        """The sealed answer of a check in review, for a person to see it; adds an audit row.

        Raises ReviewError when the check is unknown or not in review, or its answer was erased before it was reopened.
        """
        with self._engine.begin() as connection:
            consultation, question, source, sealed, key = _in_review(connection, check)
            if sealed is None:
                raise ReviewError(f"the answer of check {check} was erased when it was settled; ask the participant")
            add_audit_row(connection, who, "review answer", str(check), {"question": question})
        return SealedAnswer(consultation, question, source, bytes(sealed), key)

    def sealed(self, check: UUID, who: str) -> SealedReview:
        """All that a person may open of a check in review, for them to see it; adds an audit row.

        Raises ReviewError when the check is unknown or not in review.
        """
        sql = f"""
            SELECT note, note_key FROM jurat_requests
            WHERE check_id = {self._dialect.uuid()} AND kind = 'contest' AND applied_at IS NOT NULL AND refused IS NULL
              AND note IS NOT NULL
            ORDER BY applied_at DESC LIMIT 1"""
        with self._engine.begin() as connection:
            _, question, _, answer, key = _in_review(connection, check)
            note, note_key = connection.execute(text(sql), {"id": str(check)}).first() or (None, None)
            detail = {"question": question, "answer": answer is not None, "note": note is not None}
            add_audit_row(connection, who, "review answer", str(check), detail)
        return SealedReview(
            None if answer is None else bytes(answer), key, None if note is None else bytes(note), note_key
        )


def end_reviews(connection: Connection, access: AccessRows, reviews: Mapping[UUID, Key]) -> list[UUID]:
    """End these reviews without a decision; returns those still open. The access rows of `reviews` must be ours.

    A check without a verdict returns to the workers, due now and past its deadline. One that was reopened is settled
    again, with the verdict that it had.
    """
    if not reviews:
        return []
    dialect = dialect_of(connection)
    # A participant transferred or erased since has another access row, which is not ours: they get another turn.
    rows = rows_json([{"id": str(check), "participant": reviews[check][1]} for check in sorted(reviews)])
    now = dialect.now()
    decided = "(SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = jurat_checks.id) IS NOT NULL"
    sql = f"""
        UPDATE jurat_checks SET
          state = CASE WHEN {decided} THEN 'settled' ELSE 'pending' END,
          settled_at = CASE WHEN {decided} THEN {now} END,
          due_at = CASE WHEN {decided} THEN due_at ELSE {now} END,
          deadline_at = CASE WHEN {decided} THEN deadline_at ELSE {now} END,
          stood_s = CASE WHEN {decided} THEN stood_s ELSE {ENDED} END
        WHERE state = 'review' AND (id, participant) IN (
          SELECT r.id, r.participant FROM {dialect.rowset("id uuid, participant text")})
        RETURNING id"""
    ended = [UUID(str(row[0])) for row in connection.execute(text(sql), {"rows": rows})]
    run(connection, *close_reviews(dialect, ended))
    access.add_up(connection, {reviews[check] for check in ended})
    return ended


def _ask(connection: Connection, request: Request) -> None:
    try:
        ask(connection, request)
    except WrongRequest as why:
        raise WrongReview(str(why)) from None


def _in_review(connection: Connection, check: UUID) -> tuple[str, str, str, bytes | None, str | None]:
    """Consultation, question, source, sealed answer and its key of a check in review."""
    columns = "consultation, question, source, state, answer, answer_key"
    sql = f"SELECT {columns} FROM jurat_checks WHERE id = {dialect_of(connection).uuid()}"
    row = connection.execute(text(sql), {"id": str(check)}).first()
    if row is None:
        raise WrongReview(f"there is no check {check}")
    consultation, question, source, state, sealed, key = row
    if state != State.REVIEW:
        raise ReviewError(
            f"check {check} is {state}: its answer is shown only while it is in review; see `bin/jurat explain {check}`"
        )
    return consultation, question, source, sealed, key
