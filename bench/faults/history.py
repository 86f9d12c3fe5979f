"""Holds what is known after a run: what the web tier saw, what the database has, and what the source was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    """What the web tier knows of one submit."""

    ACKNOWLEDGED = "acknowledged"
    """The commit returned."""
    ROLLED_BACK = "rolled back"
    """The web tier rolled its own transaction back."""
    GONE = "gone"
    """Committed, and then an older backup was restored, after which the platform was told that it is missing."""
    UNKNOWN = "unknown"
    """The connection broke and no later try with the same id went through: the check may be there or not."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One confirmed answer. `number` is what its lookup asks the source for, `right` the outcome that is right."""

    check: str
    participant: str
    question: str
    number: str
    right: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A row of `jurat_checks`. `sealed`: the answer is still there."""

    participant: str
    question: str
    state: str
    fence: int
    lookups: int
    lost_leases: int
    sealed: bool


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of `jurat_verdicts`. `digest` is over the whole row."""

    check: str
    revision: int
    outcome: str
    reason: str
    decided_by: str
    fence: int
    digest: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A row of `jurat_attempts`. `result` is `answered` or `failed`."""

    check: str
    fence: int
    result: str


@dataclass(frozen=True, slots=True)
class AccessRow:
    """A row of `jurat_access`."""

    participant: str
    access: str
    questions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dump:
    """What the database holds at one moment."""

    checks: Mapping[str, CheckRow] = field(default_factory=dict)
    verdicts: tuple[VerdictRow, ...] = ()
    attempts: tuple[AttemptRow, ...] = ()
    access: tuple[AccessRow, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """A whole run.

    `earlier` are dumps taken while it ran. `asked` counts the source's requests for each number. `undetermined` are the
    reasons that the run's faults excuse.
    """

    submits: tuple[Submit, ...]
    dump: Dump
    earlier: tuple[Dump, ...] = ()
    asked: Mapping[str, int] = field(default_factory=dict)
    undetermined: frozenset[str] = frozenset()
    contradictions: tuple[tuple[str, str], ...] = ()
    """Of `bin/jurat db verify`: a check, and what does not follow."""
