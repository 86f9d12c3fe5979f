"""Builds the rows of a check's result: what each decision writes."""

from __future__ import annotations

from typing import Any

from jurat.vocabulary import State
from store.verdicts.records import WORKER
from tasks.checks import Attempt, CheckResult, Decision, GiveBack, Later, NextSource, Review, Settle


def movement_row(decision: Decision) -> dict[str, Any]:
    """How a decision changes the check's row: its state, in how many seconds it is due, which source is next, how many
    failed lookups it adds, and the leaning of the source before.
    """
    match decision:
        case Settle() | Review():
            state = State.SETTLED if isinstance(decision, Settle) else State.REVIEW
            return {"state": state, "wait": None, "source": None, "failed": 0, "leaning": None}
        case Later(seconds=seconds):
            return {"state": State.PENDING, "wait": round(seconds, 3), "source": None, "failed": 1, "leaning": None}
        case NextSource(source=source, leaning=leaning):
            return {"state": State.PENDING, "wait": 0, "source": source, "failed": 0, "leaning": leaning}
        case GiveBack(seconds=seconds):
            return {"state": State.PENDING, "wait": round(seconds, 3), "source": None, "failed": 0, "leaning": None}


def verdict_row(entry: CheckResult, verdict: Settle) -> dict[str, Any]:
    """The row of `jurat_verdicts`."""
    return {
        "check_id": str(entry.held.id),
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "decided_by": WORKER,
        "config_version": entry.config_version,
        "source": entry.held.source,
        "data_date": verdict.data_date,
        "fence": entry.held.fence,
        "retain": entry.retain,
    }


def review_row(entry: CheckResult, review: Review) -> dict[str, Any]:
    """The row of `jurat_reviews`."""
    return {
        "check_id": str(entry.held.id),
        "reason": review.reason,
        "evidence": review.evidence,
        "config_version": entry.config_version,
        "due": review.seconds,
    }


def attempt_row(entry: CheckResult, attempt: Attempt) -> dict[str, Any]:
    """The row of `jurat_attempts`."""
    return {
        "check_id": str(entry.held.id),
        "fence": entry.held.fence,
        "source": entry.held.source,
        "duration": round(attempt.duration, 3),
        "ended": attempt.ended,
        "reason": attempt.reason,
    }


def candidates_row(entry: CheckResult, sealed: bytes) -> dict[str, Any]:
    """The sealed candidates of an ambiguous answer, kept until the platform asks for them."""
    return {"id": str(entry.held.id), "fence": entry.held.fence, "candidates": sealed}
