"""Answers whether a point lies in a zone, and how far from its border. `adapters.zone_import` reads files of zones."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from adapters.base import Box

if TYPE_CHECKING:
    from adapters.address.borders import Border

KEPT_ZONES = 1024
"""Zones that a process caches; a zone of 10,000 vertices takes about 0.4 MB."""


def digest_of(wkb: bytes) -> str:
    """The SHA-256 of a geometry's WKB, in hexadecimal."""
    return hashlib.sha256(wkb).hexdigest()


class ZoneGeometry:
    """One version of a zone. Between two vertices its border is straight in degrees (RFC 7946, 3.1.1).

    `wkb` is a Polygon or MultiPolygon in WGS 84 degrees, longitude first, with its `digest` (`digest_of`). `border` is
    that of another zone with the same digest, if there is one. Thread-safe. Raises ValueError for any other `wkb`.
    """

    def __init__(
        self, name: str, version: int, wkb: bytes, digest: str | None = None, border: Border | None = None
    ) -> None:
        from adapters.address.borders import Border  # noqa: PLC0415 - its libraries are large, and not every worker has zones

        self.name = name
        self.version = version
        self.digest = digest or digest_of(wkb)
        try:
            self.border = border or Border(wkb)
        except ValueError as error:
            raise ValueError(f"the stored geometry of the zone {name!r} {error}; import the zone again") from None

    def locate(self, longitude: float, latitude: float) -> tuple[bool, float]:
        """Whether the point (degrees, WGS 84) is inside, and its distance to the border in metres, never negative.

        A point on the border is inside, at distance 0. Inside is decided in degrees, as the zone was drawn. The
        distance is measured in the plane that touches the ellipsoid at the point: within 10 km, and up to 70 degrees of
        latitude, its error is below 0.1 %.
        """
        return self.border.holds(longitude, latitude), self.border.distance(longitude, latitude)

    def locate_box(self, box: Box) -> tuple[bool | None, float]:
        """Whether the whole box (degrees, WGS 84) is inside (True) or outside (False), and its smallest distance to the
        border in metres; None, at distance 0, where the border crosses or touches it.

        As `locate`, with the plane that touches the ellipsoid at the middle of the box. A box whose west is greater
        than its east crosses the antimeridian.
        """
        return self.border.locate_box(box)


class ZoneCache:
    """A cache of zones; the least recently used are dropped first. Zones with one geometry share it. Thread-safe."""

    def __init__(self, kept: int = KEPT_ZONES) -> None:
        self._kept = kept
        self._ready: OrderedDict[tuple[str, int, str], ZoneGeometry] = OrderedDict()
        self._borders: WeakValueDictionary[str, Border] = WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, name: str, version: int, digest: str, load: Callable[[], bytes]) -> ZoneGeometry:
        """The zone; `load` gives its WKB when its border is not cached. Raises what `load` and `ZoneGeometry` raise."""
        key = (name, version, digest)
        with self._lock:
            zone = self._ready.get(key)
            if zone is not None:
                self._ready.move_to_end(key)
                return zone
            border = self._borders.get(digest)
        zone = ZoneGeometry(name, version, b"" if border else load(), digest, border)
        with self._lock:
            self._borders[digest] = zone.border
            self._ready[key] = zone
            while len(self._ready) > self._kept:
                self._ready.popitem(last=False)
        return zone
