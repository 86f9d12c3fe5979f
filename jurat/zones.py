"""Zones as a platform draws them: names, titles and simplified outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jurat.queries import read_json

Outline = Sequence[Sequence[Sequence[Sequence[float]]]]
"""Polygons, each of rings, each of [longitude, latitude] in degrees (WGS 84): the `coordinates` of a GeoJSON
MultiPolygon (RFC 7946). The first ring of a polygon is its border, the others are holes."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone in the version that is in force now.

    `outline` is for drawing: some 200 points for the whole zone. The zone itself decides, to the metre. It is None if
    the zone cannot be read.
    """

    name: str
    title: str
    outline: Outline | None = field(repr=False)


ZONES = "SELECT name, title, outline FROM jurat_zone_outlines ORDER BY name"


def zone_from(row: Any) -> Zone:
    """What a row of `ZONES` says."""
    return Zone(row[0], row[1], None if row[2] is None else read_json(row[2]))
