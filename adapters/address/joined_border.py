"""Joins the shapes of many zones to one border, and finds the zones near a place. Loads shapely and numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from adapters.address.borders import Border, metres_per_degree, polygon_of
from adapters.base import Box

GRID = 1e-7
"""Degrees, some 1 cm, to which the joined border is rounded: a narrower slit between two zones is no border, but comes
from files that round or have a vertex more."""


def join(shapes: Sequence[bytes]) -> Border:
    """The border of all shapes (WKB) together. Raises ValueError where they cannot be joined."""
    try:
        joined = shapely.union_all(_turn([polygon_of(shape) for shape in shapes]), grid_size=GRID)
    except shapely.errors.GEOSException:
        raise ValueError("cannot be joined") from None
    return Border(shapely.to_wkb(joined))


class Boxes:
    """The boxes of zones, of which some are near a place."""

    def __init__(self, bounds: Sequence[Box]) -> None:
        corners = np.array(bounds)
        self._middles = (corners[:, :2] + corners[:, 2:]) / 2
        self._halves = (corners[:, 2:] - corners[:, :2]) / 2

    def near(self, box: Box, metres: float) -> list[int]:
        """The numbers of those that may lie within `metres` of a box of degrees."""
        west, south, east, north = box
        east += 360 if east < west else 0
        x, y = (west + east) / 2, (south + north) / 2
        across, along = metres_per_degree(max(abs(south), abs(north)))
        gap_x = np.abs((self._middles[:, 0] - x + 180) % 360 - 180) - self._halves[:, 0] - (east - west) / 2
        gap_y = np.abs(self._middles[:, 1] - y) - self._halves[:, 1] - (north - south) / 2
        return [int(each) for each in np.flatnonzero((gap_x * across <= metres) & (gap_y * along <= metres))]


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
