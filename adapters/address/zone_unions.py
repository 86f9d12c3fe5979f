"""Many zones as one area: its border is that of all together, and each zone can still be found in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from adapters.address.borders import Border, metres_per_degree, polygon_of
from adapters.address.zones import ZoneGeometry, digest_of
from adapters.base import Box

GRID = 1e-7
"""Degrees, some 1 cm, to which the border of a union is rounded: a narrower slit between two zones is no border, but
comes from files that round or have a vertex more."""


class ZoneUnion(ZoneGeometry):
    """Zones as one: borders between two of them do not matter. It has no name, and its digest is that of all of them.

    `shapes` is the WKB of each part. Thread-safe. Raises ValueError where they cannot be joined.
    """

    def __init__(self, parts: Sequence[ZoneGeometry], shapes: Sequence[bytes]) -> None:
        digest = digest_of("".join(sorted(part.digest for part in parts)).encode())
        try:
            joined = shapely.union_all(_turn([polygon_of(shape) for shape in shapes]), grid_size=GRID)
            border = Border(shapely.to_wkb(joined))
        except (shapely.errors.GEOSException, ValueError):
            names = f"{parts[0].name!r} to {parts[-1].name!r}"
            raise ValueError(f"the zones {names} cannot be joined; import them again") from None
        super().__init__("", 0, b"", digest, border)
        self.parts = tuple(parts)
        bounds = np.array([part.border.bounds for part in parts])
        self._middles = (bounds[:, :2] + bounds[:, 2:]) / 2
        self._halves = (bounds[:, 2:] - bounds[:, :2]) / 2

    def near(self, box: Box, metres: float) -> Iterator[ZoneGeometry]:
        """The parts that may lie within `metres` of a box of degrees."""
        west, south, east, north = box
        east += 360 if east < west else 0
        x, y = (west + east) / 2, (south + north) / 2
        across, along = metres_per_degree(max(abs(south), abs(north)))
        gap_x = np.abs((self._middles[:, 0] - x + 180) % 360 - 180) - self._halves[:, 0] - (east - west) / 2
        gap_y = np.abs(self._middles[:, 1] - y) - self._halves[:, 1] - (north - south) / 2
        for index in np.flatnonzero((gap_x * across <= metres) & (gap_y * along <= metres)):
            yield self.parts[index]


def _turn(polygons: Sequence[Polygon | MultiPolygon]) -> list[Polygon | MultiPolygon]:
    """The polygons, turned by whole turns so that their widest gap, not the antimeridian, is where longitudes end."""
    spans = sorted((polygon.bounds[0], polygon.bounds[2]) for polygon in polygons)
    start, end = spans[0][0], max(east for _, east in spans)
    widest, reached = start + 360 - end, spans[0][1]
    for west, east in spans:
        if west - reached > widest:
            start, widest = west, west - reached
        reached = max(reached, east)
    turn = np.array((360.0, 0.0))
    return [
        shapely.transform(polygon, lambda points: points + turn) if polygon.bounds[0] < start else polygon
        for polygon in polygons
    ]
