"""Clips shapes to a window. A border is clipped as lines: as an area, it would show the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

Path = NDArray[np.float64]
"""Points of one line or ring: (n, 2), metres."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square part of the plane: its middle and its side, in metres."""

    x: float
    y: float
    side: float

    def frame(self, pad: float = 0.0) -> shapely.Polygon:
        """Its outline, `pad` metres wider on each side."""
        reach = self.side / 2 + pad
        return shapely.box(self.x - reach, self.y - reach, self.x + reach, self.y + reach)

    def holds(self, x: float, y: float) -> bool:
        return max(abs(x - self.x), abs(y - self.y)) <= self.side / 2


def visible_lines(lines: shapely.Geometry, window: Window, pad: float = 0.0) -> list[Path]:
    """The parts of lines in the window, or up to `pad` metres outside."""
    seen = shapely.get_parts(shapely.intersection(lines, window.frame(pad)))
    return [shapely.get_coordinates(part) for part in seen if part.length > 0]


def visible_area(shape: shapely.Geometry, window: Window, pad: float = 0.0) -> shapely.MultiPolygon:
    """The parts of an area in the window. Their edges may be the window's: fill them, and do not draw them."""
    seen = shapely.get_parts(shapely.intersection(shape, window.frame(pad)))
    return shapely.MultiPolygon([part for part in seen if isinstance(part, shapely.Polygon) and not part.is_empty])


def rings_of(area: shapely.Geometry) -> list[Path]:
    """The rings of an area with its holes, to be filled by the even-odd rule."""
    return [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(area))]
