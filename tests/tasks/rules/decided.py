"""A check, a question and what becomes of them: what the tests of decisions share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from config.configuration import Question
from config.limits import SourceKind
from jurat.access import Terms
from tasks.checks import ClaimedCheck, Decision
from tasks.rules.decision import decide

REVIEW_DUE = 1_000_000.0


def held(**given: Any) -> ClaimedCheck:
    facts: dict[str, Any] = {
        "source": "first",
        "lookups": 0,
        "lost_leases": 0,
        "seconds_left": 3600.0,
        **given,
    }
    return ClaimedCheck(UUID(int=7), 1, "budget", "p-1", "residence", sealed=b"", answer_key="k", **facts)


def question(*sources: str, **given: Any) -> Question:
    facts: dict[str, Any] = {"review": False, "zone": None, "margins": {}, **given}
    return Question(
        "budget", "residence", 0, "lives-in", sources or ("first",), SourceKind.ADDRESS, Terms(1), 3600.0,
        review_due_s=REVIEW_DUE, retain_s=None, four_eyes=False, requirement={}, answer_schema={}, title={},
        consultation_title={}, contact={}, messages={}, **facts,
    )  # fmt: skip


def after(
    found: Any, check: ClaimedCheck | None = None, asked: Question | None = None, jitter: float = 0.0, **given: Any
) -> Decision:
    facts: dict[str, Any] = {"answer": {}, "zone": None, **given}
    return decide(check or held(), asked or question(), found, jitter=jitter, **facts)
