"""Draws the surroundings of a place, with the border as it decides and not as the outline of the whole zone is."""

from __future__ import annotations

from collections.abc import Sequence

import shapely

from adapters.address.borders import metres_per_degree, polygon_of
from jurat import Zone
from pages.maps import Frame, Picture, Point, picture, turned

SIDE_M = 300
"""Metres from one side of the picture to the other: no source is more exact than a few of them."""

BEYOND = 0.2
"""The share of its side by which the border is drawn beyond the picture, so that a cut is not taken for a border."""


def close_up(name: str, title: str, wkb: bytes, points: Sequence[Point]) -> Picture | None:
    """The zone around the first of these points; None where its geometry cannot be read."""
    try:
        border = polygon_of(wkb)
        west, south, east, north = frame = _around(points[0], (border.bounds[0] + border.bounds[2]) / 2)
        wider, higher = (east - west) * BEYOND, (north - south) * BEYOND
        seen = shapely.clip_by_rect(border, west - wider, south - higher, east + wider, north + higher)
    except (ValueError, shapely.errors.GEOSException):
        return None
    parts = [part for part in shapely.get_parts(seen) if isinstance(part, shapely.Polygon)]
    outline = [[list(ring.coords) for ring in (part.exterior, *part.interiors)] for part in parts]
    return picture([Zone(name, title, outline)], points, frame)


def _around(point: Point, middle: float) -> Frame:
    longitude, latitude = turned(point[0], middle), point[1]
    across, along = (SIDE_M / 2 / metres for metres in metres_per_degree(latitude))
    return longitude - across, latitude - along, longitude + across, latitude + along
