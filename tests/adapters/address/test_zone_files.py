"""Zone files: what is taken, and what each mistake is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from adapters.address import zone_files
from adapters.address.zone_files import ZoneFileError, read_zones

TOWN = Path(__file__).parents[3] / "examples" / "town" / "zones.geojson"
RING = [[1.0, 44.0], [1.1, 44.0], [1.1, 44.1], [1.0, 44.1], [1.0, 44.0]]


def feature(ring: Any = None, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": [ring or RING]}
    return {"type": "Feature", "properties": {"id": "meadow", **properties}, "geometry": geometry}


def problems(folder: Path, document: Any, **options: Any) -> list[str]:
    path = folder / "zones.geojson"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    with pytest.raises(ZoneFileError) as caught:
        read_zones(path, **options)
    assert all(line.startswith("zones.geojson: ") for line in str(caught.value).splitlines())
    return list(caught.value.problems)


def collection(*features: Any, **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **members}


def moved(vertex: int, position: Any) -> list[Any]:
    return [position if index == vertex else each for index, each in enumerate(RING)]


def test_the_invented_town_has_three_zones() -> None:
    zones = read_zones(TOWN)
    assert [(zone.id, zone.title) for zone in zones] == [
        ("old-town", "Vieille Ville"),
        ("harbour", "Le Port"),
        ("hill", "La Colline"),
    ]
    assert len({zone.digest for zone in zones}) == 3


def test_one_feature_altitudes_a_byte_order_mark_and_number_ids_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "one.geojson"
    high = [[*position, 12.5] for position in RING]
    path.write_text("\ufeff" + json.dumps({**feature(high), "properties": {"id": 7}}), encoding="utf-8")
    (zone,) = read_zones(path)
    assert (zone.id, zone.title, zone.vertices) == ("7", "7", 5)
    assert not shapely.from_wkb(zone.wkb).has_z


def test_holes_several_parts_and_rings_the_other_way_round_are_taken(tmp_path: Path) -> None:
    hole = [[1.02, 44.02], [1.04, 44.02], [1.04, 44.04], [1.02, 44.02]]
    far = [[lon + 1, lat] for lon, lat in reversed(RING)]
    path = tmp_path / "parts.geojson"
    parts = feature(kind="MultiPolygon")
    parts["geometry"]["coordinates"] = [[RING, hole], [far]]
    path.write_text(json.dumps(collection(parts)), encoding="utf-8")
    (zone,) = read_zones(path)
    assert shapely.from_wkb(zone.wkb).area == pytest.approx(2 * 0.01 - 0.0002)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"])
def test_a_crs_that_is_wgs84_is_taken(tmp_path: Path, name: str) -> None:
    path = tmp_path / "crs.geojson"
    path.write_text(json.dumps(collection(feature(), crs={"type": "name", "properties": {"name": name}})))
    assert len(read_zones(path)) == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is not JSON"),
        (b'{"type": ', "line 1, column 10: is not JSON"),
        (b'{\n "type": "Feature"\n "id": 1}', "line 3, column 2: is not JSON"),
        (b"\xff\xfe{}", "is not UTF-8 (byte 0)"),
        (b'{"type": "Feature", "type": "Feature"}', "the key 'type' stands twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        ([], "is no GeoJSON FeatureCollection"),
        ({"type": "Topology"}, "is no GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection"}, "has no features"),
        (collection(), "has no features"),
        (
            collection(feature(), crs={"type": "name", "properties": {"name": "EPSG:2154"}}),
            "names the coordinate system 'EPSG:2154'; zones are taken in WGS 84",
        ),
        (collection(feature(), crs={"type": "link"}), "names the coordinate system in a way that can not be read"),
    ],
)
def test_a_file_that_is_no_geojson_in_wgs84_is_refused(tmp_path: Path, document: Any, said: str) -> None:
    (problem,) = problems(tmp_path, document)
    assert said in problem


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (17, "feature 0: is no Feature"),
        ({**feature(), "type": "Polygon"}, "feature 0 ('meadow'): is no Feature"),
        ({**feature(), "properties": None}, 'feature 0: needs "id" in its properties'),
        (feature(id="the meadow"), "feature 0 ('the meadow'): needs \"id\""),
        (feature(id=True), 'feature 0: needs "id"'),
        (feature(name=5), "feature 0 ('meadow'): has a \"name\" that is no text"),
        ({**feature(), "geometry": None}, "feature 0 ('meadow'): has the geometry none; a zone is a Polygon"),
        (feature(kind="LineString"), "feature 0 ('meadow'): has the geometry LineString"),
        (feature(kind="GeometryCollection"), "has the geometry GeometryCollection"),
        ({**feature(), "geometry": {"type": "Polygon", "coordinates": []}}, "is empty"),
        ({**feature(), "geometry": {"type": "MultiPolygon", "coordinates": [[]]}}, "is empty"),
        (feature(RING[:3]), "ring 0: a ring needs at least four positions"),
        (feature([]) | {"geometry": {"type": "Polygon", "coordinates": [[]]}}, "ring 0: a ring needs at least four"),
        (feature(RING[:4]), "ring 0, vertex 3: the ring is not closed"),
        (feature(moved(2, [1.1, "44.1"])), "ring 0, vertex 2: holds something that is no number"),
        (feature(moved(2, [1.1, None])), "ring 0, vertex 2: holds something that is no number"),
        (feature(moved(2, [1.1])), "ring 0, vertex 2: is no position"),
        (feature(moved(2, 1.1)), "ring 0, vertex 2: is no position"),
        (feature(moved(2, [float("nan"), 44.1])), "ring 0, vertex 2: holds NaN"),
        (feature(moved(2, [float("inf"), 44.1])), "ring 0, vertex 2: holds NaN or an infinite number"),
        (feature(moved(2, [10**400, 44.1])), "ring 0, vertex 2: holds NaN or an infinite number"),
        (feature(moved(2, [44.1, 151.2])), "vertex 2: the latitude is over 90°: longitude comes first"),
        (feature(moved(2, [181.0, 44.1])), "vertex 2: is outside of ±180° longitude"),
        (feature(moved(2, [652_000.5, 6_862_000.5])), "vertex 2: looks like metres of a map projection"),
        (feature([RING[0], RING[2], RING[1], RING[3], RING[0]]), "its border is not simple: Self-intersection"),
        (feature([RING[0], RING[1], RING[0], RING[0]]), "its border is not simple"),
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
    projected = [[650_000 + 10 * index, 6_860_000] for index in range(50)]
    found = problems(
        tmp_path,
        collection(feature(projected, id="a"), feature(moved(1, ["x", 1]), id="b"), feature(id="c"), feature(id="c")),
    )
    assert [problem.split(":")[0] for problem in found] == [
        "feature 0 ('a'), ring 0, vertex 0",
        "feature 1 ('b'), ring 0, vertex 1",
        "feature 3 ('c')",
        "feature 3 ('c')",
    ]
    assert "feature 2 ('c') has the id 'c' already" in found[2]
    assert "has the shape" in found[3]


def test_latitude_before_longitude_is_seen_where_the_area_is_known(tmp_path: Path) -> None:
    swapped = feature([[lat, lon] for lon, lat in RING])
    (problem,) = problems(tmp_path, collection(swapped), expected=(0.0, 43.0, 2.0, 45.0))
    assert "latitude seems to stand before longitude" in problem
    (problem,) = problems(tmp_path, collection(feature()), expected=(50.0, 10.0, 51.0, 11.0))
    assert "is it the right file?" in problem


def test_limits_on_size_vertices_and_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zone_files, "MOST_VERTICES", 7)
    two = collection(feature(id="a"), feature([[lon + 1, lat] for lon, lat in RING], id="b"))
    assert "10 vertices; at most 7 are taken" in problems(tmp_path, two)[0]
    monkeypatch.setattr(zone_files, "MOST_FEATURES", 1)
    assert "has 2 features; at most 1" in problems(tmp_path, two)[0]
    monkeypatch.setattr(zone_files, "LARGEST_FILE", 100)
    assert "is larger than" in problems(tmp_path, two)[0]


def test_a_file_that_is_not_there_or_a_folder_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.geojson", tmp_path):
        with pytest.raises(ZoneFileError, match="can not be read"):
            read_zones(path)


def test_a_long_list_of_problems_is_cut_in_the_message_alone(tmp_path: Path) -> None:
    found = problems(tmp_path, collection(*[17] * 80))
    assert len(found) == 80


def test_a_vrt_document_is_no_zone_file(tmp_path: Path) -> None:
    layer = b'<OGRVRTLayer name="x"><SrcDataSource>/etc/hostname</SrcDataSource></OGRVRTLayer>'
    document = b"<OGRVRTDataSource>" + layer + b"</OGRVRTDataSource>"
    assert "is not JSON" in problems(tmp_path, document)[0]


def test_the_real_zones_are_taken(shared: Path) -> None:
    zones = read_zones(shared / "data" / "quartiers-paris-1-10.geojson", expected=(2.0, 48.0, 3.0, 49.0))
    assert len(zones) == 40
