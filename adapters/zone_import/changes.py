"""Compares two versions of a zone: areas, and distances from the old border. Loads shapely and numpy."""

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
"""A distance is told too large by at most so many metres, or by this share of it where that is more."""

MOST_BOXES = 40_000
"""Boxes that are looked at for one distance: some seconds. One that is not found by then is told larger still."""

BENT = 1.01
"""Each distance is measured in the plane that touches the ellipsoid where it begins. A hundredth more covers that
these planes differ, while the border is less than 20 km away."""

CORNERS = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)])

Shape = Polygon | MultiPolygon | LineString | MultiLineString


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """How one version of a zone differs from another. Areas are in square metres, distances in metres.

    `shift` is the largest distance between the two borders, from either to the other (Hausdorff). `reach` is the
    largest distance from the old border to a place that is in one of the two versions alone: whoever is farther from
    the old border is on the same side of both. That may be more than the shift (a hole in the middle of a zone) and
    less (a spike that is cut off). Both are upper bounds.
    """

    area_before: float
    area_after: float
    gained: float
    lost: float
    shift: float
    reach: float


def compare(before: bytes, after: bytes) -> ZoneChange:
    """How the zone `after` differs from `before`; both as WKB in WGS 84 degrees.

    Raises:
        ValueError: one of them is no polygon.
    """
    first, second = Border(before), Border(after)
    old = polygon_of(before)
    new = _beside(polygon_of(after), old)
    changed = _changed(old, new)
    shift = reach = 0.0
    if not changed.is_empty:
        shift = max(_farthest(new.boundary, first), _farthest(old.boundary, second))
        reach = _farthest(changed, first)
    gained, lost = shapely.difference(new, old), shapely.difference(old, new)
    return ZoneChange(
        _square_metres(old), _square_metres(new), _square_metres(gained), _square_metres(lost), shift, reach
    )


def touched(before: bytes, after: bytes) -> Box | None:
    """The box (degrees) around all that lies in one of the two versions alone; None where nothing does."""
    old = polygon_of(before)
    changed = _changed(old, _beside(polygon_of(after), old))
    if changed.is_empty:
        return None
    west, south, east, north = changed.bounds
    return west, south, east, north


def _changed(old: Polygon | MultiPolygon, new: Polygon | MultiPolygon) -> MultiPolygon:
    """What lies in one of the two alone."""
    parts = shapely.get_parts(shapely.symmetric_difference(old, new))
    return MultiPolygon([part for part in parts if isinstance(part, Polygon) and part.area])


def _beside(shape: Polygon | MultiPolygon, other: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """`shape`, whole turns away, as it is nearest to `other`: only one of the two may reach over the antimeridian."""
    turns = 360.0 * round((_middle(other) - _middle(shape)) / 360)
    return shapely.transform(shape, lambda points: np.add(points, (turns, 0.0))) if turns else shape


def _middle(shape: Polygon | MultiPolygon) -> float:
    west, _, east, _ = shape.bounds
    return (west + east) / 2


def _square_metres(shape: shapely.Geometry) -> float:
    """The area, each part by the length of a degree at its middle: right to 0.1 % for parts of 100 km."""
    total = 0.0
    for part in shapely.get_parts(shape):
        if part.area:
            across, along = metres_per_degree(part.centroid.y)
            total += part.area * across * along
    return total


def _farthest(shape: Shape, border: Border) -> float:
    """How far that point of `shape` is from the border that is farthest from it; an upper bound.

    As polylabel searches (https://github.com/mapbox/polylabel): what is in a box is farther than its middle by half
    its diagonal at most. So boxes that may hold the farthest point are quartered, until what they may add is little.
    """
    shapely.prepare(shape)
    west, south, east, north = shape.bounds
    half = max(east - west, north - south) / 2
    boxes = np.array([[west + half, south + half]])  # by their middles; all of a step are of one size
    bounds: NDArray[np.float64] = np.array([math.inf])
    found, enough, looked_at = 0.0, TOLERANCE_M, 0
    while len(boxes) and looked_at + 4 * len(boxes) <= MOST_BOXES:
        half /= 2
        boxes = (boxes[:, np.newaxis] + half * CORNERS).reshape(-1, 2)
        looked_at += len(boxes)
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
