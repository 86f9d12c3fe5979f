"""The invented registry of the benches: its numbers, its records, and its description for jurat."""

from __future__ import annotations

import json
from typing import Any

from jurat import Priority, Submission

FAMILY, GIVEN = "Valombre", "Iris"
_FIRST = 7_000_000_000
_REFUSED_EACH = 4


def number_of(index: int) -> str:
    """The registration number of one submit; each has its own, so that requests can be distinguished."""
    return f"{_FIRST + index}"


def right_outcome(number: str) -> str:
    """The outcome that is right: each fourth is suspended."""
    return "refused" if int(number) % _REFUSED_EACH == 0 else "accepted"


def answer(index: int) -> dict[str, str]:
    """What the participant of one submit types."""
    return {"number": number_of(index), "family_name": FAMILY, "given_name": GIVEN}


def submission(consultation: str, question: str, index: int, priority: Priority = Priority.INTERACTIVE) -> Submission:
    """The only answer of a participant whose id ends with the index."""
    return Submission(consultation, f"p-{index}", question, answer(index), priority=priority)


def tests() -> list[dict[str, Any]]:
    """The tests of that description, one of each outcome: without them `config apply` publishes no registry."""
    refused, accepted = 0, 1
    cases = [
        ("active", accepted, {}, "accepted"),
        ("suspended", refused, {}, "refused/status_inactive"),
        ("of another name", accepted, {"family_name": "Corvec"}, "undetermined/name_differs"),
    ]
    return [
        {
            "name": name,
            "input": {**answer(index), **other},
            "responses": {"lookup": {"json": json.loads(record(number_of(index)))}},
            "expect": expected,
        }
        for name, index, other, expected in cases
    ]


_PROFESSIONAL = {"number": "%s", "names": [{"family": FAMILY, "given": GIVEN}], "status": "%s"}
_RECORD = json.dumps({"count": 1, "professionals": [_PROFESSIONAL]})


def record(number: str) -> bytes:
    """The registry's answer about a number."""
    return (_RECORD % (number, "active" if right_outcome(number) == "accepted" else "suspended")).encode()


def description(url: str, **limits: Any) -> dict[str, Any]:
    """The registry at `url` as a source in jurat's configuration."""
    return {
        "type": "registry",
        "hosts": ["127.0.0.1"],
        "inputs": {
            "number": {"clean": ["digits"], "max_length": 40},
            "family_name": {"clean": ["trim"]},
            "given_name": {"clean": ["trim"]},
        },
        "steps": [
            {
                "name": "lookup",
                "request": {"url": url, "query": {"number": "{number}"}},
                "outcomes": [
                    {"when": "status == `429`", "then": "retry", "reason": "source_throttled"},
                    {"when": "status >= `500`", "then": "retry"},
                    {"when": "body.count == `0`", "then": "refused", "reason": "record_not_found"},
                ],
            }
        ],
        "record": {
            "from": "body.professionals",
            "fields": {"number": "number", "names": "names[].{family: family, given: given}", "status": "status"},
            "status": {"active": ["active"], "inactive": ["suspended"]},
        },
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "given": "given_name"},
            {"check": "status", "is": "active", "else": "refused", "reason": "status_inactive"},
        ],
        **limits,
    }
