"""The border of a zone: whether a point lies inside, and how far from it. Loads shapely and numpy."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

WGS84_AXIS_M = 6_378_137.0
WGS84_ECCENTRICITY_2 = 6.694_379_990_141e-3


class Border:
    """A Polygon or MultiPolygon in WGS 84 degrees, longitude first. Thread-safe.

    Raises:
        ValueError: `wkb` is no such geometry; the message says in two words how.
    """

    def __init__(self, wkb: bytes) -> None:
        try:
            geometry = shapely.from_wkb(wkb)
        except shapely.errors.GEOSException:
            raise ValueError("can not be read") from None
        if not isinstance(geometry, Polygon | MultiPolygon) or geometry.is_empty:
            raise ValueError("is no polygon")
        shapely.prepare(geometry)
        self._geometry = geometry
        self._starts, self._steps = _edges(geometry)

    def locate(self, longitude: float, latitude: float) -> tuple[bool, float]:
        """As `Zone.locate`."""
        inside = bool(shapely.intersects_xy(self._geometry, longitude, latitude))
        sine = math.sin(math.radians(latitude))
        curvature = 1 - WGS84_ECCENTRICITY_2 * sine * sine
        across = WGS84_AXIS_M / math.sqrt(curvature) * math.cos(math.radians(latitude))
        along = WGS84_AXIS_M * (1 - WGS84_ECCENTRICITY_2) / curvature**1.5
        scale = np.radians([across, along])
        to_start = self._starts - (longitude, latitude)
        to_start[:, 0] = (to_start[:, 0] + 180) % 360 - 180  # the short way round, also over the antimeridian
        to_start *= scale
        steps = self._steps * scale
        lengths = np.einsum("ij,ij->i", steps, steps)
        reach = np.einsum("ij,ij->i", -to_start, steps)
        share = np.clip(np.divide(reach, lengths, out=np.zeros_like(reach), where=lengths > 0), 0, 1)
        nearest = to_start + steps * share[:, None]
        return inside, float(np.sqrt(np.einsum("ij,ij->i", nearest, nearest).min()))


def _edges(geometry: Polygon | MultiPolygon) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each edge of the border starts, and its step to the next vertex, in degrees: two arrays of (n, 2).

    Where a zone reaches over the antimeridian its parts are cut there (RFC 7946, 3.1.9), and the cuts are no border.
    """
    rings = shapely.get_rings(shapely.get_parts(geometry))
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    starts, ends = vertices[:-1], vertices[1:]
    kept = ring[:-1] == ring[1:]
    cut = (np.abs(starts[:, 0]) == 180) & (starts[:, 0] == ends[:, 0]) & kept
    if {-180.0, 180.0} <= set(starts[cut, 0].tolist()):
        kept &= ~cut
    return starts[kept], (ends - starts)[kept]
