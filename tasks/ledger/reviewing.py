"""What a person does with a check: sees the answer in review and decides it, or opens a settled one again.

A decision is the check's next verdict, by `reviewer`. Earlier verdicts stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.batches import run
from jurat.statements import now, rows_json, rowset
from jurat.words import REFUSING, Outcome, Reason, State, outcomes_of
from tasks.ledger.access import AccessRows, Key
from tasks.ledger.numbers import hold_numbers, release_numbers
from tasks.ledger.overdue import ENDED
from tasks.ledger.records import (
    REVIEWER,
    UNSTORABLE,
    add_audit_row,
    add_verdicts,
    close_reviews,
    open_reviews,
)

DECIDING = (Reason.PERSON_ACCEPTED, *sorted(REFUSING))
"""What a person may say. Accepting has one word: no source bore it out."""


class ReviewError(Exception):
    """What a person wanted to do with a check can not be done. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """The answer of a check in review, which the worker's key `key_id` opens. `source` was asked last."""

    consultation: str
    question: str
    source: str
    sealed: bytes = field(repr=False)
    key_id: str | None


class Reviewing:
    """The reviewers' writes. Each is one transaction that waits for who holds the participant's access row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name
        self._access = AccessRows()

    def decide(self, check: UUID, reason: Reason, who: str, evidence: Mapping[str, Any] | None = None) -> int:
        """Settle a check in review by a person's word: one of `DECIDING`; the verdict's revision.

        Of several who decide at once, or while upkeep ends the review, one does. `evidence` must name no participant.

        Raises ReviewError when the check is unknown or not in review, the reason decides nothing, or the evidence can
        not be stored.
        """
        if reason not in DECIDING:
            raise ReviewError(f"{reason} is not for a person to say; expected one of {', '.join(DECIDING)}")
        (outcome,) = outcomes_of(reason)
        try:
            with self._engine.begin() as connection:
                return self._decide(connection, check, outcome, reason, who, evidence or {})
        except UNSTORABLE:
            raise ReviewError("the evidence can not be stored; expected JSON without NUL and half characters") from None

    def reopen(self, check: UUID, who: str) -> None:
        """Put a settled check before a person again. Its verdict stands until there is a decision, or for good when
        nobody decides in time; meanwhile the question is in review. The answer was erased when it was settled.

        Raises ReviewError when the check is unknown or not settled, or its question is no longer configured.
        """
        with self._engine.begin() as connection:
            key, question = self._take(connection, check)
            edition = self._access.newest(connection)
            if (configured := edition.questions.get((key[0], question))) is None:
                raise ReviewError(f"question {key[0]}/{question} is no longer configured; check {check} stays settled")
            if connection.execute(text(_reopen(self._dialect)), {"id": str(check)}).first() is None:
                raise ReviewError(self._why_not(connection, check, State.SETTLED))
            revision, _, reason = self._verdict(connection, check)
            review = {
                "check_id": str(check),
                "reason": reason,
                "evidence": {"reopened": revision},
                "config_version": edition.version,
                "due": configured.review_due_s,
            }
            run(connection, *open_reviews(self._dialect, [review]))
            self._access.add_up(connection, {key})
            add_audit_row(connection, who, "reopen", str(check), {"revision": revision, "reason": reason})

    def answer(self, check: UUID, who: str) -> SealedAnswer:
        """Hand out the sealed answer of a check in review, for a person to see it; that is in the audit.

        Raises ReviewError when the check is unknown or not in review, or its answer was erased before it was reopened.
        """
        with self._engine.begin() as connection:
            row = connection.execute(text(_sealed(self._dialect)), {"id": str(check)}).first()
            if row is None:
                raise ReviewError(f"there is no check {check}")
            consultation, question, source, state, sealed, key = row
            if state != State.REVIEW:
                raise ReviewError(
                    f"check {check} is {state}: its answer is shown only while it is in review; see "
                    f"`bin/jurat explain {check}`"
                )
            if sealed is None:
                raise ReviewError(f"the answer of check {check} was erased when it was settled; ask the participant")
            add_audit_row(connection, who, "review answer", str(check), {"question": question})
        return SealedAnswer(consultation, question, source, bytes(sealed), key)

    def _decide(
        self,
        connection: Connection,
        check: UUID,
        outcome: Outcome,
        reason: Reason,
        who: str,
        evidence: Mapping[str, Any],
    ) -> int:
        key, question = self._take(connection, check)
        edition = self._access.newest(connection)
        moved = connection.execute(text(_decide(self._dialect)), {"id": str(check)}).first()
        if moved is None:
            raise ReviewError(self._why_not(connection, check, State.REVIEW))
        configured = edition.questions.get((key[0], question))
        verdict = {
            "check_id": str(check),
            "outcome": outcome,
            "reason": reason,
            "evidence": evidence,
            "decided_by": REVIEWER,
            "config_version": edition.version,
            "source": moved[1],
            "fence": moved[0],
            "retain": configured.retain_s if configured else None,
        }
        run(connection, *add_verdicts(self._dialect, [verdict]), *close_reviews(self._dialect, [check]))
        if outcome is Outcome.ACCEPTED:
            hold_numbers(connection, check)
        else:  # whoever is refused after all does not keep the number from the person that it belongs to
            release_numbers(connection, [check])
        self._access.add_up(connection, {key})
        revision = self._verdict(connection, check)[0]
        add_audit_row(connection, who, "review decide", str(check), {"revision": revision, "reason": reason})
        return revision

    def _take(self, connection: Connection, check: UUID) -> tuple[Key, str]:
        """Whose answer to which question it is; the participant's access row is ours from then on."""
        row = connection.execute(text(_of(self._dialect)), {"id": str(check)}).first()
        if row is None:
            raise ReviewError(f"there is no check {check}")
        self._access.wait_for(connection, {(row[0], row[1])})
        return (row[0], row[1]), row[2]

    def _verdict(self, connection: Connection, check: UUID) -> tuple[int, str, str]:
        """The last revision: its number, outcome and reason."""
        row = connection.execute(text(_last_verdict(self._dialect)), {"id": str(check)}).one()
        return row[0], row[1], row[2]

    def _why_not(self, connection: Connection, check: UUID, wanted: State) -> str:
        row = connection.execute(text(_of(self._dialect)), {"id": str(check)}).first()
        state = row[3] if row else None
        match state:
            case State.SETTLED:
                revision, outcome, reason = self._verdict(connection, check)
                return f"check {check} is decided already: {outcome}, {reason} (revision {revision}); reopen it first"
            case State.REVIEW:
                return f"check {check} is in review already; decide it"
            case State.PENDING | State.LEASED:
                if wanted is State.SETTLED:
                    return f"check {check} is on its way ({state}); wait for its verdict"
                return f"check {check} is not in review ({state}): no person has to decide it, or nobody did in time"
            case _:
                return f"there is no check {check}"


