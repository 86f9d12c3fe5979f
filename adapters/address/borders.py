"""Computes whether a point or a box lies inside a border, and how far from it. Loads shapely and numpy.

The edges are stored in runs of `RUN`, each with its box. A query compares with the boxes, and then with the few runs
that can matter. That takes 33 bytes per vertex, where a prepared polygon of GEOS takes a hundred.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from adapters.base import Box

WGS84_AXIS_M = 6_378_137.0
WGS84_ECCENTRICITY_2 = 6.694_379_990_141e-3

RUN = 64
"""Edges in a run: a zone of some thousand vertices has about as many runs."""

ROUNDING = 4e-16
"""The rounding error of a difference of two products, as a share of their sum (Shewchuk 1997, "Adaptive Precision
Floating-Point Arithmetic", 3.33e-16). A sign that it could change is computed exactly."""

TOUCHING_M = 1e-6
"""A box that is nearer to the border touches it: coordinates are less exact than that."""

Array = NDArray[np.float64]


class Border:
    """A Polygon or MultiPolygon in WGS 84 degrees, longitude first. Thread-safe.

    `bounds` is its box, west, south, east, north. Where a zone crosses the antimeridian, `east` is above 180. Raises
    ValueError where `wkb` is not such a geometry; the message completes the sentence "the geometry …".
    """

    def __init__(self, wkb: bytes) -> None:
        geometry = polygon_of(wkb)
        self.bounds: Box = geometry.bounds
        self._middle = (self.bounds[0] + self.bounds[2]) / 2
        self._edges = _runs(geometry)
        low = np.minimum(self._edges[:2], self._edges[2:]).min(axis=2)
        high = np.maximum(self._edges[:2], self._edges[2:]).max(axis=2)
        (self._west, self._south), (self._east, self._north) = low, high
        self._first = self._edges[:2, :, 0].copy()

    def holds(self, longitude: float, latitude: float) -> bool:
        """Whether the point is inside or on the border, exactly, as the border is drawn in degrees."""
        x, y = self._unwrap(longitude), latitude
        near = np.flatnonzero((self._west <= x) & (self._east >= x) & (self._north >= y))
        edges = self._edges.take(near, axis=1).reshape(4, -1)
        met = np.flatnonzero((edges[0] - x) * (edges[2] - x) <= 0)
        is_odd = False  # the number of times that a ray to the north meets the border
        for x1, y1, x2, y2 in edges.take(met, axis=1).T.tolist():
            if y1 < y and y2 < y:
                continue
            side = _side(x1, y1, x2, y2, x, y)
            if side == 0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
                return True
            if (x1 <= x) != (x2 <= x) and (side < 0) == (x1 < x2):
                is_odd = not is_odd
        return is_odd

    def distance(self, longitude: float, latitude: float) -> float:
        """Metres from the point to the border."""
        x1, y1, dx, dy = self._near(longitude, latitude)[:4]
        return math.sqrt(_to_origin(x1, y1, dx, dy))

    def locate_box(self, box: Box) -> tuple[bool | None, float]:
        west, south, east, north = box
        if east < west:
            east += 360
        x, y = (west + east) / 2, (south + north) / 2
        x1, y1, dx, dy, wide, high = self._near(x, y, (east - west) / 2, (north - south) / 2)
        # There is no gap between the two, neither along the sides of the box nor along the edge.
        meets = (
            (np.abs(x1 + dx / 2) <= np.abs(dx) / 2 + wide)
            & (np.abs(y1 + dy / 2) <= np.abs(dy) / 2 + high)
            & (np.abs(x1 * dy - y1 * dx) <= np.abs(dx) * high + np.abs(dy) * wide)
        )
        if meets.any():
            return None, 0.0
        from_vertices = np.maximum(np.abs(x1) - wide, 0) ** 2 + np.maximum(np.abs(y1) - high, 0) ** 2
        corners = [(sign_x * wide, sign_y * high) for sign_x in (-1, 1) for sign_y in (-1, 1)]
        from_corners = [_to_origin(x1 - corner_x, y1 - corner_y, dx, dy) for corner_x, corner_y in corners]
        distance = math.sqrt(min(float(from_vertices.min()), *from_corners))
        return (self.holds(x, y), distance) if distance > TOUCHING_M else (None, 0.0)

    def _near(
        self, longitude: float, latitude: float, half_width: float = 0.0, half_height: float = 0.0
    ) -> tuple[Array, Array, Array, Array, float, float]:
        """The edges that may be nearest to a box around the point, given by half its sides in degrees. Returns the
        start of each, relative to the point, and the step to its end; then half the sides of the box. All in metres, in
        the plane that touches the ellipsoid at the point.
        """
        x, y = self._unwrap(longitude), latitude
        across, along = metres_per_degree(y)
        if self._edges.shape[1] > 1:
            x1, y1, x2, y2 = self._near_runs(x, y, half_width, half_height, across, along)
        else:
            x1, y1, x2, y2 = self._edges[:, 0]
        step_x, step_y = (x2 - x1) * across, (y2 - y1) * along
        return (x1 - x) * across, (y1 - y) * along, step_x, step_y, half_width * across, half_height * along

    def _near_runs(
        self, x: float, y: float, half_width: float, half_height: float, across: float, along: float
    ) -> Array:
        """The edges of all runs that may hold the nearest one: those no farther off than the nearest first vertex."""
        gap_x = np.maximum(np.maximum(self._west - x, x - self._east) - half_width, 0) * across
        gap_y = np.maximum(np.maximum(self._south - y, y - self._north) - half_height, 0) * along
        first_x = np.maximum(np.abs(self._first[0] - x) - half_width, 0) * across
        first_y = np.maximum(np.abs(self._first[1] - y) - half_height, 0) * along
        farthest = (first_x * first_x + first_y * first_y).min()
        near = np.flatnonzero(gap_x * gap_x + gap_y * gap_y <= farthest)
        return self._edges.take(near, axis=1).reshape(4, -1)

    def _unwrap(self, longitude: float) -> float:
        """The longitude, turned by whole turns to be nearest to the zone, so that it may be over 180 degrees."""
        return longitude + 360.0 * round((self._middle - longitude) / 360.0)


def metres_per_degree(latitude: float) -> tuple[float, float]:
    """The lengths of a degree of longitude and of latitude at a latitude, on the ellipsoid of WGS 84."""
    sine = math.sin(math.radians(latitude))
    curvature = 1 - WGS84_ECCENTRICITY_2 * sine * sine
    across = WGS84_AXIS_M / math.sqrt(curvature) * math.cos(math.radians(latitude))
    along = WGS84_AXIS_M * (1 - WGS84_ECCENTRICITY_2) / curvature**1.5
    return math.radians(across), math.radians(along)


def polygon_of(wkb: bytes) -> Polygon | MultiPolygon:
    """The geometry of a zone in degrees. Parts beyond the antimeridian are joined to it, above 180 degrees.

    Raises ValueError where `wkb` is no polygon; see `Border`.
    """
    try:
        geometry = shapely.from_wkb(wkb)
        if not isinstance(geometry, Polygon | MultiPolygon) or geometry.is_empty:
            raise ValueError("is no polygon")
        return _unite(geometry)
    except shapely.errors.GEOSException:
        raise ValueError("cannot be read") from None


def _unite(geometry: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """The geometry without the cuts of a file along the antimeridian (RFC 7946, 3.1.9), which are no border."""
    parts = shapely.get_parts(geometry)
    west, _, east, _ = geometry.bounds
    if (west, east) != (-180.0, 180.0) or any(part.bounds[2] - part.bounds[0] >= 180 for part in parts):
        return geometry
    turn = np.array((360.0, 0.0))
    turned = [shapely.transform(part, lambda points: points + turn) if part.bounds[2] <= 0 else part for part in parts]
    joined = shapely.union_all(turned)
    return joined if isinstance(joined, Polygon | MultiPolygon) else geometry


def _runs(geometry: Polygon | MultiPolygon) -> Array:
    """The edges as x and y of their starts and ends, in degrees: (4, runs, RUN). The last run is padded with edges from
    a vertex to itself, which are on the border and which no ray meets.
    """
    vertices, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(geometry)), return_index=True)
    starts = np.flatnonzero(ring[:-1] == ring[1:])
    filling = np.repeat(starts[-1:], -len(starts) % RUN)
    starts, ends = np.append(starts, filling), np.append(starts + 1, filling)
    edges = np.concatenate([vertices[starts].T, vertices[ends].T])
    return np.ascontiguousarray(edges).reshape(4, -1, RUN)  # otherwise each query would copy all of it


def _side(x1: float, y1: float, x2: float, y2: float, x: float, y: float) -> float:
    """Positive where the point is left of the edge, negative right of it, 0 on its line. The sign is exact."""
    one, other = (x2 - x1) * (y - y1), (y2 - y1) * (x - x1)
    if abs(one - other) > ROUNDING * (abs(one) + abs(other)):
        return one - other
    start_x, start_y, end_x, end_y, point_x, point_y = map(Fraction, (x1, y1, x2, y2, x, y))
    exact = (end_x - start_x) * (point_y - start_y) - (end_y - start_y) * (point_x - start_x)
    return (exact > 0) - (exact < 0)


def _to_origin(x1: Array, y1: Array, dx: Array, dy: Array) -> float:
    """The square of the smallest distance of these edges to the origin."""
    lengths = np.maximum(dx * dx + dy * dy, 1e-300)  # an edge without a length is its start
    share = np.clip(-(x1 * dx + y1 * dy) / lengths, 0, 1)
    foot_x, foot_y = x1 + share * dx, y1 + share * dy
    return float((foot_x * foot_x + foot_y * foot_y).min())
