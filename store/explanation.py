"""Explains what became of a check, and finds the verdicts that a moved border may affect. It names no participant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from adapters.base import Box
from jurat.database import reader
from jurat.messages import OwnTexts
from jurat.queries import read_json
from jurat.seal import KEY_ID_LENGTH
from jurat.statements import rows_json
from jurat.times import moment
from jurat.vocabulary import QuestionState, State
from store.dialects import StoreDialect, dialect_of
from store.requests.decisions import Opinion, opinions
from store.rows import Kind, columns_of, row_of
from store.workers import WorkerRow, workers

PAGE = 1000
"""Verdicts that are read at once, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One lookup: `result` is `answered` or `failed`."""

    source: str
    started_at: datetime | None
    duration_ms: float
    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExplainedVerdict:
    """One revision of a verdict. `decided_by` is `worker` or `reviewer`, `data_date` that of the source's data."""

    revision: int
    outcome: str
    reason: str
    evidence: Mapping[str, Any]
    decided_by: str
    config_version: int
    source: str
    data_date: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A check's last review: why, with what evidence, until when, and when it ended."""

    reason: str
    evidence: Mapping[str, Any]
    opened_at: datetime | None
    due_at: datetime | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContestRow:
    """A participant contested the verdict. `refused` says why that could not be done; `applied_at` is None until a
    worker has dealt with it; `document` is the platform's own reference.
    """

    asked_at: datetime | None
    applied_at: datetime | None
    refused: str | None
    document: str | None


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A check that waits for a reviewer, as in `jurat_review_queue`. `words` has the decision of a first of two
    persons; the check is not `needed` while another answer of the participant is accepted in its place.
    """

    check_id: UUID
    consultation: str
    question: str
    reason: str
    evidence: Mapping[str, Any]
    opened_at: datetime | None
    due_at: datetime | None
    contested: bool
    document: str | None
    words: Sequence[Mapping[str, Any]]
    needed: bool
    overdue: bool


@dataclass(frozen=True, slots=True)
class AccessEffect:
    """What the participant's verdicts add up to now, and what this question counts as.

    `ended_by` are the accepted questions in whose place it is not needed any more.
    """

    access: str
    question: str | None
    rounds_left: int | None
    ended_by: tuple[str, ...] = ()


class WaitsFor(StrEnum):
    """Why the workers do not look a check up."""

    NO_WORKER = "no_worker"
    """No live worker serves its source."""
    KEY_MISSING = "key_missing"
    """No live worker that serves its source has the key that opens its answer. Its deadline does not run meanwhile."""


@dataclass(frozen=True, slots=True)
class Explained:
    """All about one check except the participant and the answer. Attempts, verdicts, contests and `words` (decisions in
    the current review) come oldest first. `waits_for` is None where the workers do not keep it waiting.
    """

    id: UUID
    consultation: str
    question: str
    round: int
    state: str
    source: str
    submitted_at: datetime | None
    deadline_at: datetime | None
    settled_at: datetime | None
    attempts: tuple[AttemptRow, ...]
    verdicts: tuple[ExplainedVerdict, ...]
    review: ReviewRow | None
    contests: tuple[ContestRow, ...]
    words: tuple[Opinion, ...]
    access: AccessEffect | None
    answer_key: str | None = None
    waits_for: WaitsFor | None = None


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """The newest verdict of a check that a moved border may affect. Metres are as in older evidence; newer has none."""

    check: UUID
    consultation: str
    question: str
    outcome: str
    reason: str
    distance_m: float | None
    margin_m: float | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class NearbyHouse:
    """A house of an imported address base, in WGS 84 degrees; `number` as the base has it."""

    longitude: float
    latitude: float
    number: str
    street: str
    postcode: str
    city: str


class Explanations:
    """Plain queries that explain checks. Nothing is written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reader(engine)
        self._dialect = dialect_of(engine)

    def check(self, check: UUID) -> Explained:
        """All about a check. Raises LookupError when there is no such check."""
        sql = f"""
            SELECT c.consultation, c.question, c.round, c.state, c.source, c.submitted_at, c.deadline_at, c.settled_at,
                   a.access, a.questions, a.rounds_left, a.ended, c.answer_key
            FROM jurat_checks c
            LEFT JOIN jurat_access a ON a.consultation = c.consultation AND a.participant = c.participant
            WHERE c.id = {self._dialect.uuid()}"""
        rows = self._all(sql, id=str(check))
        if not rows:
            raise LookupError(f"there is no check {check}")
        row = rows[0]
        of_check, given = f"check_id = {self._dialect.uuid()}", {"id": str(check)}
        attempts = self._rows(AttemptRow, f"jurat_attempts WHERE {of_check} ORDER BY fence", **given)
        verdicts = self._rows(ExplainedVerdict, f"jurat_verdicts WHERE {of_check} ORDER BY revision", **given)
        reviews = self._rows(ReviewRow, f"{self._reviews()} WHERE {of_check}", **given)
        contests = self._rows(
            ContestRow, f"jurat_requests WHERE {of_check} AND kind = 'contest' ORDER BY asked_at, id", **given
        )
        with self._engine.begin() as connection:
            words = opinions(connection, check)
            serving = [each for each in workers(connection) if each.serves(row[4])]
        return Explained(
            id=check,
            consultation=row[0],
            question=row[1],
            round=row[2],
            state=row[3],
            source=row[4],
            submitted_at=moment(row[5]),
            deadline_at=moment(row[6]),
            settled_at=moment(row[7]),
            attempts=tuple(attempts),
            verdicts=tuple(verdicts),
            review=next(iter(reviews), None),
            contests=tuple(contests),
            words=tuple(words),
            access=None if row[8] is None else _effect(row[1], row[8], *(read_json(each) for each in row[9:12])),
            answer_key=row[12],
            waits_for=_waits_for(row[12], serving) if row[3] == State.PENDING else None,
        )

    def own_texts(self, consultation: str) -> OwnTexts:
        """A consultation's own texts for participants; none where it is no longer configured."""
        sql = "SELECT messages FROM jurat_questions WHERE consultation = :consultation LIMIT 1"
        rows = self._all(sql, consultation=consultation)
        return read_json(rows[0][0]) if rows else {}

    def queue(self, consultation: str | None = None, *, overdue: bool = False) -> list[QueuedRow]:
        """The checks that wait for a reviewer, of one or all consultations: urgent ones first, unneeded ones last."""
        now = self._dialect.now()
        queue = f"""
            (SELECT *, due_at <= {now} AS overdue FROM jurat_review_queue) AS q
            WHERE (CAST(:consultation AS text) IS NULL OR consultation = :consultation)
              {f"AND due_at <= {now}" if overdue else ""}
            ORDER BY needed DESC, due_at, check_id"""
        return self._rows(QueuedRow, queue, consultation=consultation)

    def near_border(
        self, zone: str, version: int, metres: float, several: Iterable[tuple[str, str]] = ()
    ) -> Iterator[AffectedRow]:
        """Verdicts about a version of a zone that a change within `metres` of its border may affect, in order of the
        checks' ids.

        These are, by the evidence of each check's newest verdict, all that went by a position: a verdict keeps no
        distance. Older ones have one. Of them, only those with a distance of at most `metres` on either side are
        listed; it is rounded down, so that no nearer address is left out. Where several houses may have been meant, the
        evidence has only the distance of the likeliest. Such a verdict is listed as well if the smallest margin of all
        is at most `metres` (the other houses of a decided verdict were beyond their own), if its house was interpolated
        (the oldest evidence has no smallest margin), or if nothing was decided (another house may lie at the border).
        `several` are the questions, with their consultations, about this zone among others: all of their verdicts that
        went by a position and name no zone are listed. A person's verdicts are not listed, nor are those undetermined
        before any position was looked at.
        """
        about = {"zone": zone, "version": str(version), "metres": metres, "limit": PAGE}
        about["rows"] = rows_json([{"consultation": name, "question": question} for name, question in several])
        sql, after = _near(self._dialect), str(UUID(int=0))
        while True:
            rows = self._all(sql, **about, after=after)
            yield from (row_of(AffectedRow, row) for row in rows)
            if len(rows) < PAGE:
                return
            after = str(rows[-1][0])

    def has_dataset(self, name: str) -> bool:
        return bool(self._all(_ACTIVE, name=name))

    def houses(self, dataset: str, box: Box) -> Iterator[NearbyHouse]:
        """The houses of the address base in force that lie in a box; none where there is no such base."""
        active = self._all(_ACTIVE, name=dataset)
        west, south, east, north = box
        around = {"west": west, "south": south, "east": east, "north": north}
        after = -(2**63)
        while active:
            rows = self._all(_HOUSES, dataset=active[0][0], after=after, limit=PAGE, **around)
            for row in rows:
                if row[1] is not None:
                    yield NearbyHouse(*row[1:])
            if not rows:
                return
            after = rows[-1][0]

    def _reviews(self) -> str:
        """The reviews; without their evidence for a user who may not read it, for it may be the distance of a home."""
        seen = "SELECT has_column_privilege('jurat_reviews', 'evidence', 'SELECT')"
        if not self._dialect.has_users or self._all(seen)[0][0]:
            return "jurat_reviews"
        columns = columns_of(ReviewRow).replace("evidence", "'{}'::jsonb AS evidence")
        return f"(SELECT check_id, {columns} FROM jurat_reviews) r"

    def _rows(self, kind: type[Kind], where: str, **parameters: Any) -> list[Kind]:
        """The rows of a kind, from its table on."""
        return [row_of(kind, row) for row in self._all(f"SELECT {columns_of(kind)} FROM {where}", **parameters)]

    def _all(self, sql: str, **parameters: Any) -> Sequence[Any]:
        with self._engine.begin() as connection:
            return connection.execute(text(sql), parameters).all()