def end_reviews(connection: Connection, access: AccessRows, reviews: Mapping[UUID, Key]) -> int:
    """End these reviews without a decision; how many were still open. The access rows of `reviews` must be ours.

    A check without a verdict returns to the workers, due now and past its deadline. One that was reopened is settled
    again, with the verdict that it had.
    """
    if not reviews:
        return 0
    dialect = connection.dialect.name
    rows = rows_json([{"id": str(check)} for check in sorted(reviews)])
    ended = [UUID(str(row[0])) for row in connection.execute(text(_end_reviews(dialect)), {"rows": rows})]
    run(connection, *close_reviews(dialect, ended))
    access.add_up(connection, {reviews[check] for check in ended})
    return len(ended)


def _this(dialect: str) -> str:
    return "CAST(:id AS uuid)" if dialect == "postgresql" else ":id"


@lru_cache
def _of(dialect: str) -> str:
    return f"SELECT consultation, participant, question, state FROM jurat_checks WHERE id = {_this(dialect)}"


@lru_cache
def _sealed(dialect: str) -> str:
    return f"""
        SELECT consultation, question, source, state, answer, answer_key FROM jurat_checks
        WHERE id = {_this(dialect)}"""


@lru_cache
def _last_verdict(dialect: str) -> str:
    return f"""
        SELECT revision, outcome, reason FROM jurat_verdicts WHERE check_id = {_this(dialect)}
        ORDER BY revision DESC LIMIT 1"""


@lru_cache
def _decide(dialect: str) -> str:
    # A fence of its own: no verdict of a worker can have the same, whenever it comes.
    return f"""
        UPDATE jurat_checks SET state = 'settled', fence = fence + 1, answer = NULL, settled_at = {now(dialect)}
        WHERE id = {_this(dialect)} AND state = 'review' RETURNING fence, source"""


@lru_cache
def _reopen(dialect: str) -> str:
    return f"""
        UPDATE jurat_checks SET state = 'review', settled_at = NULL
        WHERE id = {_this(dialect)} AND state = 'settled' RETURNING id"""


@lru_cache
def _end_reviews(dialect: str) -> str:
    decided = "(SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = jurat_checks.id) IS NOT NULL"
    return f"""
        UPDATE jurat_checks SET
          state = CASE WHEN {decided} THEN 'settled' ELSE 'pending' END,
          settled_at = CASE WHEN {decided} THEN {now(dialect)} END,
          due_at = CASE WHEN {decided} THEN due_at ELSE {now(dialect)} END,
          deadline_at = CASE WHEN {decided} THEN deadline_at ELSE {now(dialect)} END,
          stood_s = CASE WHEN {decided} THEN stood_s ELSE {ENDED} END
        WHERE state = 'review' AND id IN (SELECT r.id FROM {rowset(dialect, "id uuid")})
        RETURNING id"""
