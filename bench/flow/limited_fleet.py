"""A fleet whose sources have limits, and a platform that says which source a check is looked up at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

from bench.rig.fleet import Fleet
from bench.rig.registry import description, number_of, submission
from bench.rig.servers import Rig
from bench.rig.unit import until
from jurat import Priority

CONSULTATIONS = ("crowd", "village")
"""Each asks one question of every source, which has the source's name."""

LATENCY = 0.1
"""Seconds after which a source answers by default."""

_GIVEN_BACK = r'"checks": (\d+), "event": "given back"'


class LimitedFleet(Fleet):
    """`limits` are those of each source."""

    def __init__(self, rig: Rig, database_url: str, limits: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(database_url, rig.valkey.url, rig.folder / database_url.rpartition("/")[2])
        self.rig = rig
        self.source = rig.source
        self.submitted_at: dict[str, float] = {}
        """By number: when its submit was committed, by the wall clock."""
        self._index = count()
        for name in limits:
            self.source.start_over(name, LATENCY)
        questions = {name: {"criterion": f"is-{name}", "deadline": "1d"} for name in limits}
        self.apply(
            {
                "environment": "test",
                "sources": {name: description(self.source.url(name), **limit) for name, limit in limits.items()},
                "criteria": {f"is-{name}": {"source": name} for name in limits},
                "consultations": {name: {"questions": questions} for name in CONSULTATIONS},
            }
        )

    def ask(
        self,
        source: str,
        checks: int = 1,
        *,
        consultation: str = CONSULTATIONS[0],
        priority: Priority = Priority.INTERACTIVE,
    ) -> list[str]:
        """Submit so many checks of a source. Returns their numbers, after the commit and its bell."""
        indexes = list(islice(self._index, checks))
        self.submit(submission(consultation, source, index, priority) for index in indexes)
        numbers = [number_of(index) for index in indexes]
        self.submitted_at |= dict.fromkeys(numbers, self.committed_at)
        return numbers

    def given_back(self) -> int:
        """How many lookups were not begun, most of them because their start was missed."""
        found = (re.findall(_GIVEN_BACK, unit.log.read_text(errors="replace")) for unit in self.units)
        return sum(int(checks) for lines in found for checks in lines)

    def drained(self, source: str, seconds: float) -> bool:
        """Wait until all checks of a source are settled. False if that takes more than so many seconds."""
        return until(lambda: not self.unsettled(source), seconds, pause=0.5)


@contextmanager
def running(
    rig: Rig,
    limits: Mapping[str, Mapping[str, Any]],
    *,
    workers: int,
    slots: int,
    prefixes: Sequence[Sequence[str]] = (),
) -> Iterator[LimitedFleet]:
    """A fleet whose sources have these limits, from its workers' start to their end.

    `prefixes` precede the commands of the first workers. Raises TimeoutError when a worker does not start.
    """
    with rig.database() as url, LimitedFleet(rig, url, limits) as fleet:
        for number in range(workers):
            fleet.add(slots, prefix=prefixes[number] if number < len(prefixes) else ())
        fleet.start()
        yield fleet
