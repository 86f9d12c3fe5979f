"""What an administrator sees of jurat's tables: counts, and the state of the sources. No id of a participant is read.

On PostgreSQL the user of `parts().office` needs the role `jurat_reader` for this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from examples.platform.web.parts import parts
from jurat import AccessState, Outcome, State
from jurat.database import reader
from jurat.queries import read_json
from jurat.times import moment

REVIEW = "review"
ON_ITS_WAY = "pending"
RESULTS = (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNDETERMINED, REVIEW, ON_ITS_WAY)
"""What became of a participant's newest answer to a question, in the order in which it is shown."""

_ACCESS = text("SELECT consultation, access, count(*) FROM jurat_access GROUP BY consultation, access")

# The newest answer of each participant counts, so that the figures are persons.
_ANSWERS = text("""
    SELECT question, state, outcome, reason, count(*) FROM (
      SELECT question, state, outcome, reason,
        row_number() OVER (PARTITION BY question, participant ORDER BY round DESC) AS place
      FROM jurat_results WHERE consultation = :consultation) AS newest
    WHERE place = 1 GROUP BY question, state, outcome, reason""")

_FORM = text("""
    SELECT question, title, consultation_title, criterion FROM jurat_questions
    WHERE consultation = :consultation ORDER BY position""")

_TITLES = text("SELECT consultation, question, title, consultation_title FROM jurat_questions ORDER BY position")

_LISTS = text("SELECT list, codes, redeemed, revoked, expired FROM jurat_code_lists ORDER BY list")

_CRITERIA = text("SELECT name, kind, sources, open FROM jurat_criteria ORDER BY name")

_PAUSES = """
    SELECT source, until, reason, by_whom FROM jurat_pauses WHERE began_at <= {0} AND until > {0} ORDER BY until"""
_CLOCK = {"postgresql": "statement_timestamp()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}

_SOURCES = text("""
    SELECT name, paused_until, pause_reason, last_success_at, last_failure_at, last_failure, waiting, oldest_due_at,
      failures, opened_at, probe_at FROM jurat_sources""")

_PUBLICATION = """
    SELECT name, document IS NULL AS withdrawn, revision, answered_revision, refused, published_by, published_at
    FROM jurat_consultations"""
_PUBLISHED = text(f"{_PUBLICATION} ORDER BY published_at DESC")
_PUBLISHED_ONE = text(f"{_PUBLICATION} WHERE name = :name")


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction of the office's user that only reads."""
    with reader(parts().office).begin() as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a question may be made from. `open` are the parameters that it has to fill."""

    name: str
    kind: str
    sources: tuple[str, ...]
    open: tuple[str, ...]


@dataclass(slots=True)
class Answers:
    """The newest answers to one question: counts by result, and by reason within that."""

    question: str
    title: dict[str, str]
    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RESULTS, 0))
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Participants who have answered."""
        return sum(self.results.values())

    def add(self, result: str, reason: str | None, count: int) -> None:
        """Count some more."""
        self.results[result] += count
        if reason is not None and result not in (REVIEW, ON_ITS_WAY):
            of = self.reasons.setdefault(result, {})
            of[reason] = of.get(reason, 0) + count


@dataclass(frozen=True, slots=True)
class Source:
    """The state of a source. `state` is `working`, `paused`, `resting` (it failed too often in a row), `unused`, or
    `person` if nothing is looked up.
    """

    name: str
    kind: str
    state: str
    until: datetime | None = None
    since: datetime | None = None
    reason: str | None = None
    by_person: bool = False
    failures: int = 0
    waiting: int = 0
    oldest: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failed_with: str | None = None

    @property
    def failed_last(self) -> bool:
        """Whether its last lookup got no answer."""
        return self.last_failure is not None and (self.last_success is None or self.last_failure > self.last_success)


def access_counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Participants of each consultation by the state of their access."""
    counted: dict[str, dict[str, int]] = {}
    for consultation, access, count in connection.execute(_ACCESS):
        counted.setdefault(consultation, {str(state): 0 for state in AccessState})[access] = count
    return counted


def answer_counts(connection: Connection, consultation: str) -> list[Answers]:
    """The questions of a consultation in the order of its form, with counts."""
    form = connection.execute(_FORM, {"consultation": consultation})
    found = {row.question: Answers(row.question, read_json(row.title)) for row in form}
    for question, state, outcome, reason, count in connection.execute(_ANSWERS, {"consultation": consultation}):
        result = REVIEW if state == State.REVIEW else ON_ITS_WAY if state != State.SETTLED or not outcome else outcome
        # A question that the form no longer has still has its answers.
        found.setdefault(question, Answers(question, {"und": question})).add(result, reason, count)
    return list(found.values())


def titles(connection: Connection) -> dict[str, tuple[dict[str, str], dict[str, dict[str, str]]]]:
    """Of each consultation in force its title, and those of its questions."""
    found: dict[str, tuple[dict[str, str], dict[str, dict[str, str]]]] = {}
    for row in connection.execute(_TITLES):
        _, questions = found.setdefault(row.consultation, (read_json(row.consultation_title), {}))
        questions[row.question] = read_json(row.title)
    return found


def code_lists(connection: Connection) -> list[Any]:
    """Each list of codes with its counts."""
    return list(connection.execute(_LISTS))


def publications(connection: Connection) -> list[Any]:
    """What the platform published, the latest first."""
    return list(connection.execute(_PUBLISHED))


def publication(connection: Connection, name: str) -> Any:
    """The same of one consultation; None if the platform never published it."""
    return connection.execute(_PUBLISHED_ONE, {"name": name}).first()


def criteria(connection: Connection) -> list[Criterion]:
    """What a consultation may be made from."""
    return [
        Criterion(row.name, row.kind, tuple(read_json(row.sources)), tuple(read_json(row.open)))
        for row in connection.execute(_CRITERIA)
    ]


def sources(connection: Connection, used: list[Criterion]) -> list[Source]:
    """The sources that the criteria ask, by name."""
    rows = {row.name: row for row in connection.execute(_SOURCES)}
    running = text(_PAUSES.format(_CLOCK[connection.dialect.name]))
    pauses = {row.source: row for row in connection.execute(running)}  # of several the one that lasts longest
    kinds = {name: criterion.kind for criterion in used for name in criterion.sources}
    return [_source(name, kinds[name], rows.get(name), pauses.get(name)) for name in sorted(kinds)]


def _source(name: str, kind: str, row: Any, pause: Any) -> Source:
    if kind == "manual":
        return Source(name, kind, "person")
    if row is None:
        return Source(name, kind, "unused")
    state, given = "working", _figures(row)
    if pause is not None:
        state = "paused"
        given |= {"until": moment(pause.until), "reason": pause.reason, "by_person": pause.by_whom is not None}
    elif row.opened_at is not None:
        state = "resting"
        given |= {"until": moment(row.probe_at), "since": moment(row.opened_at), "failures": row.failures}
    elif row.last_success_at is None and row.last_failure_at is None:
        state = "unused"
    return Source(name, kind, state, **given)


def _figures(row: Any) -> dict[str, Any]:
    return {
        "waiting": row.waiting,
        "oldest": moment(row.oldest_due_at) if row.waiting else None,
        "last_success": moment(row.last_success_at),
        "last_failure": moment(row.last_failure_at),
        "failed_with": row.last_failure,
    }
