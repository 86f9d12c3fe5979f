"""Asks a real geocoder for what people type, and counts what the address rule decides, and what it decides wrongly.

    ../shared/rigs/addok/start
    python bench/real_addresses.py --direct [--each 500] [--seed 1] [--zones FILE …]

`--direct` runs adapter and rule in this process. Each query is asked for the zone of its address and for a neighbouring
one. "decided" counts the questions whose true point is farther from that border than the margin.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import shapely
from shapely import Point

from adapters.address.addok import Addok
from adapters.address.files import AddressFile
from adapters.address.zone_files import read_zones
from adapters.address.zones import Zone
from adapters.base import Finding, Level, Places, Query, Source
from adapters.transport import Transport
from bench.address_queries import REAL, Kind, Typed, queries, read_base
from jurat.words import Outcome, Reason
from tasks.residence import DEFAULT_MARGIN_M, decide_residence

DATA = Path(__file__).parents[2] / "shared" / "data"
MARGIN_M = DEFAULT_MARGIN_M[Level.HOUSENUMBER]


@dataclass
class Tally:
    """What became of the questions of one kind."""

    asked: int = 0
    far: int = 0
    decided: int = 0
    near: int = 0
    wrong: int = 0
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)

    def count(self, typed: Typed, zone: Zone, finding: Finding) -> bool:
        """Counts one finding; True when it is wrong."""
        inside, distance = zone.locate(typed.row.longitude, typed.row.latitude)
        decided = finding.outcome is not Outcome.UNDETERMINED
        self.asked += 1
        self.near += finding.reason is Reason.NEAR_BORDER
        if distance >= MARGIN_M:
            self.far += 1
            self.decided += decided
        wrong = decided and (typed.kind not in REAL or (finding.outcome is Outcome.ACCEPTED) != inside)
        self.wrong += wrong
        self.reasons[finding.reason] += 1
        return wrong


def neighbours(zones: Sequence[Zone], shapes: Sequence[shapely.Geometry]) -> dict[str, list[Zone]]:
    """The zones that touch each zone."""
    return {
        zone.name: [
            other for other, far in zip(zones, shapes, strict=True) if other is not zone and shape.intersects(far)
        ]
        for zone, shape in zip(zones, shapes, strict=True)
    }


def table(tallies: dict[Kind, Tally]) -> str:
    """The result as a Markdown table."""
    lines = [
        "| what was typed | questions | decided % | near_border % | wrong | wrong % | reasons of the undetermined |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, tally in tallies.items():
        reasons = [
            (reason, n) for reason, n in tally.reasons.most_common() if reason not in {"inside_zone", "outside_zone"}
        ]
        lines.append(
            f"| {kind} | {tally.asked} | {100 * tally.decided / max(tally.far, 1):.1f} | {100 * tally.near / max(tally.asked, 1):.1f} "
            f"| {tally.wrong} | {100 * tally.wrong / max(tally.asked, 1):.2f} | {', '.join(f'{r} {n}' for r, n in reasons)} |"
        )
    return "\n".join(lines)


def direct(
    source: Source, typed: Sequence[Typed], zones: Sequence[Zone], shapes: Sequence[shapely.Geometry], *, show: bool
) -> dict[Kind, Tally]:
    """Asks `source` once a query and decides for both zones."""
    tallies = {kind: Tally() for kind in Kind}
    touching = neighbours(zones, shapes)
    tree = shapely.STRtree(shapes)
    took = []
    for number, one in enumerate(typed):
        own = zones[int(tree.nearest(Point(one.row.longitude, one.row.latitude)))]
        started = time.perf_counter()
        places = source.look_up(Query(one.answer))
        took.append(time.perf_counter() - started)
        assert isinstance(places, Places)
        for zone in (own, touching[own.name][number % len(touching[own.name])]):
            finding = decide_residence(one.answer, places, zone)
            if tallies[one.kind].count(one, zone, finding) and show:
                print(
                    one.kind, one.answer, one.row, zone.name, finding.outcome, dict(finding.evidence), file=sys.stderr
                )
    took.sort()
    print(
        f"{len(took)} look-ups, p50 {1000 * took[len(took) // 2]:.2f} ms, p95 {1000 * took[len(took) * 95 // 100]:.2f} ms",
        file=sys.stderr,
    )
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
    if not options.direct:
        parser.error("only --direct is there")
    read = read_zones(options.zones)
    zones = [Zone(shape.id, 1, shape.wkb, shape.digest) for shape in read]
    typed = list(queries(read_base(options.base), options.each, options.seed))
    source: Source = (
        AddressFile(options.base)
        if options.source == "address-file"
        else Addok(options.url, Transport(loopback_http=True))
    )
    tallies = direct(source, typed, zones, [shapely.from_wkb(shape.wkb) for shape in read], show=options.show)
    print(table(tallies))
    return 0


if __name__ == "__main__":
    sys.exit(main())
