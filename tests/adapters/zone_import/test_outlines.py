"""Outlines of zones: few points, and still the shape."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from adapters.zone_import.files import read_zone_file
from adapters.zone_import.outlines import POINTS, RINGS, Outline, outline_of
from tests.conftest import ROOT


def blob(x: float, y: float, radius: float, points: int = 500, waves: float = 0.0) -> Polygon:
    turns = [2 * math.pi * n / points for n in range(points)]
    radii = [radius * (1 + 0.05 * math.sin(waves * turn)) for turn in turns]
    return Polygon([(x + r * math.cos(t), y + r * math.sin(t)) for t, r in zip(turns, radii, strict=True)])


def outline(shape: Polygon | MultiPolygon) -> Outline:
    return outline_of(shapely.to_wkb(shape))


def shape_of(found: Outline) -> MultiPolygon:
    return MultiPolygon([Polygon(border, holes) for border, *holes in found])


def points(found: Outline) -> Iterator[list[float]]:
    return (point for polygon in found for ring in polygon for point in ring)


def off(found: Outline, shape: BaseGeometry) -> float:
    """The share of the area that is drawn wrongly."""
    return float(shape_of(found).symmetric_difference(shape).area / shape.area)


def test_what_has_few_points_stays_as_it_is() -> None:
    found = outline(box(5.1234567, 44, 6, 45))
    assert shape_of(found).equals(box(5.123457, 44, 6, 45))
    assert len(list(points(found))) == 5


def test_a_long_border_gets_few_points_and_keeps_its_shape() -> None:
    coast = blob(2, 48, 0.1, 20_000, waves=40)
    found = outline(coast)
    assert 40 < len(list(points(found))) <= POINTS
    assert off(found, coast) < 0.02
    assert shape_of(found).is_valid


def test_parts_and_holes_are_kept_and_no_ring_crosses_another() -> None:
    ring = Polygon(blob(2, 48, 0.1, 2000).exterior, [blob(2, 48, 0.098, 2000).exterior])
    whole = MultiPolygon([ring, blob(2.3, 48, 0.05, 900, waves=9), blob(2, 48, 0.03)])
    found = outline(whole)
    assert sorted(map(len, found)) == [1, 1, 2]
    assert shape_of(found).is_valid
    assert len(list(points(found))) <= POINTS


def test_of_an_archipelago_the_largest_islands_are_kept() -> None:
    sizes = [0.001 + 0.0001 * n for n in range(100)]
    islands = MultiPolygon([blob(0.1 * n, 0, size, 60) for n, size in enumerate(sizes)])
    found = outline(islands)
    assert len(found) == RINGS
    assert len(list(points(found))) <= POINTS
    assert min(point[0] for point in points(found)) > 0.1 * (99 - RINGS)


def test_a_zone_smaller_than_a_coordinate_is_exact_is_drawn_all_the_same() -> None:
    ((ring,),) = outline(box(2, 48, 2 + 1e-8, 48 + 1e-8))
    assert len(ring) == 5
    assert Polygon(ring).contains(shapely.Point(2, 48))


def test_a_zone_over_the_antimeridian_is_drawn_in_one_piece() -> None:
    found = outline(MultiPolygon([box(179, -17, 180, -16), box(-180, -17, -179, -16)]))
    assert len(found) == 1
    assert shape_of(found).bounds == (179, -17, 181, -16)


@given(st.integers(3, 400), st.floats(-179, 179), st.floats(-80, 80), st.floats(1e-5, 0.9), st.floats(0, 60))
def test_an_outline_is_never_empty_nor_long_nor_crosses_itself(
    corners: int, x: float, y: float, radius: float, waves: float
) -> None:
    found = outline(blob(x, y, radius, corners, waves))
    assert shape_of(found).is_valid
    assert 4 <= len(list(points(found))) <= POINTS
    assert all(round(each, 6) == each for point in points(found) for each in point)
    assert json.loads(json.dumps(found)) == found


def test_the_zones_of_the_example() -> None:
    for zone in read_zone_file(ROOT / "examples" / "town" / "zones.geojson").zones:
        assert off(outline_of(zone.wkb), shapely.from_wkb(zone.wkb)) < 1e-4


@pytest.mark.parametrize("wkb", [b"\0", b"", shapely.to_wkb(shapely.Point(1, 1)), shapely.to_wkb(Polygon())])
def test_what_is_no_area_is_refused(wkb: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no polygon|cannot be read"):
        outline_of(wkb)
