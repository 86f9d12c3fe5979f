"""Whether a point lies in a zone, and how far from its border. Zone files are read by `adapters.address.zone_files`."""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

WGS84_AXIS_M = 6_378_137.0
WGS84_ECCENTRICITY_2 = 6.694_379_990_141e-3

KEPT_ZONES = 256
"""Zones that a process keeps ready; a zone of 10,000 vertices takes about 1 MB."""


def digest_of(wkb: bytes) -> str:
    """The name of a geometry: the SHA-256 of its WKB, in hexadecimal."""
    return hashlib.sha256(wkb).hexdigest()


class Zone:
    """One version of a zone. Between two vertices its border is straight in degrees (RFC 7946, 3.1.1).

    `wkb` is a Polygon or MultiPolygon in WGS 84 degrees, longitude first; `digest` names it (`digest_of`). Thread-safe.

    Raises:
        ValueError: `wkb` is no such geometry.
    """

    def __init__(self, name: str, version: int, wkb: bytes, digest: str | None = None) -> None:
        self.name = name
        self.version = version
        self.digest = digest or digest_of(wkb)
        try:
            geometry = shapely.from_wkb(wkb)
        except shapely.errors.GEOSException:
            raise ValueError(
                f"the stored geometry of the zone {name!r} can not be read; import the zone again"
            ) from None
        if not isinstance(geometry, Polygon | MultiPolygon) or geometry.is_empty:
            raise ValueError(f"the stored geometry of the zone {name!r} is no polygon; import the zone again")
        shapely.prepare(geometry)
        self._geometry = geometry
        self._starts, self._steps = _edges(geometry)

    def locate(self, longitude: float, latitude: float) -> tuple[bool, float]:
        """Whether the point (degrees, WGS 84) is inside, and its distance to the border in metres, never negative.

        A point on the border counts as inside at distance 0. Inside is decided in degrees, as the zone was drawn. The
        distance is measured in the plane that touches the ellipsoid at the point: within 10 km it errs by less than
        0.1 %, farther away it only says "far".
        """
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


class Zones:
    """The zones that this process has ready, by digest, the least recently used given up first. Thread-safe."""

    def __init__(self, kept: int = KEPT_ZONES) -> None:
        self._kept = kept
        self._ready: OrderedDict[tuple[str, int, str], Zone] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str, version: int, digest: str, load: Callable[[], bytes]) -> Zone:
        """The zone; `load` is called for its WKB only when it is not ready yet. Raises what `load` and `Zone` raise."""
        key = (name, version, digest)
        with self._lock:
            zone = self._ready.get(key)
            if zone is not None:
                self._ready.move_to_end(key)
                return zone
        zone = Zone(name, version, load(), digest)
        with self._lock:
            self._ready[key] = zone
            while len(self._ready) > self._kept:
                self._ready.popitem(last=False)
        return zone


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
