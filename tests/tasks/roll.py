"""An invented roll that may be asked about many numbers at once: as the source `rpps`, and what it answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from examples.sources.answer import Answer
from tests.store.desk import DOCUMENT


def described(url: str = "http://127.0.0.1:9", *, most: int | None = 20, **limits: Any) -> dict[str, Any]:
    """The source; without `most` each number is asked for alone."""
    return {
        "type": "registry",
        "hosts": ["127.0.0.1"],
        "one_person": False,
        "inputs": {"number": {"clean": ["digits"]}},
        "steps": [{"request": {"url": f"{url}/members", "query": {"number": "{number}"}}}],
        "record": {"from": "body.members", "fields": {"number": "number"}},
        "rules": [{"check": "equals", "field": "number", "input": "number"}],
        **({} if most is None else {"batch": {"most": most}}),
        **limits,
    }


def document(url: str = "http://127.0.0.1:9", **changes: Any) -> dict[str, Any]:
    """`DOCUMENT`, whose professions are looked up in the roll."""
    return {**DOCUMENT, "sources": {**DOCUMENT["sources"], "rpps": described(url, **changes)}}


def number(index: int) -> dict[str, str]:
    """The answer of the participant `index`."""
    return {"number": f"{index:06}"}


class Roll:
    """Everybody is on it. Keeps when it was asked and about how many numbers; refuses requests with too many."""

    def __init__(self, most: int = 20) -> None:
        self.most = most
        self.asked: list[tuple[float, int]] = []
        self.status = 200

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        """As a service of `examples.sources.Sources`."""
        numbers = query["number"].split(",")
        self.asked.append((time.monotonic(), len(numbers)))
        if len(numbers) > self.most:
            return Answer({"error": "too many numbers"}, 400)
        return Answer({"members": [{"number": each} for each in numbers]}, self.status)
