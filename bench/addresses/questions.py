"""Asks queries for zones, and counts what became of them; `direct` asks the adapter and the rule alone."""

from __future__ import annotations

import collections
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import shapely
from shapely import Point

from adapters.address.zones import Zone, ZoneGeometry
from adapters.base import Places, Query, Source
from bench.addresses.queries import Kind, Typed
from bench.addresses.zones import Shape
from config.levels import Level
from jurat.vocabulary import Outcome, Reason
from tasks.rules.margins import DEFAULT_MARGIN_M
from tasks.rules.residence import decide_residence

MARGIN_M = DEFAULT_MARGIN_M[Level.HOUSENUMBER]


@dataclass(frozen=True)
class Question:
    """One query asked for one zone."""

    typed: Typed
    zone: ZoneGeometry

    @property
    def answer(self) -> Mapping[str, str]:
        """What a participant types."""
        return self.typed.answer

    @property
    def asked(self) -> Zone:
        """What the rule is asked about."""
        return self.zone

    @cached_property
    def _located(self) -> tuple[bool, float]:
        return self.zone.locate(self.typed.row.longitude, self.typed.row.latitude)

    @property
    def far(self) -> bool:
        """Whether the address that the query was made from is as far from the border as the margin, or farther."""
        return self._located[1] >= MARGIN_M

    def is_wrong(self, outcome: Outcome) -> bool:
        """Whether `outcome` says what is not so: a decision about what exists nowhere, or on another side than any of
        the houses that may be meant. The houses of a range must also be farther from the border than the margin.
        """
        if outcome is Outcome.UNDETERMINED:
            return False
        accepted = outcome is Outcome.ACCEPTED
        points, least = self.typed.points, MARGIN_M if self.typed.kind is Kind.RANGE else 0.0
        return not points or any(inside != accepted or far < least for inside, far in self._places(points))

    def is_offered(self, candidates: Iterable[Mapping[str, str]]) -> bool:
        """Whether the address that the query was made from is among those to choose from; with a number that no house
        has, its street is enough.
        """
        row, invented = self.typed.row, self.typed.kind is Kind.NO_SUCH_NUMBER
        names = ("street", "postcode", "city", "number")[: 3 if invented else 4]
        same = [[each.get(name, "").replace(" ", "") for name in names] for each in candidates]
        return [getattr(row, name).replace(" ", "") for name in names] in same

    def _places(self, points: Sequence[tuple[float, float]]) -> Iterator[tuple[bool, float]]:
        for point in points:
            yield self._located if point == self.typed.row.point else self.zone.locate(*point)


@dataclass
class Tally:
    """What became of the questions of one kind. `far` were farther from the border than the margin; `offered` were
    undetermined, not near the border, and the address that was meant was among those to choose from.
    """

    asked: int = 0
    far: int = 0
    decided: int = 0
    near: int = 0
    wrong: int = 0
    wrong_near: int = 0
    offered: int = 0
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)

    def count(
        self, question: Question, outcome: Outcome, reason: Reason, candidates: Sequence[Mapping[str, str]] = ()
    ) -> bool:
        """Count one verdict, and the addresses that are offered with it. True if it is wrong."""
        wrong = question.is_wrong(outcome)
        decided = outcome is not Outcome.UNDETERMINED
        self.asked += 1
        self.near += reason is Reason.NEAR_BORDER
        self.far += question.far
        self.decided += question.far and decided
        self.wrong += wrong
        self.wrong_near += wrong and not question.far
        if not decided:
            self.reasons[str(reason)] += 1
            self.offered += question.is_offered(candidates)
        return wrong

    def add(self, other: Tally) -> None:
        """Add what `other` has counted."""
        for name in ("asked", "far", "decided", "near", "wrong", "wrong_near", "offered"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons.update(other.reasons)


def questions(typed: Sequence[Typed], shapes: Sequence[Shape]) -> list[Question]:
    """Each query for the zone of its address, and for one of the zones that touch it, each of these in turn."""
    zones = [ZoneGeometry(shape.name, 1, shape.wkb, shape.digest) for shape in shapes]
    geometries = shapely.from_wkb([shape.wkb for shape in shapes])
    tree = shapely.STRtree(geometries)
    touching = [
        [int(other) for other in tree.query(one, "intersects") if zones[other].name != zones[own].name]
        for own, one in enumerate(geometries)
    ]
    asked = []
    for number, one in enumerate(typed):
        own = int(tree.nearest(Point(*one.row.point)))
        asked.append(Question(one, zones[own]))
        if touching[own]:
            asked.append(Question(one, zones[touching[own][number % len(touching[own])]]))
    return asked


class Looked:
    """A source that is asked once for each query, however many zones the query is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[int, Places] = {}
        self._took: list[float] = []

    def places(self, typed: Typed) -> Places:
        """What the source finds. Raises what it raises, and TypeError where it is no source of addresses."""
        if id(typed) not in self._found:
            started = time.perf_counter()
            places = self._source.look_up(Query(typed.answer, timeout=60))
            self._took.append(1000 * (time.perf_counter() - started))
            if not isinstance(places, Places):
                raise TypeError("the source found no places")
            self._found[id(typed)] = places
        return self._found[id(typed)]

    def timings(self) -> str:
        """How long the lookups took, as text."""
        took = sorted(self._took)
        median, late = took[len(took) // 2], took[len(took) * 95 // 100]
        return f"{len(took):,} lookups, p50 {median:.2f} ms, p95 {late:.2f} ms"


def direct(source: Looked, asked: Sequence[Question], *, language: str = "fr", show: bool = False) -> dict[Kind, Tally]:
    """Decide in this process, with the source and the rule alone.

    `show` prints what is wrong, for the screen alone: it may hold real addresses.
    """
    tallies: dict[Kind, Tally] = collections.defaultdict(Tally)
    for question in asked:
        typed = question.typed
        found = decide_residence(typed.answer, source.places(typed), question.asked, language=language)
        if tallies[typed.kind].count(question, found.outcome, found.reason, found.candidates) and show:
            print("WRONG", found.outcome, typed, question.zone.name, dict(found.evidence), file=sys.stderr)
    return dict(tallies)
