"""The statements by which a platform reads, and the results that their rows hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, Uuid, bindparam, text

from jurat.times import moment
from jurat.vocabulary import AccessState, Outcome, QuestionState, Reason, State, reason_from


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of one check. `outcome`, `reason`, `revision` and `decided_at` are None until it has a verdict.

    `reason` is plain text if the workers are newer than this client and know more reasons.

    `next_poll_ms` says when to ask again, in milliseconds; 0 once the check is settled. `review_due_at` is until when a
    person decides, while it is in review. `source_away`: it waits, and its source does not answer at the moment.
    `zone`: where the question has `name_zone`, the zone that holds an accepted address.
    """

    check_id: UUID
    consultation: str
    participant: str
    question: str
    state: State
    outcome: Outcome | None
    reason: Reason | str | None
    revision: int | None
    decided_at: datetime | None
    next_poll_ms: int
    review_due_at: datetime | None = None
    source_away: bool = False
    zone: str | None = None

    @property
    def settled(self) -> bool:
        """Whether this is final, unless a person reopens the check."""
        return self.state is State.SETTLED


@dataclass(frozen=True, slots=True)
class Access:
    """What one participant's verdicts add up to in one consultation.

    `questions` has every question of the access form in its order, `rounds_left` how many more answers each may get.
    `granted_until` is when a granted access ends if nothing else happens; None: never. About a second later a worker
    writes the new access.
    """

    state: AccessState
    questions: Mapping[str, QuestionState]
    rounds_left: Mapping[str, int]
    granted_until: datetime | None = None

    @property
    def open(self) -> list[str]:
        """The questions that may be answered now, in the order of the form: ask the first one next.

        Questions that can no longer change the access are left out: if a code was accepted in place of a proof, the
        proof is not asked for.
        """
        busy = (QuestionState.PENDING, QuestionState.REVIEW, QuestionState.ACCEPTED)
        return [
            name for name, state in self.questions.items() if self.rounds_left.get(name, 0) > 0 and state not in busy
        ]

    @property
    def blocked_by(self) -> list[str]:
        """If blocked, the questions whose answers did not suffice, in the form's order; none if a person revoked it."""
        if self.state is not AccessState.BLOCKED:
            return []
        missed = (QuestionState.REFUSED, QuestionState.UNDETERMINED)
        return [name for name, state in self.questions.items() if state in missed]

    @property
    def renewable(self) -> list[str]:
        """The accepted questions that may be answered anew now, before they end, in the order of the form.

        That takes nothing away: what was accepted holds to its end, whatever comes of the new answer.
        """
        return [
            name
            for name, state in self.questions.items()
            if self.rounds_left.get(name, 0) > 0 and state is QuestionState.ACCEPTED
        ]


_RESULT = (
    "check_id, consultation, participant, question, state, outcome, reason, revision, decided_at, next_poll_ms, "
    "review_due_at, source_away, zone"
)
RESULT_WIDTH = len(_RESULT.split())

_IDS = bindparam("ids", expanding=True, type_=Uuid(as_uuid=False).with_variant(CHAR(36), "sqlite"))

RESULTS = text(f"SELECT {_RESULT} FROM jurat_results WHERE check_id IN :ids").bindparams(_IDS)

REQUEST = text("SELECT id, kind, applied_at, refused FROM jurat_requests WHERE id IN :ids").bindparams(_IDS)

_ADDED_UP = "q.question, q.rounds, a.access, a.questions, a.rounds_left, a.granted_until"
_FORM = """
    jurat_questions q
    LEFT JOIN jurat_access a ON a.consultation = q.consultation AND a.participant = :participant"""

ACCESS = text(f"SELECT {_ADDED_UP} FROM {_FORM} WHERE q.consultation = :consultation ORDER BY q.position")

# SQLite reads only this participant's checks if the view gets parameters, and not columns.
STANDING = text(f"""
    SELECT {", ".join(f"r.{name}" for name in _RESULT.split(", "))}, q.contact, q.messages, {_ADDED_UP}
    FROM {_FORM}
    LEFT JOIN jurat_results r ON r.consultation = :consultation AND r.participant = :participant
         AND r.question = q.question
         AND r.round = (SELECT max(c.round) FROM jurat_checks c WHERE c.consultation = :consultation
                        AND c.participant = :participant AND c.question = q.question)
    WHERE q.consultation = :consultation ORDER BY q.position""")

TEXTS = text("SELECT contact, messages FROM jurat_questions WHERE consultation = :consultation LIMIT 1")

PUBLISHED = text("SELECT name FROM jurat_consultations")

CONSULTATIONS = text("SELECT DISTINCT consultation FROM jurat_questions")


def result_from(row: Any) -> Result:
    """What a row of `RESULTS` says."""
    return Result(
        check_id=UUID(str(row[0])),
        consultation=row[1],
        participant=row[2],
        question=row[3],
        state=State(row[4]),
        outcome=Outcome(row[5]) if row[5] else None,
        reason=reason_from(row[6]) if row[6] else None,
        revision=row[7],
        decided_at=moment(row[8]),
        next_poll_ms=row[9],
        review_due_at=moment(row[10]),
        source_away=bool(row[11]),
        zone=row[12],
    )


def access_from(rows: Sequence[Any]) -> Access:
    """What the rows of `_ADDED_UP` say, one for each question."""
    names = [row[0] for row in rows]
    if rows[0][2] is None:
        states = dict.fromkeys(names, QuestionState.OPEN)
        return Access(AccessState.INCOMPLETE, states, {row[0]: row[1] for row in rows})
    kept = {name: QuestionState(state) for name, state in read_json(rows[0][3]).items()}
    left = read_json(rows[0][4])
    return Access(
        AccessState(rows[0][2]),
        {name: kept.get(name, QuestionState.OPEN) for name in names},
        {row[0]: left.get(row[0], row[1]) for row in rows},
        moment(rows[0][5]),
    )


def read_json(value: Any) -> Any:
    """A JSON column: text on SQLite, already read on PostgreSQL."""
    return json.loads(value) if isinstance(value, str) else value
