"""Everything that the tables say at one moment, for comparing two moments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from jurat.access import Confirmed
from jurat.times import moment
from jurat.vocabulary import Outcome, Reason, State
from tasks.rules.source_limits import Span

Key = tuple[str, str]
"""(consultation, participant)"""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A row of `jurat_checks`. `answered`: the sealed answer is still there."""

    consultation: str
    participant: str
    question: str
    round: int
    state: str
    source: str
    due_at: datetime | None
    deadline_at: datetime | None
    fence: int = 0
    lease_until: datetime | None = None
    lookups: int = 0
    lost_leases: int = 0
    answered: bool = True
    settled_at: datetime | None = None
    stood_s: float = 0.0

    @property
    def key(self) -> Key:
        return self.consultation, self.participant


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of `jurat_verdicts`, whole: `rest` is what no check looks at, but must not change either."""

    outcome: str
    reason: str
    decided_by: str
    fence: int
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessRow:
    """A row of `jurat_access`, added up by that `version` of the configuration."""

    access: str
    questions: Mapping[str, str]
    rounds_left: Mapping[str, int]
    version: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows by their keys. `reviews` says until when a person decides, None where that is over, and `reasons` why.
    `pauses` are all that a source had, `broken` says of sources whose breaker is open when they are probed next.
    `audited` counts audit rows.
    """

    checks: Mapping[UUID, CheckRow] = field(default_factory=dict)
    verdicts: Mapping[tuple[UUID, int], VerdictRow] = field(default_factory=dict)
    access: Mapping[Key, AccessRow] = field(default_factory=dict)
    reviews: Mapping[UUID, datetime | None] = field(default_factory=dict)
    reasons: Mapping[UUID, str] = field(default_factory=dict)
    attempts: frozenset[tuple[UUID, int]] = frozenset()
    paused: Mapping[str, datetime | None] = field(default_factory=dict)
    pauses: Mapping[str, list[Span]] = field(default_factory=dict)
    broken: Mapping[str, datetime | None] = field(default_factory=dict)
    redeemed: Mapping[str, UUID | None] = field(default_factory=dict)
    audited: int = 0

    def last_verdict(self, check: UUID) -> tuple[int, VerdictRow | None]:
        """The last revision of a check, 0 where it has none, and what it says."""
        revision = max((number for each, number in self.verdicts if each == check), default=0)
        return revision, self.verdicts.get((check, revision))

    def confirmed(self, check: UUID) -> Confirmed:
        """What is confirmed of the answer of a check."""
        _, verdict = self.last_verdict(check)
        said = (Outcome(verdict.outcome), Reason(verdict.reason)) if verdict else (None, None)
        return Confirmed(State(self.checks[check].state), *said)


_CHECKS = """
    SELECT id, consultation, participant, question, round, state, source, due_at, deadline_at, fence, lease_until,
           lookups, lost_leases, answer IS NOT NULL, settled_at, stood_s FROM jurat_checks ORDER BY id"""
_VERDICTS = """
    SELECT check_id, revision, outcome, reason, decided_by, fence, evidence, config_version, source, data_date,
           decided_at, retain_until FROM jurat_verdicts"""

_ACCESS = "SELECT consultation, participant, access, questions, rounds_left, config_version FROM jurat_access"


def read(engine: Engine) -> Snapshot:
    """The tables as they are now."""
    with engine.begin() as connection:

        def rows(statement: str) -> list[Any]:
            return list(connection.execute(text(statement)))

        reviews = rows("SELECT check_id, due_at, decided_at IS NOT NULL, reason FROM jurat_reviews")
        return Snapshot(
            checks={UUID(str(row[0])): _check(row) for row in rows(_CHECKS)},
            verdicts={
                (UUID(str(row[0])), row[1]): VerdictRow(row[2], row[3], row[4], row[5], tuple(map(str, row[6:])))
                for row in rows(_VERDICTS)
            },
            access={
                (row[0], row[1]): AccessRow(row[2], _document(row[3]), _document(row[4]), row[5])
                for row in rows(_ACCESS)
            },
            reviews={UUID(str(row[0])): None if row[2] else moment(row[1]) for row in reviews},
            reasons={UUID(str(row[0])): row[3] for row in reviews},
            attempts=frozenset(
                (UUID(str(row[0])), row[1]) for row in rows("SELECT check_id, fence FROM jurat_attempts")
            ),
            paused={row[0]: moment(row[1]) for row in rows("SELECT name, paused_until FROM jurat_sources")},
            pauses=_pauses(rows("SELECT source, began_at, until FROM jurat_pauses ORDER BY source, began_at")),
            broken={
                row[0]: moment(row[1])
                for row in rows("SELECT name, probe_at FROM jurat_sources WHERE opened_at IS NOT NULL")
            },
            redeemed={
                row[0]: UUID(str(row[1])) if row[1] else None
                for row in rows("SELECT fingerprint, redeemed_by FROM jurat_codes")
            },
            audited=rows("SELECT count(*) FROM jurat_audit")[0][0],
        )


def _check(row: Any) -> CheckRow:
    return CheckRow(
        consultation=row[1],
        participant=row[2],
        question=row[3],
        round=row[4],
        state=row[5],
        source=row[6],
        due_at=moment(row[7]),
        deadline_at=moment(row[8]),
        fence=row[9],
        lease_until=moment(row[10]),
        lookups=row[11],
        lost_leases=row[12],
        answered=bool(row[13]),
        settled_at=moment(row[14]),
        stood_s=round(row[15], 3),
    )


def _pauses(rows: list[Any]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for source, *times in rows:
        began, until = map(moment, times)
        assert began is not None
        assert until is not None
        found.setdefault(source, []).append((began, until))
    return found


def _document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
