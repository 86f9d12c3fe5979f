"""Counts what became of a consultation's answers and participants, in bounded time however many there are.

No table keeps such counts. So answers and participants are counted up to a limit, in the order of the participants'
ids, and who shows the counts says whether that was all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Engine, text

from jurat.database import reader
from jurat.statements import rows_json
from jurat.vocabulary import Priority
from store.dialects import StoreDialect, dialect_of
from store.queue.turns import waiting

MOST = 2_000
"""Answers and participants of one consultation that are counted at most."""

MOST_WAITING = 200
"""So many checks are counted of each queue of a consultation, and so many reviews in all, those due first."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How many answers to a question are in a state, and settled with an outcome and a reason."""

    question: str
    state: str
    outcome: str | None
    reason: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of one consultation's answers, and of its participants by what their answers add up to."""

    answers: tuple[Answers, ...]
    participants: Mapping[str, int]

    @property
    def answered(self) -> int:
        return sum(each.count for each in self.answers)

    @property
    def are_all(self) -> bool:
        """Whether there are no more answers and participants than were counted."""
        return max(self.answered, sum(self.participants.values())) < MOST


@dataclass(frozen=True, slots=True)
class WaitingChecks:
    """How many of a consultation's checks wait for a source and for a person; `or_more` says that there may be more."""

    checks: int = 0
    reviews: int = 0
    or_more: bool = False


class ConsultationCounts:
    """Plain queries with the rights of a reader."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reader(engine)
        self._dialect = dialect_of(engine)

    def counts(self, consultation: str) -> Counts:
        """What became of a consultation."""
        given = {"consultation": consultation}
        with self._engine.begin() as connection:
            answers = connection.execute(text(_ANSWERS), given).all()
            participants = connection.execute(text(_PARTICIPANTS), given).all()
        return Counts(tuple(Answers(*row) for row in answers), {row[0]: row[1] for row in participants})

    def waiting(self, sources: Mapping[str, Iterable[str]]) -> dict[str, WaitingChecks]:
        """What waits of each consultation, at these of its sources."""
        queues = [
            {"consultation": name, "source": source, "priority": priority}
            for name, each in sources.items()
            for source in sorted(set(each))
            for priority in Priority
        ]
        with self._engine.begin() as connection:
            rows = connection.execute(text(_waiting(self._dialect)), {"rows": rows_json(queues)}).all()
            reviews: dict[str, int] = {row[0]: row[1] for row in connection.execute(text(_REVIEWS))}
        many = sum(reviews.values()) >= MOST_WAITING
        found = {name: WaitingChecks(reviews=reviews.get(name, 0), or_more=many) for name in sources}
        for name, checks in rows:
            so_far = found[name]
            found[name] = WaitingChecks(
                so_far.checks + checks, so_far.reviews, so_far.or_more or checks >= MOST_WAITING
            )
        return found


_ANSWERS = f"""
    SELECT question, state, outcome, reason, count(*) FROM (
      SELECT c.question, c.state, v.outcome, v.reason,
        row_number() OVER (PARTITION BY c.id ORDER BY v.revision DESC) AS place
      FROM (SELECT id, question, state FROM jurat_checks WHERE consultation = :consultation
            ORDER BY participant, question, round LIMIT {MOST}) c
      LEFT JOIN jurat_verdicts v ON c.state = 'settled' AND v.check_id = c.id) AS newest
    WHERE place = 1 GROUP BY question, state, outcome, reason ORDER BY count(*) DESC, question, state, reason"""

_PARTICIPANTS = f"""
    SELECT access, count(*) FROM (
      SELECT access FROM jurat_access WHERE consultation = :consultation ORDER BY participant LIMIT {MOST}) AS a
    GROUP BY access ORDER BY access"""

_REVIEWS = f"""
    SELECT c.consultation, count(*)
    FROM (SELECT check_id FROM jurat_reviews WHERE decided_at IS NULL ORDER BY due_at LIMIT {MOST_WAITING}) r
    JOIN jurat_checks c ON c.id = r.check_id GROUP BY c.consultation"""


@lru_cache
def _waiting(dialect: StoreDialect) -> str:
    return f"""
        SELECT r.consultation, (SELECT count(*) FROM (
          SELECT 1 FROM jurat_checks c WHERE {waiting()}
            AND c.source = r.source AND c.priority = r.priority AND c.consultation = r.consultation
          ORDER BY c.due_at LIMIT {MOST_WAITING}) AS counted)
        FROM {dialect.rowset("consultation text, source text, priority text")}"""
