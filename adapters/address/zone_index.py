"""Finds which of many zones contain a point. Loads numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapters.address.zones import ZoneGeometry


class ZoneIndex:
    """Finds which of many zones contain a point. Thread-safe."""

    def __init__(self, zones: Sequence[ZoneGeometry]) -> None:
        self._zones = tuple(zones)
        bounds = np.array([zone.border.bounds for zone in self._zones]).reshape(-1, 4).T
        self._west, self._south, self._east, self._north = np.ascontiguousarray(bounds)
        self._middle = (self._west + self._east) / 2

    def zones_at(self, longitude: float, latitude: float) -> list[ZoneGeometry]:
        """The zones that contain the point (degrees, WGS 84) or have it on their border."""
        turned = longitude + 360.0 * np.round((self._middle - longitude) / 360.0)
        boxed = (self._west <= turned) & (turned <= self._east) & (self._south <= latitude) & (latitude <= self._north)
        near = (self._zones[at] for at in boxed.nonzero()[0])
        return [zone for zone in near if zone.border.holds(longitude, latitude)]
