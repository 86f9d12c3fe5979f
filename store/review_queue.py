"""Reads what waits for reviewers page by page, so that a page takes no longer however many wait, and what is known of
one of them. It names no participant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.names import same_person
from jurat.queries import read_json
from jurat.statements import rows_json
from jurat.times import instant
from jurat.zones import ZONES, Zone, zone_from
from store.dialects import dialect_of
from store.explanation import ExplainedVerdict, QueuedRow
from store.requests.pending_decisions import WAITS
from store.rows import columns_of, row_of

PAGE = 25
"""Reviews on a page."""

WINDOW = 5_000
"""Reviews that one page looks through for those that its filters let pass: few may pass, and a million wait."""

PASSED = 1_000
"""Of these, how many it looks at closely: which need a decision."""

AT_ONCE = 100
"""How many of those at once: most pages are full by then."""

Titles = Mapping[str, str]
"""A text by language."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reviewer wants to see; None is everything."""

    consultation: str | None = None
    reason: str | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where a page ends: behind this review, in the order of the queue."""

    due_at: datetime
    check: UUID


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some reviews, those due first at the top. `after` is where the next page begins; None at the end of the queue."""

    rows: Sequence[QueuedRow]
    after: PageEnd | None


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """A question as its form names it, with its fields in their order; and the kind of criterion that it is made from,
    "" where that is not known.
    """

    consultation: str
    name: str
    consultation_title: Titles
    title: Titles
    kind: str
    fields: Mapping[str, Titles]


@dataclass(frozen=True, slots=True)
class PendingDecision:
    """A decision that its author can take back. A worker carries it out from `apply_from` on; None is at once."""

    id: UUID
    check_id: UUID
    consultation: str
    question: str
    by_whom: str
    reason: str
    apply_from: datetime | None


