"""Measures zones: how two versions differ, and how much room one has. Loads shapely and numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiLineString, MultiPolygon, Polygon

from adapters.address.borders import Border, metres_per_degree, polygon_of
from adapters.base import Box

TOLERANCE_M, TOLERANCE = 0.1, 0.01
"""A distance is overestimated by at most so many metres, or by this share of it where that is more."""

MOST_BOXES = 40_000
"""Boxes that are searched for one distance: some seconds. A distance that needs more is overestimated further."""

BENT = 1.01
"""Distances are measured in the plane that touches the ellipsoid where they begin. One per cent covers the differences
between these planes up to 20 km from the border."""

CORNERS = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)])

Shape = Polygon | MultiPolygon | LineString | MultiLineString


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """How one version of a zone differs from another. Areas are in square metres, distances in metres.

    `shift` is the largest distance between the two borders (Hausdorff). `reach` is the largest distance from the old
    border to a place that is in only one of the two versions: an address farther away is on the same side of both. It
    can be more than the shift (a hole in the middle of a zone) or less (a spike is cut off). Both are upper bounds.
    `box` (degrees) is around everything that is in only one of the two; None where nothing is.
    """

    area_before: float
    area_after: float
    gained: float
    lost: float
    shift: float
    reach: float
    box: Box | None


def compare(before: bytes, after: bytes) -> ZoneChange:
    """How the zone `after` differs from `before`; both as WKB in WGS 84 degrees. Raises ValueError for no polygon."""
    first, second = Border(before), Border(after)
    old = polygon_of(before)
    new = _unwrap(polygon_of(after), old)
    parts = shapely.get_parts(shapely.symmetric_difference(old, new))
    changed = MultiPolygon([part for part in parts if isinstance(part, Polygon) and part.area])
    shift, reach, box = 0.0, 0.0, None
    if not changed.is_empty:
        west, south, east, north = changed.bounds
        box = west, south, east, north
        shift = max(_farthest(new.boundary, first), _farthest(old.boundary, second))
        reach = _farthest(changed, first)
    gained, lost = shapely.difference(new, old), shapely.difference(old, new)
    return ZoneChange(
        _square_metres(old), _square_metres(new), _square_metres(gained), _square_metres(lost), shift, reach, box
    )


def room(wkb: bytes, enough: float) -> float:
    """The largest distance in metres from a place in a zone to its border: an upper bound, or one that is `enough`.

    Raises ValueError for no polygon.
    """
    shape, border = polygon_of(wkb), Border(wkb)
    largest = max(shapely.get_parts(shape), key=lambda part: float(part.area))
    middle = shapely.point_on_surface(largest)
    found = border.distance(middle.x, middle.y)
    return found if found >= enough else _farthest(shape, border)


def _unwrap(shape: Polygon | MultiPolygon, other: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """`shape`, turned by whole turns to be nearest to `other`: one of the two may cross the antimeridian."""
    turns = 360.0 * round((_middle(other) - _middle(shape)) / 360)
    return shapely.transform(shape, lambda points: np.add(points, (turns, 0.0))) if turns else shape


def _middle(shape: Polygon | MultiPolygon) -> float:
    west, _, east, _ = shape.bounds
    return (west + east) / 2


def _square_metres(shape: shapely.Geometry) -> float:
    """The area, each part by the length of a degree at its middle: exact to 0.1 % for parts of 100 km."""
    total = 0.0
    for part in shapely.get_parts(shape):
        if part.area:
            across, along = metres_per_degree(part.centroid.y)
            total += part.area * across * along
    return total


def _farthest(shape: Shape, border: Border) -> float:
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
