"""Measures how far from a border a shape goes, and how much room a zone has. Loads shapely and numpy."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiLineString, MultiPolygon, Polygon

from adapters.address.borders import Border, metres_per_degree, polygon_of

TOLERANCE_M, TOLERANCE = 0.1, 0.01
"""A distance is overestimated by at most so many metres, or by this share of it where that is more."""

MOST_BOXES = 40_000
"""Boxes that are searched for one distance: some seconds. A distance that needs more is overestimated further."""

BENT = 1.01
"""Distances are measured in the plane that touches the ellipsoid where they begin. One per cent covers the differences
between these planes up to 20 km from the border."""

CORNERS = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)])

Shape = Polygon | MultiPolygon | LineString | MultiLineString


def room(wkb: bytes, enough: float) -> float:
    """The largest distance in metres from a place in a zone to its border: an upper bound, or one that is `enough`.

    Raises ValueError for no polygon.
    """
    shape, border = polygon_of(wkb), Border(wkb)
    largest = max(shapely.get_parts(shape), key=lambda part: float(part.area))
    middle = shapely.point_on_surface(largest)
    found = border.distance(middle.x, middle.y)
    return found if found >= enough else farthest(shape, border)


def farthest(shape: Shape, border: Border) -> float:
    """The largest distance from a point of `shape` to the border; an upper bound. Searches as polylabel does
    (https://github.com/mapbox/polylabel): a point of a box is farther away than its middle by at most half its
    diagonal. Boxes that may hold the farthest point are quartered until the rest is small.
    """
    shapely.prepare(shape)
    west, south, east, north = shape.bounds
    half = max(east - west, north - south) / 2
    boxes = np.array([[west + half, south + half]])  # their middles; all of a step have one size
    bounds: NDArray[np.float64] = np.array([math.inf])
    found, enough, searched = 0.0, TOLERANCE_M, 0
    while len(boxes) and searched + 4 * len(boxes) <= MOST_BOXES:
        half /= 2
        boxes = (boxes[:, np.newaxis] + half * CORNERS).reshape(-1, 2)
        searched += len(boxes)
        x, y = boxes.T
        boxes = boxes[shapely.intersects(shape, shapely.box(x - half, y - half, x + half, y + half))]
        points = boxes.tolist()
        here = np.array([border.distance(*point) for point in points])
        reach = np.array([BENT * half * math.hypot(*metres_per_degree(latitude)) for _, latitude in points])
        found = max(found, float(np.where(shapely.intersects_xy(shape, boxes), here, here - reach).max()))
        enough = found + max(TOLERANCE_M, TOLERANCE * found)
        may_hold = here + reach > enough
        boxes, bounds = boxes[may_hold], (here + reach)[may_hold]
    return max(enough, float(bounds.max(initial=0.0)))