class ReviewQueue:
    """Plain queries with the rights of a reader. Nothing is written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reader(engine)
        self._dialect = dialect_of(engine)

    def page(self, filters: Filters, after: PageEnd | None = None) -> QueuePage:
        """The reviews behind a place that pass the filters and need a decision now, without a count of the rest. One
        whose decision is about to take effect needs none.
        """
        given: dict[str, Any] = {"consultation": filters.consultation, "reason": filters.reason}
        if after:
            given |= {"due": self._dialect.time_text(after.due_at), "check": str(after.check)}
        window, passing = self._looked_through(filters, behind=after is not None)
        rows = list[QueuedRow]()
        with self._engine.begin() as connection:
            passed = connection.execute(text(passing), given).all()
            for start in range(0, len(passed), AT_ONCE):
                rows += self._needed(connection, [str(check) for _, check in passed[start : start + AT_ONCE]])
                if len(rows) > PAGE:
                    return QueuePage(rows[:PAGE], _place(rows[PAGE - 1]))
            if len(passed) < PASSED:
                end = f"ORDER BY due_at, check_id LIMIT 1 OFFSET {WINDOW - 1}"
                passed = connection.execute(text(f"SELECT due_at, check_id FROM ({window}) w {end}"), given).all()
        return QueuePage(rows, PageEnd(instant(passed[-1][0]), UUID(str(passed[-1][1]))) if passed else None)

    def _looked_through(self, filters: Filters, *, behind: bool) -> tuple[str, str]:
        """SQL for the reviews that a page looks through, and for those of them that the filters let pass."""
        d = self._dialect
        due, check = d.parameter("due", "timestamptz"), d.uuid("check")
        rules = [f"due_at >= {due} AND (due_at > {due} OR check_id > {check})"] if behind else []
        rules += [f"due_at <= {d.now()}"] if filters.overdue else []
        window = f"""
            SELECT check_id, due_at, reason FROM jurat_reviews WHERE {" AND ".join(["decided_at IS NULL", *rules])}
            ORDER BY due_at, check_id LIMIT {WINDOW}"""
        asked = d.join_each("jurat_checks c", "c.id = w.check_id AND c.consultation = :consultation", "c.id")
        passing = f"""
            SELECT w.due_at, w.check_id FROM ({window}) w {asked if filters.consultation else ""}
            {"WHERE w.reason = :reason" if filters.reason else ""} ORDER BY w.due_at, w.check_id LIMIT {PASSED}"""
        return window, passing

    def _needed(self, connection: Connection, checks: Sequence[str]) -> list[QueuedRow]:
        """Those of these reviews that need a decision now, in their order in the queue."""
        d = self._dialect
        undecided = f"NOT EXISTS (SELECT 1 FROM jurat_requests d WHERE d.check_id = q.check_id AND {WAITS})"
        queue = d.join_each("jurat_review_queue q", f"q.check_id = r.id AND q.needed AND {undecided}", "*")
        columns = columns_of(QueuedRow).replace("overdue", f"q.due_at <= {d.now()} AS overdue")
        sql = f"SELECT {columns} FROM {d.rowset('id uuid')} {queue} ORDER BY q.due_at, q.check_id"
        given = {"rows": rows_json([{"id": check} for check in checks])}
        return [row_of(QueuedRow, row) for row in connection.execute(text(sql), given)]

    def find(self, check: UUID) -> QueuedRow | None:
        """One review; None if the check does not wait for a person."""
        columns = columns_of(QueuedRow).replace("overdue", f"due_at <= {self._dialect.now()} AS overdue")
        sql = f"SELECT {columns} FROM jurat_review_queue WHERE check_id = {self._dialect.uuid()}"
        row = self._first(sql, id=str(check))
        return None if row is None else row_of(QueuedRow, row)

    def decision(self, check: UUID) -> PendingDecision | None:
        """The decision about a check that is about to take effect."""
        return next(iter(self._pending(f"d.check_id = {self._dialect.uuid()}", id=str(check))), None)

    def decisions_of(self, name: str) -> list[PendingDecision]:
        """The decisions of a person that are about to take effect."""
        # By the index of what is soon done: there may be a hundred thousand waiting erasures.
        return self._pending("d.kind NOT IN ('erase', 'transfer') AND d.by_whom = :name", name=name)

    def _pending(self, where: str, **given: str) -> list[PendingDecision]:
        sql = f"""
            SELECT d.id, d.check_id, c.consultation, c.question, d.by_whom, d.reason, d.apply_from
            FROM jurat_requests d JOIN jurat_checks c ON c.id = d.check_id
            WHERE {WAITS} AND {where} ORDER BY d.asked_at, d.id LIMIT {PAGE}"""
        with self._engine.begin() as connection:
            return [row_of(PendingDecision, row) for row in connection.execute(text(sql), given)]

    def verdict(self, check: UUID) -> ExplainedVerdict | None:
        """The newest verdict of a check; None before the first."""
        where = f"check_id = {self._dialect.uuid()} ORDER BY revision DESC LIMIT 1"
        row = self._first(f"SELECT {columns_of(ExplainedVerdict)} FROM jurat_verdicts WHERE {where}", id=str(check))
        return None if row is None else row_of(ExplainedVerdict, row)

    def state(self, check: UUID) -> tuple[str, str, str] | None:
        """Consultation, question and state of a check; None if there is none."""
        sql = f"SELECT consultation, question, state FROM jurat_checks WHERE id = {self._dialect.uuid()}"
        row = self._first(sql, id=str(check))
        return None if row is None else (row[0], row[1], row[2])

    def is_own(self, check: UUID, name: str) -> bool:
        """Whether `name` is the participant's, in any spelling."""
        sql = f"SELECT participant FROM jurat_checks WHERE id = {self._dialect.uuid()}"
        row = self._first(sql, id=str(check))
        return row is not None and same_person(name, row[0])

    def questions(self, consultation: str | None = None) -> list[QuestionForm]:
        """The questions in force, of one or all consultations."""
        where = "" if consultation is None else "WHERE q.consultation = :consultation"
        sql = f"""
            SELECT q.consultation, q.question, q.consultation_title, q.title, c.kind, q.fields, q.answer_schema
            FROM jurat_questions q LEFT JOIN jurat_criteria c ON c.name = q.criterion {where}
            ORDER BY q.consultation, q.position"""
        with self._engine.begin() as connection:
            rows = connection.execute(text(sql), {"consultation": consultation}).all()
        return [
            QuestionForm(
                row[0], row[1], read_json(row[2]) or {}, read_json(row[3]) or {}, row[4] or "", _fields(*row[5:])
            )
            for row in rows
        ]

    def zones(self) -> list[Zone]:
        """The zones in force, as pictures draw them."""
        with self._engine.begin() as connection:
            return [zone_from(row) for row in connection.execute(text(ZONES))]

    def zone_of(self, consultation: str, question: str) -> str | None:
        """The zone that a question is about, as the configuration in force says."""
        with self._engine.begin() as connection:
            document = _published(connection, consultation) or _configured(connection, consultation)
        filled = ((document or {}).get("questions", {}).get(question) or {}).get("with") or {}
        found = filled.get("zone")
        return found if isinstance(found, str) else None

    def _first(self, sql: str, **given: Any) -> Any:
        with self._engine.begin() as connection:
            return connection.execute(text(sql), given).first()


def _fields(names: Any, schema: Any) -> dict[str, Titles]:
    described = (read_json(schema) or {}).get("properties") or {}
    return {name: described[name].get("titles") or {} for name in read_json(names) or described if name in described}


def _published(connection: Connection, consultation: str) -> Any:
    sql = "SELECT applied_document FROM jurat_consultations WHERE name = :name"
    found = connection.execute(text(sql), {"name": consultation}).scalar()
    return read_json(found) if found else None


def _configured(connection: Connection, consultation: str) -> Any:
    found = connection.execute(text("SELECT document FROM jurat_configs ORDER BY version DESC LIMIT 1")).scalar()
    return (read_json(found) or {}).get("consultations", {}).get(consultation) if found else None


def _place(row: QueuedRow) -> PageEnd:
    return PageEnd(instant(row.due_at), row.check_id)