_ACTIVE = "SELECT id FROM jurat_datasets WHERE name = :name AND state = 'active' AND key_id IS NULL"

_HOUSES = """
    SELECT s.street, h.longitude, h.latitude, h.written, s.name, s.postcode, s.city
    FROM (SELECT street, name, postcode, city FROM jurat_dataset_streets
          WHERE dataset = :dataset AND street > :after AND west <= :east AND east >= :west
            AND south <= :north AND north >= :south
          ORDER BY street LIMIT :limit) s
    LEFT JOIN jurat_dataset_houses h ON h.dataset = :dataset AND h.street = s.street
      AND h.longitude BETWEEN :west AND :east AND h.latitude BETWEEN :south AND :north
    ORDER BY s.street"""
"""A street without a house in the box has a row as well: it shows how far the page goes."""


def _effect(
    question: str, access: str, questions: Mapping[str, Any], rounds_left: Mapping[str, Any], ended: Mapping[str, Any]
) -> AccessEffect:
    by = tuple(ended.get(question, ()))
    accepted = all(questions.get(name) == QuestionState.ACCEPTED for name in by)
    return AccessEffect(access, questions.get(question), rounds_left.get(question), by if accepted else ())


def _waits_for(key: str | None, serving: Sequence[WorkerRow]) -> WaitsFor | None:
    if not serving:
        return WaitsFor.NO_WORKER
    keyless = len(key or "") != KEY_ID_LENGTH
    return None if keyless or any(key in each.unseal_keys for each in serving) else WaitsFor.KEY_MISSING


