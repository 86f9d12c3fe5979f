"""Reads the answers of geocoders strictly. GeoJSON: RFC 7946.

An error names the place in the answer, never a value, for values are addresses and positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.address.languages import fold
from adapters.base import Box, Place, Unreadable
from config.levels import Level

OPENSTREETMAP = "© OpenStreetMap contributors, ODbL 1.0"
"""The attribution that the licence of OpenStreetMap's data requires: https://www.openstreetmap.org/copyright."""


_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True, repr=False)
class PayloadPart:
    """One part of an answer, and where it is, such as `features[0].properties`. All methods may raise Unreadable."""

    value: Any
    where: str = ""

    def member(self, name: str) -> PayloadPart:
        """A member of this object; its value is None where there is none."""
        if not isinstance(self.value, dict):
            raise Unreadable(f"{self.where or 'the answer'} is no object")
        return PayloadPart(self.value.get(name), f"{self.where}.{name}" if self.where else name)

    def items(self, most: int | None = None) -> list[PayloadPart]:
        """The entries of this list, at most the first `most`."""
        if not isinstance(self.value, list):
            raise Unreadable(f"{self.where or 'the answer'} is no list")
        return [PayloadPart(value, f"{self.where}[{index}]") for index, value in enumerate(self.value[:most])]

    def text(self, name: str) -> str | None:
        """A text in this object; None where there is none, or an empty one."""
        part = self.member(name)
        value = part.value
        if value is not None and not isinstance(value, str):
            raise Unreadable(f"{part.where} is no text")
        if value and len(value) > _LONGEST_TEXT:
            raise Unreadable(f"{part.where} has more than {_LONGEST_TEXT} characters")
        return value or None

    def number(self, low: float, high: float) -> float:
        """This number, from `low` to `high`."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Unreadable(f"{self.where} is no number from {low:g} to {high:g}")
        return float(value)

    def degrees(self, most: float) -> float:
        """This number of degrees, at most `most` to either side; a text of one is accepted, too."""
        if not isinstance(self.value, str):
            return self.number(-most, most)
        try:
            value = float(self.value)
        except ValueError:
            value = most + 1
        return PayloadPart(value, self.where).number(-most, most)

    def box(self, *, west: int, south: int, east: int, north: int) -> Box | None:
        """The box in this list of four edges, each given by its index; None where there is no list."""
        if self.value is None:
            return None
        edges = self.items()
        if len(edges) != 4:
            raise Unreadable(f"{self.where} does not have four edges")
        box = edges[west].degrees(180), edges[south].degrees(90), edges[east].degrees(180), edges[north].degrees(90)
        if box[0] > box[2] or box[1] > box[3]:
            raise Unreadable(f"{self.where} has its edges in another order")
        return box


def position(feature: PayloadPart) -> tuple[float, float]:
    """Longitude and latitude of a GeoJSON feature. Raises Unreadable where its geometry is not a Point."""
    geometry = feature.member("geometry")
    coordinates = geometry.member("coordinates")
    if geometry.text("type") != "Point" or not isinstance(coordinates.value, list):
        raise Unreadable(f"{geometry.where} is no GeoJSON Point")
    axes = coordinates.items()
    if len(axes) not in {2, 3}:
        raise Unreadable(f"{geometry.where} is no GeoJSON Point")
    return axes[0].number(-180, 180), axes[1].number(-90, 90)


def merge_streets(places: Sequence[Place], *, cut: bool, one_town: bool = False) -> tuple[Place, ...]:
    """`places`, each street with the box around all of its parts.

    OpenStreetMap has a street as several ways, each with its own box. Ways with one name in one town are one street
    here, whatever their postcodes, so a box is too large rather than too small. With `one_town` so are all ways with
    one name: a street may go on beyond the town's border. Where a part has no box, or the list may have been `cut` off,
    the extent is None.
    """
    parts: dict[tuple[str, str], list[Box | None]] = {}

    def street(place: Place) -> tuple[str, str]:
        return fold(place.street or ""), "" if one_town else fold(place.city or "")

    for place in places:
        if place.level is Level.STREET:
            parts.setdefault(street(place), []).append(place.extent)
    return tuple(
        replace(place, extent=None if cut else _around(parts[street(place)])) if place.level is Level.STREET else place
        for place in places
    )


def _around(boxes: Sequence[Box | None]) -> Box | None:
    known = [box for box in boxes if box is not None]
    if len(known) < len(boxes):
        return None
    west, south, east, north = zip(*known, strict=True)
    return min(west), min(south), max(east), max(north)
