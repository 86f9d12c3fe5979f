"""Describes what both databases hold: the same configuration, and rows of the same shape. Only their number differs.

A participant of the past has an answer to each of three questions, all settled. One who waits has one settled answer
and one pending, so that every pending check has the same history, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.configuration import Configuration
from config.document import Document
from tasks.rules.source_limits import Demand

CONSULTATIONS = 10
SOURCES = {"residence": "towns", "profession": "rpps", "company": "sirene"}
"""The three questions of each consultation, and the source of each."""

IDLE = "spare"
"""A source at which nothing waits."""

BATCH = 64
"""Checks in a claim and in a write."""

RATE, CONCURRENCY = 20_000, 1024
"""Quotas of each source: above what is reached, so that they cost and do not bind."""

LATER = 20
"""One pending check in so many has failed once and is due within an hour."""

REFUSED = 12
"""One participant in so many was refused."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many checks of a database are pending, and how many settled."""

    pending: int
    settled: int

    def __post_init__(self) -> None:
        if self.pending < 4 * BATCH:
            raise ValueError(f"{self.pending:,} pending checks are too few; {4 * BATCH} are needed for one round")
        if self.settled < self.pending:
            raise ValueError(
                f"{self.settled:,} settled checks are too few: each of {self.pending:,} pending ones has one behind it"
            )

    @property
    def past(self) -> int:
        """Participants whose checks are all settled."""
        return (self.settled - self.pending) // len(SOURCES)

    @property
    def people(self) -> int:
        """All participants."""
        return self.past + self.pending


SMALL = Size(1_000, 1_000)


def consultation(number: int) -> str:
    """The name of a consultation; the first has the most participants."""
    return f"c{number:02}"


def configuration() -> Configuration:
    """What is applied in both."""
    limits: Mapping[str, Any] = {"type": "simulated", "rate": f"{RATE}/s", "concurrency": CONCURRENCY}
    questions = {name: {"criterion": f"has-{name}", "deadline": "7d"} for name in SOURCES}
    document = {
        "environment": "test",
        "sources": {name: dict(limits) for name in (*SOURCES.values(), IDLE)},
        "criteria": {f"has-{name}": {"source": source} for name, source in SOURCES.items()},
        "consultations": {
            consultation(number): {"questions": questions, "access": {"all_of": list(SOURCES)}}
            for number in range(CONSULTATIONS)
        },
    }
    return Configuration.of(Document.model_validate(document))


def demands(free: int, turn: int = 0) -> list[Demand]:
    """What a worker asks for: up to `free` checks of each source, within its quotas; another one is first each time."""
    limits: dict[str, Any] = {"concurrency": CONCURRENCY, "interval": 1 / RATE, "burst": RATE // 4 + 1}
    busy = list(SOURCES.values())
    turn %= len(busy)
    return [Demand(source, free, **limits) for source in (*busy[turn:], *busy[:turn], IDLE)]
