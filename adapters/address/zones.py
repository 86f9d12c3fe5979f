"""Whether a point lies in a zone, and how far from its border. Zone files are read by `adapters.address.zone_files`."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

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
        from adapters.address.borders import Border  # noqa: PLC0415 - its libraries are large, and not every worker has zones

        self.name = name
        self.version = version
        self.digest = digest or digest_of(wkb)
        try:
            self._border = Border(wkb)
        except ValueError as error:
            raise ValueError(f"the stored geometry of the zone {name!r} {error}; import the zone again") from None

    def locate(self, longitude: float, latitude: float) -> tuple[bool, float]:
        """Whether the point (degrees, WGS 84) is inside, and its distance to the border in metres, never negative.

        A point on the border counts as inside at distance 0. Inside is decided in degrees, as the zone was drawn. The
        distance is measured in the plane that touches the ellipsoid at the point: within 10 km it errs by less than
        0.1 %, farther away it only says "far".
        """
        return self._border.locate(longitude, latitude)


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
