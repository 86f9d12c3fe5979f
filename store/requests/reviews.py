"""Shows a reviewer the answer, and ends reviews that no one decides. `store.requests.decisions` decides them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.batches import run
from jurat.seal import Unseal
from jurat.statements import rows_json
from jurat.vocabulary import State
from store.dialects import dialect_of
from store.queue.deadlines import ENDED
from store.requests.decisions import ReviewError, WrongReview
from store.verdicts.access import AccessRows, Key
from store.verdicts.records import add_audit_row, close_reviews


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
    settled, with the places that were found for an address, and the note of a participant who contests. Answer and note
    name the key that opens them; that of the answer opens the places.
    """

    answer: bytes | None = field(repr=False)
    answer_key: str | None
    note: bytes | None = field(repr=False)
    note_key: str | None
    places: bytes | None = field(default=None, repr=False)


class SealedReviews:
    """Shows what only a worker's key opens, with an audit row each time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)

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
        """As `sealed_review`, in a transaction of its own."""
        with self._engine.begin() as connection:
            return sealed_review(connection, check, who, {})


NOTE = "check_id = {check} AND kind = 'contest' AND applied_at IS NOT NULL AND refused IS NULL AND note IS NOT NULL"
"""SQL for the contest whose note the reviewers of a check may read."""


def sealed_review(connection: Connection, check: UUID, who: str, detail: Mapping[str, Any]) -> SealedReview:
    """All that a person may open of a check in review, for them to see it; adds an audit row, with `detail`.

    Raises ReviewError when the check is unknown or not in review.
    """
    _, question, _, answer, key = _in_review(connection, check)
    note_of = NOTE.format(check=dialect_of(connection).uuid())
    sql = f"SELECT note, note_key FROM jurat_requests WHERE {note_of} ORDER BY applied_at DESC LIMIT 1"
    note, note_key = connection.execute(text(sql), {"id": str(check)}).first() or (None, None)
    found = f"SELECT places FROM jurat_reviews WHERE check_id = {dialect_of(connection).uuid()} AND decided_at IS NULL"
    places = connection.execute(text(found), {"id": str(check)}).scalar()
    detail = {"question": question, "answer": answer is not None, "note": note is not None, **detail}
    add_audit_row(connection, who, "review answer", str(check), detail)
    sealed, written, seen = (None if each is None else bytes(each) for each in (answer, note, places))
    return SealedReview(sealed, key, written, note_key, seen)


def in_clear(found: SealedReview, unseal: Unseal) -> dict[str, Any]:
    """`answer`, `note` and `places` as a person reads them, each null if there is none.

    Raises Unopenable if no key opens them, ValueError or RecursionError if they are no JSON and no text.
    """
    answer = None if found.answer is None else json.loads(unseal.open(found.answer, found.answer_key))
    note = None if found.note is None else unseal.open(found.note, found.note_key).decode()
    places = None if found.places is None else json.loads(unseal.open(found.places, found.answer_key))["places"]
    return {"answer": answer, "note": note, "places": places}


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
