"""Compares two versions of a zone: areas, and distances from the old border. Loads shapely and numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from adapters.address.border_distances import farthest
from adapters.address.borders import Border, metres_per_degree, polygon_of
from adapters.base import Box


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
        shift = max(farthest(new.boundary, first), farthest(old.boundary, second))
        reach = farthest(changed, first)
    gained, lost = shapely.difference(new, old), shapely.difference(old, new)
    return ZoneChange(
        _square_metres(old), _square_metres(new), _square_metres(gained), _square_metres(lost), shift, reach, box
    )


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
