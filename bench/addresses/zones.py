"""Reads the zones that addresses are asked for from a file, or cuts a box into invented ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely import MultiPoint, Polygon

from adapters.address.zones import digest_of
from adapters.base import Box
from adapters.zone_import.files import read_zone_file


@dataclass(frozen=True)
class Shape:
    """One zone: its name, its title, and its geometry as WKB (WGS 84 degrees)."""

    name: str
    title: str
    wkb: bytes

    @property
    def digest(self) -> str:
        """The name of the geometry."""
        return digest_of(self.wkb)


def read(path: Path) -> list[Shape]:
    """The zones of a GeoJSON file. Raises `ZoneFileError` with all that is wrong with it."""
    return [Shape(zone.id, zone.title, zone.wkb) for zone in read_zone_file(path).zones]


def cut(box: Box, count: int, seed: int, among: Sequence[tuple[float, float]] = ()) -> list[Shape]:
    """`box` cut into the cells around `count` points drawn at random (a Voronoi diagram): no gaps, no overlaps.

    They are drawn from `among`, if given: then borders go where these are dense. The same zones for the same seed.
    """
    rng = random.Random(seed)
    west, south, east, north = box
    middles = MultiPoint(
        rng.sample(among, min(count, len(among)))
        if among
        else [(rng.uniform(west, east), rng.uniform(south, north)) for _ in range(count)]
    )
    whole = shapely.box(*box)
    cells = shapely.voronoi_polygons(middles, extend_to=whole).geoms
    clipped = sorted((shapely.normalize(whole.intersection(cell)) for cell in cells), key=lambda cell: cell.bounds)
    return [
        Shape(f"cell-{number}", f"Cell {number}", shapely.to_wkb(cell, output_dimension=2, byte_order=1))
        for number, cell in enumerate(clipped, 1)
        if isinstance(cell, Polygon)
    ]


def around(points: Sequence[tuple[float, float]], share: float = 0.05) -> Box:
    """The box of the points, wider by `share` of its sides on each side."""
    longitudes, latitudes = zip(*points, strict=True)
    west, south, east, north = min(longitudes), min(latitudes), max(longitudes), max(latitudes)
    more_x, more_y = share * (east - west), share * (north - south)
    return west - more_x, south - more_y, east + more_x, north + more_y