def _near(dialect: StoreDialect) -> str:
    distance, margin, least = (
        f"CAST(v.evidence ->> '{name}' AS float8)" for name in ("distance_m", "margin_m", "least_margin_m")
    )
    return f"""
        SELECT v.check_id, c.consultation, c.question, v.outcome, v.reason,
               {distance}, {margin}, v.decided_at
        FROM jurat_verdicts v JOIN jurat_checks c ON c.id = v.check_id
        WHERE v.check_id > {dialect.uuid("after")} AND (v.evidence ->> 'zone' = :zone
          AND CAST(v.evidence ->> 'zone_version' AS text) = :version
          AND (abs({distance}) <= :metres
               OR ({distance} IS NULL AND COALESCE(v.evidence -> 'rules' ->> 'margin',
                                               v.evidence -> 'rules' ->> 'listed') IS NOT NULL)
               OR (CAST(v.evidence ->> 'houses' AS int) > 1
                   AND (COALESCE({least}, {margin}) <= :metres OR v.evidence ->> 'level' = 'interpolated'
                        OR v.outcome = 'undetermined')))
            OR v.evidence ->> 'zone' IS NULL AND v.evidence -> 'rules' ->> 'margin' IS NOT NULL
              AND EXISTS (SELECT 1 FROM {dialect.rowset("consultation text, question text")}
                          WHERE r.consultation = c.consultation AND r.question = c.question))
          AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = v.check_id)
        ORDER BY v.check_id LIMIT :limit"""
