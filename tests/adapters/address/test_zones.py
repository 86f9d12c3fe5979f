"""Points, borders and distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from adapters.address.zones import Zone, Zones, digest_of

SQUARE = Polygon([(2.0, 45.0), (2.1, 45.0), (2.1, 45.1), (2.0, 45.1)])
RING = Polygon(SQUARE.exterior, [[(2.04, 45.04), (2.06, 45.04), (2.06, 45.06), (2.04, 45.06)]])


def zone(geometry: shapely.Geometry) -> Zone:
    return Zone("square", 1, shapely.to_wkb(geometry))


def great_circle(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres on a sphere, right to 0.6 %: an independent check of the local metric."""
    (lon1, lat1), (lon2, lat2) = (map(math.radians, point) for point in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_009 * math.asin(math.sqrt(half))


@pytest.mark.parametrize(
    ("longitude", "latitude", "inside", "metres"),
    [
        (2.001, 45.05, True, 78.7),  # a thousandth of a degree of longitude at 45 degrees north
        (1.999, 45.05, False, 78.7),
        (2.05, 45.001, True, 111.1),  # and of latitude
        (2.05, 44.999, False, 111.1),
        (2.0, 45.05, True, 0.0),
    ],
)
def test_a_point_is_inside_or_outside_and_so_many_metres_from_the_border(
    longitude: float, latitude: float, inside: bool, metres: float
) -> None:
    found, distance = zone(SQUARE).locate(longitude, latitude)
    assert found is inside
    assert distance == pytest.approx(metres, abs=0.1)


def test_a_hole_is_outside_and_its_edge_is_a_border() -> None:
    inside, distance = zone(RING).locate(2.05, 45.041)
    assert not inside
    assert distance == pytest.approx(111.1, abs=0.1)


def test_the_edges_of_two_rings_are_not_joined() -> None:
    # between the last vertex of the outer ring and the first of the hole runs no border
    inside, distance = zone(RING).locate(2.02, 45.02)
    assert inside
    assert distance > 1500


@given(st.floats(1.9, 2.2), st.floats(44.9, 45.2))
def test_distances_agree_with_the_great_circle(longitude: float, latitude: float) -> None:
    _, distance = zone(SQUARE).locate(longitude, latitude)
    narrow = math.cos(math.radians(45.05))
    border = shapely.transform(SQUARE.exterior, lambda points: points * (narrow, 1.0))
    foot = border.interpolate(border.project(shapely.Point(longitude * narrow, latitude)))
    other = (foot.x / narrow, foot.y)
    assert distance == pytest.approx(great_circle((longitude, latitude), other), rel=0.01, abs=1.0)


@given(st.floats(-170, 170), st.floats(1.95, 2.15), st.floats(44.95, 45.15))
def test_moving_the_whole_scene_along_a_parallel_changes_nothing(east: float, lon: float, lat: float) -> None:
    moved = shapely.transform(SQUARE, lambda points: np.add(points, (east - 2.05, 0.0)))
    inside, distance = zone(SQUARE).locate(lon, lat)
    then_inside, then_distance = zone(moved).locate(lon + east - 2.05, lat)
    assert then_distance == pytest.approx(distance, abs=0.01)
    assert then_inside == inside or distance < 0.01


def test_a_zone_that_is_cut_at_the_antimeridian_is_one_zone() -> None:
    west = Polygon([(179.0, -18.0), (180.0, -18.0), (180.0, -16.0), (179.0, -16.0)])
    east = Polygon([(-180.0, -18.0), (-179.0, -18.0), (-179.0, -16.0), (-180.0, -16.0)])
    islands = zone(MultiPolygon([west, east]))
    inside, distance = islands.locate(179.999, -17.0)
    assert inside
    assert distance > 100_000
    assert islands.locate(-178.999, -17.0)[0] is False
    # the border on the other side of the antimeridian is near
    inside, distance = zone(east).locate(179.9999, -17.0)
    assert not inside
    assert distance == pytest.approx(10.65, abs=0.1)


@pytest.mark.parametrize("wkb", [b"", b"nonsense", shapely.to_wkb(shapely.Point(1, 2)), shapely.to_wkb(Polygon())])
def test_what_is_no_polygon_is_refused(wkb: bytes) -> None:
    with pytest.raises(ValueError, match="import the zone again"):
        Zone("square", 1, wkb)


def test_zones_are_loaded_once_and_the_least_used_given_up() -> None:
    wkb, loads = shapely.to_wkb(SQUARE), []

    def load() -> bytes:
        loads.append(1)
        return wkb

    zones, digest = Zones(kept=2), digest_of(wkb)
    first = zones.get("a", 1, digest, load)
    zones.get("b", 1, digest, load)
    assert zones.get("a", 1, digest, load) is first
    zones.get("c", 1, digest, load)
    assert len(loads) == 3
    zones.get("a", 1, digest, load)
    assert len(loads) == 3
    zones.get("b", 1, digest, load)
    assert len(loads) == 4
    assert zones.get("a", 2, digest, load).version == 2


def test_what_could_not_be_loaded_is_asked_for_again() -> None:
    zones = Zones()

    def lost() -> bytes:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        zones.get("a", 1, "d", lost)
    assert zones.get("a", 1, "d", lambda: shapely.to_wkb(SQUARE)).name == "a"
