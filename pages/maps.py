"""Zones as shapes of one picture: no tiles and no script, so that a map works wherever a page does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jurat import Zone
from jurat.zones import Outline

WIDTH = 1000
"""Units of the picture from its left to its right."""

TALLEST = 1400
ROOM = 24
"""Units that stay empty around the zones, so that the thickest border is seen whole."""

Ring = Sequence[Sequence[float]]
Point = tuple[float, float]
"""Longitude and latitude in degrees."""

Frame = tuple[float, float, float, float]
"""West, south, east and north of a picture, in degrees."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One zone as SVG draws it. `path` is empty if there is no outline; `x` and `y` are the place of its name."""

    name: str
    title: str
    path: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the picture, by its number among those that were given."""

    number: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All zones in one frame, the largest first, so that a small one inside a large one lies on top of it. `marks` are
    the points that lie in the frame.
    """

    height: int
    shapes: tuple[Shape, ...]
    marks: tuple[Mark, ...] = ()

    @property
    def box(self) -> str:
        """The frame as SVG wants it."""
        return f"0 0 {WIDTH} {self.height}"

    @property
    def drawn(self) -> tuple[Shape, ...]:
        """The zones that have an outline."""
        return tuple(shape for shape in self.shapes if shape.path)

    def find(self, name: str | None) -> Shape | None:
        """The zone of this name."""
        return next((shape for shape in self.shapes if shape.name == name), None)


def picture(zones: Sequence[Zone], points: Sequence[Point] = (), frame: Frame | None = None) -> Picture:
    """The zones on a plane: degrees of longitude are as much shorter than those of latitude as the cosine says.

    Without a `frame` the picture is as large as the zones.
    """
    corners = [point for zone in zones for part in zone.outline or () for ring in part for point in ring]
    if not corners and not frame:
        return Picture(ROOM, tuple(Shape(zone.name, zone.title, "", 0, 0) for zone in zones))
    west, south, east, north = frame or (
        *(min(corner[axis] for corner in corners) for axis in (0, 1)),
        *(max(corner[axis] for corner in corners) for axis in (0, 1)),
    )
    shorter = math.cos(math.radians((south + north) / 2))
    wide, high = max((east - west) * shorter, 1e-9), max(north - south, 1e-9)
    scale = min((WIDTH - 2 * ROOM) / wide, (TALLEST - 2 * ROOM) / high)
    left = (WIDTH - wide * scale) / 2

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (x - west) * shorter * scale, ROOM + (north - y) * scale

    def placed(outline: Outline) -> list[list[list[tuple[float, float]]]]:
        return [[[at(x, y) for x, y, *_ in ring] for ring in part] for part in outline]

    sized = sorted(
        ((zone, placed(zone.outline or ())) for zone in zones), key=lambda each: (-_size(each[1]), each[0].name)
    )
    height = round(high * scale + 2 * ROOM)
    marks = tuple(
        Mark(number, round(x), round(y))
        for number, (x, y) in enumerate((at(turned(x, (west + east) / 2), y) for x, y in points), 1)
        if 0 <= x <= WIDTH and 0 <= y <= height
    )
    return Picture(height, tuple(_shape(zone, parts) for zone, parts in sized), marks)


def turned(longitude: float, middle: float) -> float:
    """A longitude by the whole turn that brings it nearest to `middle`: a zone goes on above 180 degrees."""
    return longitude + 360 * round((middle - longitude) / 360)


def _shape(zone: Zone, parts: list[list[list[tuple[float, float]]]]) -> Shape:
    path = " ".join(_path(ring) for part in parts for ring in part)
    x, y = _middle(max((part[0] for part in parts if part), key=lambda ring: abs(_area(ring)), default=[]))
    return Shape(zone.name, zone.title, path, round(x), round(y))


def _path(ring: Ring) -> str:
    return "M" + " ".join(f"{x:.0f},{y:.0f}" for x, y in ring) + "Z"


def _size(parts: list[list[list[tuple[float, float]]]]) -> float:
    return sum(abs(_area(part[0])) for part in parts if part)


def _area(ring: Ring) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], *ring[:1]], strict=True)) / 2


def _middle(ring: Ring) -> tuple[float, float]:
    """The centre of gravity of an area; of a line or a point, something on it."""
    area = _area(ring) if ring else 0.0
    if not area:
        return (ring[0][0], ring[0][1]) if ring else (0.0, 0.0)
    pairs = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in zip(ring, [*ring[1:], *ring[:1]], strict=True)]
    return (
        sum((a[0] + b[0]) * turn for a, b, turn in pairs) / (6 * area),
        sum((a[1] + b[1]) * turn for a, b, turn in pairs) / (6 * area),
    )
