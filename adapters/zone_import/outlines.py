"""Simplifies a zone to an outline that a page can draw. It never decides about an address."""

from __future__ import annotations

import math
from collections.abc import Iterable

import shapely
from shapely import LinearRing, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from adapters.address.borders import polygon_of

POINTS = 200
"""Points of an outline, over all rings; the last of each is its first again."""

RINGS = 32
"""How many borders and holes an outline has at most; the largest are kept. A page could not show more."""

DECIMALS = 6
"""Decimals of a coordinate in degrees: a tenth of a metre."""

_GRID = 10.0**-DECIMALS
_FINEST = 1 / 4000
"""The share of the diagonal by which a line may be off in the first round. Each round allows half as much again."""

Outline = list[list[list[list[float]]]]


def outline_of(wkb: bytes) -> Outline:
    """The `coordinates` of a GeoJSON MultiPolygon (RFC 7946) that looks like the zone, with parts and holes.

    No ring crosses another. A zone beyond the antimeridian goes on above 180 degrees. Never empty. Raises ValueError
    where `wkb` is no Polygon or MultiPolygon.
    """
    whole = polygon_of(wkb)
    west, south, east, north = whole.bounds
    few: BaseGeometry = _largest(whole)
    allowed = math.hypot(east - west, north - south) * _FINEST
    while shapely.get_num_coordinates(few) > POINTS and allowed < east - west + north - south:
        few = few.simplify(allowed, preserve_topology=True)
        allowed *= 1.5
    # Rounds the coordinates and keeps the shape valid. A zone smaller than the grid becomes a small box.
    few = shapely.set_precision(few, _GRID)
    if few.is_empty:
        few = box(west - _GRID, south - _GRID, east + _GRID, north + _GRID)
    return [[_coordinates(ring) for ring in _rings(polygon)] for polygon in _polygons(few)]


def _largest(whole: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """The zone without its smallest rings, where there are too many."""
    rings = [(Polygon(ring).area, place, ring) for place, each in enumerate(_polygons(whole)) for ring in _rings(each)]
    if len(rings) <= RINGS:
        return whole
    # A hole is smaller than the border around it, and so comes after it.
    kept: dict[int, list[LinearRing]] = {}
    for _, place, ring in sorted(rings, key=lambda each: -each[0])[:RINGS]:
        kept.setdefault(place, []).append(ring)
    return MultiPolygon([Polygon(border, holes) for border, *holes in kept.values()])


def _polygons(shape: BaseGeometry) -> Iterable[Polygon]:
    return (part for part in shapely.get_parts(shape) if isinstance(part, Polygon))


def _rings(polygon: Polygon) -> list[LinearRing]:
    return [polygon.exterior, *polygon.interiors]


def _coordinates(ring: LinearRing) -> list[list[float]]:
    return [[round(x, DECIMALS), round(y, DECIMALS)] for x, y, *_ in ring.coords]
