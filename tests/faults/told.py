"""What is configured in the model, and sources that answer as they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.base import (
    Credentials,
    Finding,
    Found,
    InMaintenance,
    NeedsReview,
    Query,
    Redemption,
    RejectedRequest,
    Throttled,
    Unavailable,
)
from jurat.vocabulary import Outcome, Reason
from tests.store.desk import DOCUMENT, configuration

CODES = ("0a" * 32, "0b" * 32)
UNSTORABLE = {"fact": "\0"}
"""Evidence that PostgreSQL cannot take: the check ends `source_unreadable` there."""


_QUESTIONS = DOCUMENT["consultations"]["budget"]["questions"]

DOCUMENTS: tuple[Mapping[str, Any], ...] = (
    DOCUMENT,
    {
        **DOCUMENT,
        "criteria": {**DOCUMENT["criteria"], "lives-in": {"source": ["ban", "towns"]}},
        "consultations": {
            "budget": {
                "questions": {**_QUESTIONS, "code": {"criterion": "has-code", "rounds": 1}},
                "access": {"any_of": [*_QUESTIONS]},
            }
        },
    },
    {
        "environment": "test",
        "sources": {name: DOCUMENT["sources"][name] for name in ("towns", "rpps")},
        "criteria": {"lives-in": {"source": "towns"}, "is-physician": {"source": "rpps"}},
        "consultations": {
            "budget": {
                "questions": {
                    "residence": {"criterion": "lives-in", "on_undetermined": "review"},
                    "profession": _QUESTIONS["profession"],
                }
            }
        },
    },
    {
        **DOCUMENT,
        "consultations": {
            "budget": {
                **DOCUMENT["consultations"]["budget"],
                "questions": {**_QUESTIONS, "residence": {**_QUESTIONS["residence"], "on_undetermined": "review"}},
            }
        },
    },
)
"""They differ in all that matters on the way: the order and number of sources, rounds, reviews, the rule of access. By
the first and the last, access adds up alike."""

CONFIGURATIONS = tuple(map(configuration, DOCUMENTS))

ANSWERS: Mapping[str, Found | Exception] = {
    "accepted": Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, {"fact": 1}),
    "refused": Finding(Outcome.REFUSED, Reason.STATUS_INACTIVE),
    "undetermined": Finding(Outcome.UNDETERMINED, Reason.NAME_DIFFERS),
    "mistyped": Finding(Outcome.UNDETERMINED, Reason.AMBIGUOUS_ADDRESS),
    "unstorable": Finding(Outcome.ACCEPTED, Reason.RECORD_MATCHES, UNSTORABLE),
    "a code": Finding(Outcome.ACCEPTED, Reason.CODE_VALID, redemption=Redemption("spring", CODES[0])),
    "another code": Finding(Outcome.ACCEPTED, Reason.CODE_VALID, redemption=Redemption("spring", CODES[1])),
    "a person": NeedsReview(),
    "down": Unavailable("down"),
    "throttled": Throttled("slow down", retry_after=90.0),
    "maintenance": InMaintenance("closed", retry_after=5000.0),
    "credentials": Credentials("a key is missing"),
    "rejected": RejectedRequest("malformed"),
    "a bug": ZeroDivisionError(),
}


class Told:
    """A source that answers as it is told, and looks whether anybody holds a transaction open meanwhile."""

    def __init__(self, asked: Callable[[], None]) -> None:
        self.answer = "accepted"
        self._asked = asked

    def look_up(self, query: Query) -> Found:
        self._asked()
        answer = ANSWERS[self.answer]
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer

    def close(self) -> None:
        pass
