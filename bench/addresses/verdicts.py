"""Asks questions through the whole of jurat: submits them, has worker processes look them up, and polls."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.addresses.geocoders import Geocoder
from bench.addresses.questions import Question
from bench.addresses.zones import Shape
from bench.rig.fleet import Fleet
from bench.rig.servers import Rig
from bench.rig.unit import waited
from jurat.submission import Submission
from jurat.vocabulary import Outcome, Reason
from store.datasets.zones import NewZone, import_zones

POLLED = 1000
_SLOTS = 32


def verdicts(
    asked: Sequence[Question], shapes: Sequence[Shape], source: Geocoder, *, processes: int = 2
) -> tuple[list[tuple[Outcome, Reason]], str]:
    """The verdict of each question, in order, and how fast it went.

    Each is a participant of its own, each zone a question of the form.

    Raises:
        TimeoutError: not every check was settled.
        RuntimeError: a check was settled without a verdict.
    """
    zones = [NewZone(shape.name, shape.title, shape.digest, shape.wkb) for shape in shapes]
    with Rig() as rig, rig.database() as url, Fleet(url, rig.valkey.url, rig.folder) as fleet:
        source.prepare(fleet.environment)
        import_zones(fleet.service.database, zones, "bench")
        fleet.apply(source.document({shape.name: shape.name for shape in shapes}))
        for _ in range(processes):
            fleet.add(_SLOTS)
        fleet.start()
        begun = time.monotonic()
        ids = fleet.submit(
            [
                Submission("bench", f"p-{number}", question.zone.name, question.answer, priority="bulk")
                for number, question in enumerate(asked)
            ]
        )
        waited(lambda: fleet.unsettled() == 0, 60 + len(asked), "not every check is settled", pause=0.2)
        took = time.monotonic() - begun
        results = [
            result
            for start in range(0, len(ids), POLLED)
            for result in fleet.client.results(ids[start : start + POLLED])
        ]
    found = [(result.outcome, Reason(result.reason)) for result in results if result.outcome and result.reason]
    if len(found) != len(asked):
        raise RuntimeError(f"{len(asked)} questions and {len(found)} verdicts")
    return found, f"{len(ids):,} checks by {processes} worker processes in {took:.0f} s, {len(ids) / took:.0f}/s"
