"""Asks a real geocoder for what people type, and counts what the address rule decides, and what it decides wrongly.

    ../shared/rigs/addok/start
    python -m bench.real_addresses [--each 500] [--seed 1] [--source address-file] [--direct]

Everything is real: PostgreSQL, Valkey, two worker processes. `--direct` runs adapter and rule alone, in this process.
Each query is asked for the zone of its address and for a neighbouring one. "decided" counts the questions whose true
point is farther from that border than the margin.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely
from shapely import Point

from adapters.address.addok import Addok
from adapters.address.files import AddressFile
from adapters.address.zone_files import ZoneShape, read_zones
from adapters.address.zones import Zone
from adapters.base import Level, Places, Query, Source
from adapters.transport import Transport
from bench.address_fleet import source_of, verdicts
from bench.address_queries import REAL, Kind, Typed, queries, read_base
from jurat.words import Outcome, Reason
from tasks.residence import DEFAULT_MARGIN_M, decide_residence

DATA = Path(__file__).parents[2] / "shared" / "data"
MARGIN_M = DEFAULT_MARGIN_M[Level.HOUSENUMBER]


@dataclass(frozen=True)
class Question:
    """One query asked for one zone."""

    typed: Typed
    zone: Zone

    @property
    def answer(self) -> Mapping[str, str]:
        """What a participant types."""
        return self.typed.answer


@dataclass
class Tally:
    """What became of the questions of one kind."""

    asked: int = 0
    far: int = 0
    decided: int = 0
    near: int = 0
    wrong: int = 0
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)

    def count(self, question: Question, outcome: Outcome, reason: Reason) -> bool:
        """Counts one verdict; True when it is wrong."""
        typed = question.typed
        inside, distance = question.zone.locate(typed.row.longitude, typed.row.latitude)
        decided = outcome is not Outcome.UNDETERMINED
        self.asked += 1
        self.near += reason is Reason.NEAR_BORDER
        if distance >= MARGIN_M:
            self.far += 1
            self.decided += decided
        wrong = decided and (typed.kind not in REAL or (outcome is Outcome.ACCEPTED) != inside)
        self.wrong += wrong
        self.reasons[reason] += 1
        return wrong


def questions(typed: Sequence[Typed], shapes: Sequence[ZoneShape]) -> list[Question]:
    """Each query for the zone of its address, and for one of the zones that touch it, each in turn."""
    zones = [Zone(shape.id, 1, shape.wkb, shape.digest) for shape in shapes]
    geometries = shapely.from_wkb([shape.wkb for shape in shapes])
    tree = shapely.STRtree(geometries)
    touching = [
        [int(other) for other in tree.query(one, "intersects") if zones[other].name != zones[own].name]
        for own, one in enumerate(geometries)
    ]
    asked = []
    for number, one in enumerate(typed):
        own = int(tree.nearest(Point(one.row.longitude, one.row.latitude)))
        asked.append(Question(one, zones[own]))
        if touching[own]:
            asked.append(Question(one, zones[touching[own][number % len(touching[own])]]))
    return asked


def table(tallies: Mapping[Kind, Tally]) -> str:
    """The result as a Markdown table."""
    lines = [
        "| what was typed | questions | decided % | near_border % | wrong | wrong % | reasons of the undetermined |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, tally in tallies.items():
        decided, near, wrong = (
            100 * part / max(whole, 1)
            for part, whole in ((tally.decided, tally.far), (tally.near, tally.asked), (tally.wrong, tally.asked))
        )
        reasons = ", ".join(
            f"{reason} {count}"
            for reason, count in tally.reasons.most_common()
            if reason not in {Reason.INSIDE_ZONE, Reason.OUTSIDE_ZONE}
        )
        lines.append(
            f"| {kind} | {tally.asked} | {decided:.1f} | {near:.1f} | {tally.wrong} | {wrong:.2f} | {reasons} |"
        )
    return "\n".join(lines)


def direct(source: Source, asked: Sequence[Question], *, show: bool) -> dict[Kind, Tally]:
    """Asks `source` and decides in this process, and says how long the look-ups took."""
    tallies = {kind: Tally() for kind in Kind}
    took = []
    for question in asked:
        started = time.perf_counter()
        places = source.look_up(Query(question.typed.answer))
        took.append(1000 * (time.perf_counter() - started))
        if not isinstance(places, Places):
            raise TypeError("the source found no places")
        finding = decide_residence(question.typed.answer, places, question.zone)
        if tallies[question.typed.kind].count(question, finding.outcome, finding.reason) and show:
            print("WRONG", question.typed, question.zone.name, dict(finding.evidence), file=sys.stderr)
    took.sort()
    median, late = took[len(took) // 2], took[len(took) * 95 // 100]
    print(f"{len(took)} look-ups, p50 {median:.2f} ms, p95 {late:.2f} ms", file=sys.stderr)
    return tallies


def through_jurat(
    asked: Sequence[Question], shapes: Sequence[ZoneShape], source: Mapping[str, Any]
) -> dict[Kind, Tally]:
    """Asks through submitted checks, worker processes and polled verdicts."""
    tallies = {kind: Tally() for kind in Kind}
    for question, (outcome, reason) in zip(asked, verdicts(asked, shapes, source), strict=True):
        tallies[question.typed.kind].count(question, outcome, reason)
    return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--direct", action="store_true", help="adapter and rule in this process, no database")
    parser.add_argument("--source", default="addok", choices=["addok", "address-file"])
    parser.add_argument("--url", default="http://127.0.0.1:17878", help="the geocoder (%(default)s)")
    parser.add_argument("--base", type=Path, default=DATA / "ban-paris-1-10.csv.gz", help="the addresses to draw from")
    parser.add_argument("--zones", type=Path, default=DATA / "quartiers-paris-1-10.geojson")
    parser.add_argument("--each", type=int, default=500, help="queries of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--show", action="store_true", help="print the wrong ones; real addresses, for the screen alone"
    )
    options = parser.parse_args()
    shapes = read_zones(options.zones)
    asked = questions(list(queries(read_base(options.base), options.each, options.seed)), shapes)
    if options.direct:
        source: Source = (
            AddressFile(options.base)
            if options.source == "address-file"
            else Addok(options.url, Transport(loopback_http=True))
        )
        tallies = direct(source, asked, show=options.show)
        source.close()
    else:
        tallies = through_jurat(asked, shapes, source_of(options.source, options.url, options.base))
    print(table(tallies))
    return 0


if __name__ == "__main__":
    sys.exit(main())
