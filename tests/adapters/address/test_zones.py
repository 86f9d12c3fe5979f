"""Points, borders and distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from adapters.address.borders import RUN
from adapters.address.zones import Zone, ZoneCache, ZoneGeometry, digest_of
from adapters.base import Box

SQUARE = Polygon([(2.0, 45.0), (2.1, 45.0), (2.1, 45.1), (2.0, 45.1)])
RING = Polygon(SQUARE.exterior, [[(2.04, 45.04), (2.06, 45.04), (2.06, 45.06), (2.04, 45.06)]])


def zone(geometry: shapely.Geometry) -> ZoneGeometry:
    return ZoneGeometry("square", 1, shapely.to_wkb(geometry))


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
        ZoneGeometry("square", 1, wkb)


def test_zones_are_loaded_once_and_the_least_used_given_up() -> None:
    loads: list[str] = []
    zones = ZoneCache(kept=2)

    def get(name: str, east: float, version: int = 1) -> Zone:
        wkb = shapely.to_wkb(shapely.box(2.0, 45.0, east, 45.1))

        def load() -> bytes:
            loads.append(name)
            return wkb

        return zones.get(name, version, digest_of(wkb), load)

    first = get("a", 2.1)
    get("b", 2.2)
    assert get("a", 2.1) is first
    get("c", 2.3)
    assert loads == ["a", "b", "c"]
    get("a", 2.1)
    assert len(loads) == 3
    get("b", 2.2)
    assert len(loads) == 4
    assert get("a", 2.1, version=2).version == 2


def test_names_and_versions_of_one_geometry_share_its_border() -> None:
    wkb, loads = shapely.to_wkb(SQUARE), []

    def load() -> bytes:
        loads.append(1)
        return wkb

    zones = ZoneCache()
    first, second = (zones.get(name, version, digest_of(wkb), load) for name, version in (("a", 1), ("b", 3)))
    assert isinstance(first, ZoneGeometry)
    assert isinstance(second, ZoneGeometry)
    assert second.border is first.border
    assert len(loads) == 1


def test_what_could_not_be_loaded_is_asked_for_again() -> None:
    zones = ZoneCache()

    def lost() -> bytes:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        zones.get("a", 1, "d", lost)
    assert zones.get("a", 1, "d", lambda: shapely.to_wkb(SQUARE)).name == "a"


# ------------------------------------------------------------------------------------------------ many vertices


def star(vertices: int, longitude: float = 2.05, latitude: float = 45.05, reach: float = 0.04) -> Polygon:
    """A zone whose border goes in and out."""
    turn = np.linspace(0, 2 * math.pi, vertices, endpoint=False)
    far = reach * (1 + 0.3 * np.sin(17 * turn) + 0.1 * np.cos(101 * turn))
    return Polygon(np.column_stack([longitude + far * np.cos(turn), latitude + far * np.sin(turn)]))


STAR = star(20 * RUN + 7)
STAR_ZONE = zone(STAR)
RINGS = [
    SQUARE,
    RING,
    star(3),
    star(5),
    star(RUN),
    star(RUN + 1),
    STAR,
    MultiPolygon([star(90, 2.0), star(70, 2.15)]),
    MultiPolygon([star(3, 2.0), star(5, 2.15)]),
]


@pytest.mark.parametrize("edges", [3, 4, 5, 6, RUN - 1, RUN, RUN + 1, 2 * RUN - 1])
def test_a_ring_of_any_number_of_edges_has_two_sides_all_around(edges: int) -> None:
    points = shapely.get_coordinates(star(edges))
    here, centre = zone(star(edges)).border, np.array([2.05, 45.05])
    for middle in (points[:-1] + points[1:]) / 2:
        assert here.holds(*(centre + 0.999 * (middle - centre)))
        assert not here.holds(*(centre + 1.001 * (middle - centre)))


@st.composite
def simple_polygons(draw: st.DrawFn, longitude: float = 2.05) -> Polygon:
    """A ring that does not cross itself, with any number of edges, and perhaps with holes."""
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    edges = draw(st.integers(3, 9) | st.integers(3, 3 * RUN))
    turn = 2 * math.pi * (np.arange(edges) + dice.uniform(0, 0.9, edges)) / edges

    def ring(far: NDArray[np.float64], at: float = 0.0) -> NDArray[np.float64]:
        points = np.column_stack([longitude + at + far * np.cos(turn), 45.05 + far * np.sin(turn)])
        return np.round(points, draw(st.sampled_from([4, 15])))  # many vertices on one meridian, or none

    holes = draw(st.integers(0, 2))
    radii = 0.04 * dice.uniform(0.4, 1, edges)
    shape = Polygon(ring(radii), [ring(0.05 * radii, at) for at in (0.0, 0.005)[:holes]])
    assume(shape.is_valid)
    return shape


@st.composite
def shapes(draw: st.DrawFn) -> Polygon | MultiPolygon:
    one = draw(simple_polygons())
    other = draw(st.none() | simple_polygons(2.15))
    return MultiPolygon([one, other]) if other else one


@given(shapes(), st.floats(0, 1), st.floats(44.99, 45.11), st.data())
def test_a_point_off_the_border_is_where_geos_sees_it(
    shape: Polygon | MultiPolygon, across: float, latitude: float, data: st.DataObject
) -> None:
    vertices = shapely.get_coordinates(shape)
    own = float(vertices[data.draw(st.integers(0, len(vertices) - 1))][0])
    for longitude in (1.99 + 0.22 * across, own):  # anywhere, and straight below or above a vertex
        point = shapely.Point(longitude, latitude)
        if shapely.distance(shape.boundary, point) > 1e-12:
            assert zone(shape).border.holds(longitude, latitude) == shape.intersects(point) == shape.contains(point)


@given(st.sampled_from(RINGS), st.floats(1.9, 2.2), st.floats(44.95, 45.15))
def test_inside_is_what_geos_says(shape: shapely.Geometry, longitude: float, latitude: float) -> None:
    assert zone(shape).border.holds(longitude, latitude) == shapely.intersects_xy(shape, longitude, latitude)


@given(st.sampled_from(RINGS), st.data())
def test_every_vertex_and_every_middle_of_an_edge_is_where_geos_sees_it(
    shape: shapely.Geometry, data: st.DataObject
) -> None:
    ring = data.draw(st.sampled_from(list(shapely.get_rings(shapely.get_parts(shape)))))
    points = shapely.get_coordinates(ring)
    index = data.draw(st.integers(0, len(points) - 2))
    here = zone(shape)
    assert here.border.holds(*points[index])
    assert here.locate(*points[index])[1] == 0
    x, y = (points[index] + points[index + 1]) / 2
    assert here.border.holds(x, y) == shapely.intersects_xy(shape, x, y)
    assert here.locate(x, y)[1] == pytest.approx(0, abs=1e-6)


@given(st.floats(1.9, 2.2), st.floats(44.95, 45.15))
def test_no_nearer_edge_is_overlooked(longitude: float, latitude: float) -> None:
    _, distance = STAR_ZONE.locate(longitude, latitude)
    narrow = math.cos(math.radians(latitude))
    flat = shapely.transform(STAR.exterior, lambda points: points * (narrow, 1.0))
    degrees = flat.distance(shapely.Point(longitude * narrow, latitude))
    assert distance == pytest.approx(degrees * 111_200, rel=0.01, abs=0.01)


def test_the_edges_lie_in_memory_as_they_are_asked_for() -> None:
    # numpy joins columns into columns. Taking a few edges of those copies them all: three times as slow.
    assert STAR_ZONE.border._edges.flags.c_contiguous


# ------------------------------------------------------------------------------------------------ boxes


def boxes() -> st.SearchStrategy[Box]:
    corner = st.tuples(st.floats(1.95, 2.15), st.floats(44.95, 45.15))
    sides = st.tuples(st.floats(0, 0.05), st.floats(0, 0.05))
    return st.builds(lambda at, by: (at[0], at[1], at[0] + by[0], at[1] + by[1]), corner, sides)


@given(st.sampled_from(RINGS), boxes())
def test_a_box_is_inside_outside_or_crossed_as_its_points_are(shape: shapely.Geometry, box: Box) -> None:
    here = zone(shape)
    inside, distance = here.locate_box(box)
    west, south, east, north = box
    sample = [(x, y) for x in np.linspace(west, east, 9) for y in np.linspace(south, north, 9)]
    sides = {here.border.holds(x, y) for x, y in sample}
    if inside is None:
        assert distance == 0
        assert here.border.distance((west + east) / 2, (south + north) / 2) <= diagonal(box) / 2 + 0.1
    else:
        assert sides == {inside}
        assert distance > 0
        nearest = min(here.locate(x, y)[1] for x, y in sample)
        assert distance <= nearest * 1.002 + 0.01
        assert nearest <= distance * 1.002 + diagonal(box) / 8


def diagonal(box: Box) -> float:
    west, south, east, north = box
    return great_circle((west, south), (east, north)) * 1.01


@given(st.sampled_from(RINGS), boxes())
def test_a_box_is_not_farther_from_the_border_than_its_corners(shape: shapely.Geometry, box: Box) -> None:
    here = zone(shape)
    west, south, east, north = box
    _, distance = here.locate_box(box)
    for corner in ((west, south), (west, north), (east, south), (east, north)):
        assert distance <= here.locate(*corner)[1] * 1.002 + 0.01


@given(st.sampled_from(RINGS), st.floats(1.95, 2.15), st.floats(44.95, 45.15))
def test_a_box_without_sides_is_its_point(shape: shapely.Geometry, longitude: float, latitude: float) -> None:
    here = zone(shape)
    inside, distance = here.locate(longitude, latitude)
    boxed, least = here.locate_box((longitude, latitude, longitude, latitude))
    assert least == pytest.approx(distance, abs=1e-6)
    assert boxed is inside or distance < 1e-6


@given(st.floats(-170, 170), boxes())
def test_moving_the_whole_scene_along_a_parallel_changes_nothing_for_a_box(east: float, box: Box) -> None:
    moved = shapely.transform(RING, lambda points: np.add(points, (east - 2.05, 0.0)))
    inside, distance = zone(RING).locate_box(box)
    shifted = (box[0] + east - 2.05, box[1], box[2] + east - 2.05, box[3])
    then_inside, then_distance = zone(moved).locate_box(shifted)
    assert then_distance == pytest.approx(distance, abs=0.01)
    assert then_inside == inside or distance < 0.01 or then_distance < 0.01


def test_a_box_around_a_whole_hole_is_crossed_and_one_in_it_is_outside() -> None:
    assert zone(RING).locate_box((2.03, 45.03, 2.07, 45.07)) == (None, 0.0)
    inside, distance = zone(RING).locate_box((2.049, 45.049, 2.051, 45.051))
    assert inside is False
    assert distance == pytest.approx(709, abs=2)  # 0.009 degrees of longitude there
    assert zone(RING).locate_box((1.0, 44.0, 3.0, 46.0)) == (None, 0.0)


def test_a_box_over_the_antimeridian_is_one_box() -> None:
    west = Polygon([(179.0, -18.0), (180.0, -18.0), (180.0, -16.0), (179.0, -16.0)])
    east = Polygon([(-180.0, -18.0), (-179.0, -18.0), (-179.0, -16.0), (-180.0, -16.0)])
    islands = zone(MultiPolygon([west, east]))
    inside, distance = islands.locate_box((179.9, -17.1, -179.9, -16.9))
    assert inside is True
    assert distance == pytest.approx(95_800, rel=0.01)  # to the west and to the east alike
    assert islands.locate_box((-179.1, -17.1, -178.9, -16.9)) == (None, 0.0)
    inside, distance = zone(east).locate_box((179.8, -17.1, 179.9, -16.9))
    assert inside is False
    assert distance == pytest.approx(10_650, rel=0.01)


# ------------------------------------------------------------------------------------------------ how exact


@pytest.mark.parametrize("latitude", [0.0, 45.0, -60.0, 70.0])
def test_a_distance_within_ten_kilometres_is_right_to_a_thousandth(latitude: float) -> None:
    earth = pytest.importorskip("pyproj").Geod(ellps="WGS84")
    reach = 1e-9
    for turn in range(0, 360, 15):
        longitude, north, _ = earth.fwd(2.0, latitude, turn, 9_990)
        corner = zone(shapely.box(longitude - reach, north - reach, longitude + reach, north + reach))
        _, distance = corner.locate(2.0, latitude)
        assert distance == pytest.approx(9_990, rel=1e-3)
