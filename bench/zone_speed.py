"""Times whether one of 1,000 zones of 10,000 vertices holds a point, and measures their memory: `make bench-zones`.

    python -m bench.zone_speed                      prints the table
    python -m bench.zone_speed --write-docs         and writes it into docs/contributors/performance.md

The zones are invented: 1,000 ragged rounds on a grid, each overlapping its neighbours a little. Points are drawn over
the whole grid, each near the middle of its zone. Every question is timed by itself, one point a call, as a worker asks.
"""

from __future__ import annotations

import argparse
import math
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from adapters.address.zones import ZoneGeometry
from bench.rig.report import Report, markdown

REPORT = Report("bench-zones", "contributors/performance.md", "zone-speed")
STEP = 0.02
"""Degrees between the middles of two zones: some two kilometres."""


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds of one question, asked many times."""

    question: str
    p50: float
    p99: float


def zones_of(count: int, vertices: int, seed: int) -> Iterator[bytes]:
    """The zones as WKB, one by one: all of them at once would be measured as well."""
    dice = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * math.pi, vertices, endpoint=False)
    wide = math.ceil(math.sqrt(count))
    for index in range(count):
        waves = np.zeros(vertices)
        for wave in (3, 7, 23, 101, 1009):
            waves += dice.uniform(0, 0.25 / wave) * np.sin(wave * turn + dice.uniform(0, 2 * math.pi))
        reach = 0.55 * STEP * (1 + waves)
        x, y = 2.0 + STEP * (index % wide), 45.0 + STEP * (index // wide)
        ring = np.column_stack([x + reach * np.cos(turn) * 1.4, y + reach * np.sin(turn)])
        yield bytes(shapely.to_wkb(shapely.Polygon(ring)))


def memory() -> float:
    """Megabytes that this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def timed(question: str, ask: Callable[[float, float], object], points: Sequence[tuple[float, float]]) -> Times:
    """How long each of the points takes."""
    clock, taken = time.perf_counter_ns, []
    for longitude, latitude in points:
        begun = clock()
        ask(longitude, latitude)
        taken.append((clock() - begun) / 1000)
    cuts = statistics.quantiles(taken, n=100)
    return Times(question, cuts[49], cuts[98])


def measure(count: int, vertices: int, asked: int, seed: int) -> tuple[list[Times], float, float]:
    """The times, the megabytes that the zones take, and the seconds in which they were made ready."""
    for wkb in zones_of(1, vertices, seed):
        ZoneGeometry("warm", 1, wkb).locate(2.0, 45.0)
    before, seconds = memory(), 0.0
    zones = []
    for number, wkb in enumerate(zones_of(count, vertices, seed)):
        begun = time.perf_counter()
        zones.append(ZoneGeometry(f"zone-{number}", 1, wkb))
        seconds += time.perf_counter() - begun
    dice = random.Random(seed)
    wide = math.ceil(math.sqrt(count))
    for zone in zones:
        zone.locate(2.0, 45.0)
    own: dict[tuple[float, float], ZoneGeometry] = {}
    for _ in range(asked):
        number = dice.randrange(count)
        east, north = number % wide + dice.random() - 0.5, number // wide + dice.random() - 0.5
        point = (2.0 + STEP * east, 45.0 + STEP * north)
        if zones[number].border.holds(*point):
            own[point] = zones[number]
    inside = list(own)

    def in_own(longitude: float, latitude: float) -> object:
        return own[longitude, latitude].locate(longitude, latitude)

    def street(longitude: float, latitude: float) -> object:
        return own[longitude, latitude].locate_box((longitude, latitude, longitude + 0.001, latitude + 0.0005))

    results = [
        timed("whether one zone holds a point", lambda x, y: own[x, y].border.holds(x, y), inside),
        timed("the same, and how far the border is", in_own, inside),
        timed("whether one zone holds a whole street (a box), and how far the border is", street, inside),
    ]
    return results, memory() - before, seconds


def table(results: Sequence[Times], megabytes: float, seconds: float, count: int, vertices: int) -> str:
    """The figures as Markdown."""
    rows = [(each.question, f"{each.p50:.0f}", f"{each.p99:.0f}") for each in results]
    return (
        f"{count:,} zones of {vertices:,} vertices take {megabytes:,.0f} MB, and {seconds * 1000 / count:.1f} ms each "
        f"to be made ready. Python {platform.python_version()}, one thread, one point a call.\n\n"
        f"{markdown(('question', 'µs, p50', 'µs, p99'), rows)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--zones", type=int, default=1000)
    parser.add_argument("--vertices", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--write-docs", action="store_true", help=f"fill in docs/{REPORT.page}")
    given = parser.parse_args()
    results, megabytes, seconds = measure(given.zones, given.vertices, given.points, given.seed)
    text = table(results, megabytes, seconds, given.zones, given.vertices)
    print(text)
    if given.write_docs:
        REPORT.write(text)


if __name__ == "__main__":
    main()
