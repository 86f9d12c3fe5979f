"""Features of zone files: what is accepted, what is repaired, and how each mistake is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from adapters.zone_import import examination, geojson
from tests.adapters.zone_import.documents import RING, box, collection, examined, feature, named, parts

SPIKE = [[1.05, 44.0], [1.0501, 44.0001], [1.0501, 43.9999], [1.05, 44.0001]]


def problems(folder: Path, document: Any, **options: Any) -> list[str]:
    found = examined(folder, document, **options)
    assert found.zones == []
    return found.problems


def moved(vertex: int, position: Any) -> list[Any]:
    return [position if index == vertex else each for index, each in enumerate(RING)]


def test_one_feature_altitudes_a_byte_order_mark_and_number_ids_are_taken(tmp_path: Path) -> None:
    high = [[*position, 12.5] for position in RING]
    found = examined(tmp_path, ("\ufeff" + json.dumps({**feature(high), "properties": {"id": 7}})).encode())
    ((name, title, shape),) = found.zones
    assert (name, title, found.crs, found.notes) == ("7", "7", "EPSG:4326", [])
    assert not shape.has_z


def test_holes_several_parts_and_rings_the_other_way_round_are_taken(tmp_path: Path) -> None:
    hole = [[1.02, 44.02], [1.04, 44.02], [1.04, 44.04], [1.02, 44.02]]
    far = [[lon + 1, lat] for lon, lat in reversed(RING)]
    ((_, _, shape),) = examined(tmp_path, collection(parts([RING, hole], [far]))).zones
    assert shape.area == pytest.approx(2 * 0.01 - 0.0002)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_a_crs_that_is_wgs84_is_taken(tmp_path: Path, name: str) -> None:
    assert len(examined(tmp_path, collection(feature(), crs=named(name))).zones) == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is not JSON"),
        (b'{"type": ', "line 1, column 10: is not JSON"),
        (b'{\n "type": "Feature"\n "id": 1}', "line 3, column 2: is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8 (byte 0)"),
        (b'{"type": "Feature", "type": "Feature"}', "the key 'type' is twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        ([], "is no GeoJSON FeatureCollection"),
        ({"type": "Topology"}, "is no GeoJSON FeatureCollection"),
        ({"type": ["FeatureCollection"]}, "is no GeoJSON FeatureCollection"),
        ({"type": {}}, "is no GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection"}, "has no features"),
        (collection(), "has no features"),
        (collection(feature(), crs={"type": "link"}), "names its coordinate system in a way that cannot be read"),
        (collection(feature(), crs=named("EPSG:999999")), "is in a coordinate system that is not known (EPSG:999999)"),
        (collection(feature(), crs=named("EPSG:4978")), "is in EPSG:4978, which has no place for zones"),
        (collection(feature(), crs=named("@/etc/hostname")), "is in a coordinate system that is not known"),
    ],
)
def test_a_file_that_is_no_geojson_of_zones_is_refused(tmp_path: Path, document: Any, said: str) -> None:
    (problem,) = problems(tmp_path, document)
    assert said in problem


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (17, "feature 0: is no Feature"),
        ({**feature(), "type": "Polygon"}, "feature 0 ('meadow'): is no Feature"),
        ({**feature(), "properties": None}, 'feature 0: needs "id" in its properties'),
        ({**feature(), "properties": {"code": "a"}}, "there are code (--name-property)"),
        (feature(id="the meadow"), "feature 0 ('the meadow'): needs \"id\""),
        (feature(id="Meadow"), "feature 0 ('Meadow'): needs \"id\" in its properties: lower-case letters"),
        (feature(id="old.meadow"), "feature 0 ('old.meadow'): needs \"id\""),
        (feature(id="-meadow"), "feature 0 ('-meadow'): needs \"id\""),
        (feature(id="meadow\n"), 'needs "id"'),
        (feature(id="a" * 64), "at most 63"),
        (feature(id=True), 'feature 0: needs "id"'),
        (feature(name=5), "feature 0 ('meadow'): has a \"name\" that is no text"),
        (feature(name="a\x1b[2J"), "feature 0 ('meadow'): has a \"name\" that is no text"),
        ({**feature(), "geometry": None}, "feature 0 ('meadow'): has the geometry none; a zone is a Polygon"),
        (feature(kind=["Polygon"]), "feature 0 ('meadow'): has the geometry none"),
        (feature(kind={}), "feature 0 ('meadow'): has the geometry none"),
        ({**feature(), "type": ["Feature"]}, "feature 0 ('meadow'): is no Feature"),
        (feature(kind="LineString"), "feature 0 ('meadow'): has the geometry LineString"),
        (feature(kind="GeometryCollection"), "has the geometry GeometryCollection"),
        ({**feature(), "geometry": {"type": "Polygon", "coordinates": []}}, "is empty"),
        ({**feature(), "geometry": {"type": "MultiPolygon", "coordinates": [[]]}}, "is empty"),
        (feature(RING[:3]), "ring 0: a ring needs at least four positions"),
        (feature([]) | {"geometry": {"type": "Polygon", "coordinates": [[]]}}, "ring 0: a ring needs at least four"),
        (feature(RING[:4]), "ring 0, vertex 3: the ring is not closed"),
        (feature(moved(2, [1.1, "44.1"])), "ring 0, vertex 2: holds something that is not a number"),
        (feature(moved(2, [1.1, None])), "ring 0, vertex 2: holds something that is not a number"),
        (feature(moved(2, [1.1])), "ring 0, vertex 2: is no position"),
        (feature(moved(2, 1.1)), "ring 0, vertex 2: is no position"),
        (feature(moved(2, [float("nan"), 44.1])), "ring 0, vertex 2: holds NaN"),
        (feature(moved(2, [float("inf"), 44.1])), "ring 0, vertex 2: holds NaN or an infinite number"),
        (feature(moved(2, [10**400, 44.1])), "ring 0, vertex 2: holds NaN or an infinite number"),
        (feature(moved(2, [44.1, 151.2])), "ring 0, vertex 2: the latitude is over 90°: longitude comes first"),
        (feature(moved(2, [181.0, 44.1])), "ring 0, vertex 2: is outside of ±180° longitude"),
        (feature(moved(2, [652_000.5, 6_862_000.5])), "ring 0, vertex 2: looks like metres of a map projection"),
        (
            parts([RING], [moved(2, [1.1, 95.0])], id="hill"),
            "feature 0 ('hill'), part 1, ring 0, vertex 2: the latitude is over 90°",
        ),
        (
            feature([RING[0], RING[2], RING[1], RING[3], RING[0]]),
            "its border is not simple: Self-intersection at 1.05, 44.05; repaired, its area",
        ),
        (feature([RING[0], RING[1], RING[0], RING[0]]), "its border is not simple"),
        (parts([RING], [box(1.05, 44.0, 1.15, 44.1)]), "near vertex"),
        (
            {**feature(), "geometry": {"type": "Polygon", "coordinates": [RING, box(1.5, 44.0, 1.6, 44.1)]}},
            "its border is not simple: Hole lies outside shell",
        ),
        (
            feature([[-170, -17], [170, -17], [170, -16], [-170, -16], [-170, -17]]),
            "is wider than 180°; a zone over the antimeridian must be cut there",
        ),
    ],
)
def test_each_mistake_is_told_with_its_feature_and_vertex(tmp_path: Path, broken: Any, said: str) -> None:
    found = problems(tmp_path, collection(broken))
    assert len(found) == 1
    assert said in found[0]


def test_everything_is_told_at_once_and_each_kind_once_a_ring(tmp_path: Path) -> None:
    projected = [[650_000 + 10 * index, 6_860_000 + index**2] for index in range(50)]
    found = problems(
        tmp_path,
        collection(
            feature([*projected, projected[0]], id="a"),
            feature(moved(1, ["x", 1]), id="b"),
            feature(id="c"),
            feature(id="c"),
        ),
    )
    assert [problem.split(":")[0] for problem in found] == [
        "feature 0 ('a'), ring 0, vertex 0",
        "feature 1 ('b'), ring 0, vertex 1",
        "feature 3 ('c')",
        "feature 3 ('c')",
    ]
    assert "(and at 50 more of its vertices)" in found[0]
    assert "feature 2 ('c') has the id 'c' already" in found[2]
    assert "has the shape" in found[3]


def test_a_border_that_crosses_itself_a_little_is_mended_and_told(tmp_path: Path) -> None:
    found = examined(tmp_path, collection(feature([RING[0], *SPIKE, *RING[1:]])))
    ((_, _, shape),) = found.zones
    assert shape.is_valid
    assert shape.area == pytest.approx(0.01, rel=0.01)
    (note,) = found.notes
    assert "feature 0 ('meadow'), ring 0, near vertex" in note
    assert "it was repaired, its area is" in note


def test_latitude_before_longitude_is_seen_where_the_area_is_known(tmp_path: Path) -> None:
    swapped = feature([[lat, lon] for lon, lat in RING])
    (problem,) = problems(tmp_path, collection(swapped), expected=(0.0, 43.0, 2.0, 45.0))
    assert "latitude seems to come before longitude" in problem
    (problem,) = problems(tmp_path, collection(feature()), expected=(50.0, 10.0, 51.0, 11.0))
    assert "is it the right file?" in problem


def test_limits_on_vertices_and_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "MOST_VERTICES", 7)
    two = collection(feature(id="a"), feature([[lon + 1, lat] for lon, lat in RING], id="b"))
    assert "10 vertices; at most 7 are taken" in problems(tmp_path, two)[0]
    monkeypatch.setattr(geojson, "MOST_FEATURES", 1)
    assert "has 2 features; at most 10,000" in problems(tmp_path, two)[0]


def test_metres_are_taken_where_their_coordinate_system_is_said(tmp_path: Path) -> None:
    metres = feature(box(600_000, 6_500_000, 601_000, 6_501_000))
    assert "looks like metres" in problems(tmp_path, collection(metres))[0]
    for found in (
        examined(tmp_path, collection(metres), crs="EPSG:2154"),
        examined(tmp_path, collection(metres, crs=named("urn:ogc:def:crs:EPSG::2154"))),
        examined(tmp_path, collection(metres, crs=named("EPSG:2154")), crs="epsg:2154"),
    ):
        assert found.problems == []
        assert found.crs == "EPSG:2154"
        assert found.zones[0][2].within(shapely.box(1.7, 45.5, 1.8, 45.7))


@pytest.mark.parametrize(
    ("document", "crs", "said"),
    [
        (collection(feature()), "EPSG:2154", "looks like degrees, and the file says EPSG:2154"),
        (collection(feature(), crs=named("EPSG:4326")), "EPSG:2154", "is in EPSG:4326 and not in EPSG:2154"),
        (collection(feature()), "Lambert 93", "a coordinate system is named as in EPSG:2154"),
        (
            collection(feature(box(6_500_000, 600_000, 6_501_000, 601_000))),
            "EPSG:2154",
            "and EPSG:2154 is for places between 9.86 west and 10.38 east, 41.15 and 51.56 north; its axes seem to be",
        ),
        (
            collection(feature(box(48.8, 2.2, 48.9, 2.4))),
            "EPSG:4258",
            "lies between 48.8 and 48.9 east, 2.2 and 2.4 north, and EPSG:4258 is for places between 16.1 west and",
        ),
        (
            collection(feature(box(9_500_000, 600_000, 9_501_000, 601_000))),
            "EPSG:2154",
            "north; is that its coordinate system?",
        ),
    ],
)
def test_a_coordinate_system_that_does_not_fit_is_told(tmp_path: Path, document: Any, crs: str, said: str) -> None:
    (problem,) = problems(tmp_path, document, crs=crs)
    assert said in problem


def test_a_zone_that_a_projection_lays_over_the_antimeridian_is_told(tmp_path: Path) -> None:
    fiji = feature(box(700_000, 8_000_000, 900_000, 8_100_000))
    (problem,) = problems(tmp_path, collection(fiji), crs="EPSG:32760")
    assert "a zone over the antimeridian must be cut there" in problem
