"""The questions of `real_addresses` through the whole of jurat: submitted, looked up by worker processes, polled."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.addresses.questions import Question
from bench.addresses.sources import Asked
from bench.addresses.zones import Shape
from bench.fleet import Fleet
from jurat.submission import Submission
from jurat.vocabulary import Outcome, Reason
from store.datasets.zones import NewZone

POLLED = 1000


def verdicts(
    asked: Sequence[Question], shapes: Sequence[Shape], source: Asked, *, processes: int = 2
) -> tuple[list[tuple[Outcome, Reason]], str]:
    """The verdict of each question, in order, and how fast it went.

    Each is a participant of its own, each zone a question of the form.

    Raises:
        TimeoutError: not every check was settled.
        RuntimeError: a check was settled without a verdict.
    """
    document = source.document({shape.name: shape.name for shape in shapes})
    zones = [NewZone(shape.name, shape.title, shape.digest, shape.wkb) for shape in shapes]
    with Fleet(document, zones=zones, processes=processes, prepare=source.prepare) as fleet:
        begun = time.monotonic()
        ids = fleet.submit(
            [
                Submission("bench", f"p-{number}", question.zone.name, question.answer, priority="bulk")
                for number, question in enumerate(asked)
            ]
        )
        fleet.wait(timeout=60 + len(asked))
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
