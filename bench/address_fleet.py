"""The questions of `real_addresses` through the whole of jurat: submitted, looked up by worker processes, polled."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from adapters.address.zone_files import ZoneShape
from adapters.address.zones import Zone
from bench.fleet import Fleet
from jurat.submitting import Submission
from jurat.words import Outcome, Reason
from tasks.ledger.publishing import NewZone

POLLED = 1000


class Asked(Protocol):
    """One query asked for one zone."""

    @property
    def zone(self) -> Zone: ...
    @property
    def answer(self) -> Mapping[str, Any]: ...


def verdicts(
    asked: Sequence[Asked], shapes: Sequence[ZoneShape], source: Mapping[str, Any], *, processes: int = 2
) -> list[tuple[Outcome, Reason]]:
    """The verdict of each question, in order. Each is a participant of its own, each zone a question of the form.

    `source` is the configuration of the geocoder. Says on standard error how fast it went.
    """
    document = {
        "environment": "test",
        "sources": {"geocoder": dict(source)},
        "criteria": {"lives-in": {"source": "geocoder", "open": ["zone"]}},
        "consultations": {
            "bench": {
                "title": {"en": "Bench"},
                "questions": {
                    shape.id: {"criterion": "lives-in", "with": {"zone": shape.id}, "deadline": "1d"}
                    for shape in shapes
                },
            }
        },
    }
    zones = [NewZone(shape.id, shape.title, shape.digest, shape.wkb) for shape in shapes]
    with Fleet(document, zones=zones, processes=processes) as fleet:
        begun = time.monotonic()
        ids = fleet.submit(
            [
                Submission("bench", f"p-{number}", question.zone.name, question.answer, priority="bulk")
                for number, question in enumerate(asked)
            ]
        )
        fleet.wait(timeout=60 + len(asked))
        took = time.monotonic() - begun
        print(f"{len(ids)} checks settled in {took:.0f} s, {len(ids) / took:.0f}/s", file=sys.stderr)
        results = [
            result
            for start in range(0, len(ids), POLLED)
            for result in fleet.client.results(ids[start : start + POLLED])
        ]
    found = [(result.outcome, Reason(result.reason)) for result in results if result.outcome and result.reason]
    if len(found) != len(asked):
        raise RuntimeError(f"{len(asked)} questions and {len(found)} verdicts")
    return found


def source_of(kind: str, url: str, base: Path) -> dict[str, Any]:
    """The configuration of the source `kind`."""
    if kind == "address-file":
        return {"type": "address-file", "path": str(base.resolve())}
    return {"type": "addok", "url": url, "timeout": "30s", "concurrency": 4}
