"""KML: each Placemark is a zone, checked as a feature of GeoJSON is, and nothing in it is followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from adapters.zone_import.examination import Found, examine
from adapters.zone_import.formats import FILES
from adapters.zone_import.layers import ZoneFileRequest
from tests.adapters.zone_import.documents import box, collection, examined, feature, write

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>'
TAIL = "</Folder></Document></kml>"
SQUARE = "1,44,0 1.1,44,0 1.1,44.1,0\n 1,44.1,0 1,44,0"


def polygon(outer: str = SQUARE, *inner: str) -> str:
    holes = "".join(f"<innerBoundaryIs>{ring(each)}</innerBoundaryIs>" for each in inner)
    return f"<Polygon><outerBoundaryIs>{ring(outer)}</outerBoundaryIs>{holes}</Polygon>"


def ring(coordinates: str) -> str:
    return f"<LinearRing><coordinates>{coordinates}</coordinates></LinearRing>"


def placemark(geometry: str = "", name: str = "meadow", data: str = "") -> str:
    return f'<Placemark id="{name}"><name>La Prairie</name>{data}{geometry or polygon()}</Placemark>'


def read(folder: Path, content: str | bytes, **options: Any) -> Found:
    (folder / FILES["kml"]).write_bytes(content.encode() if isinstance(content, str) else content)
    return examine(folder, ZoneFileRequest(**options))


def test_it_gives_what_the_same_zones_in_geojson_give(tmp_path: Path) -> None:
    hole = " ".join(f"{x},{y}" for x, y in box(1.02, 44.02, 1.04, 44.04))
    other = " ".join(f"{x},{y}" for x, y in box(2, 44, 2.1, 44.1))
    both = f"<MultiGeometry>{polygon()}{polygon(other)}</MultiGeometry>"
    found = read(tmp_path, HEAD + placemark(polygon(SQUARE, hole)) + TAIL)
    several = read(tmp_path, HEAD + placemark(both, "quay") + TAIL)
    assert (found.problems, several.problems, found.crs) == ([], [], "EPSG:4326")
    (tmp_path / FILES["kml"]).unlink()
    made = feature(name="La Prairie")
    made["geometry"]["coordinates"].append(box(1.02, 44.02, 1.04, 44.04))
    assert examined(tmp_path, collection(made)).zones == found.zones
    assert shapely.get_num_geometries(several.zones[0][2]) == 2


def test_names_may_be_in_its_data(tmp_path: Path) -> None:
    simple = '<ExtendedData><SchemaData><SimpleData name="code"> north </SimpleData></SchemaData></ExtendedData>'
    plain = '<ExtendedData><Data name="code"><value>south</value></Data></ExtendedData>'
    far = polygon(SQUARE.replace("1,", "3,").replace("1.1,", "3.1,"))
    content = HEAD + placemark(name="A", data=simple) + placemark(far, "B", plain) + TAIL
    found = read(tmp_path, content, name_property="code")
    assert [zone[:2] for zone in found.zones] == [("north", "La Prairie"), ("south", "La Prairie")]
    assert "there are id, name, code" in read(tmp_path, content, name_property="kode").problems[0]


@pytest.mark.slow
def test_what_gdal_writes_is_read(tmp_path: Path) -> None:
    shapes = {"mill": shapely.box(1, 44, 1.1, 44.1), "quay": shapely.box(2, 44, 2.1, 44.1)}
    for driver in ("KML", "LIBKML"):
        path = write(tmp_path / f"{driver}.kml", shapes, crs="EPSG:4326", driver=driver)
        found = read(tmp_path, path.read_bytes())
        assert found.problems == []
        assert [zone[0] for zone in found.zones] == ["mill", "quay"]
        assert all(shape.equals(shapes[name]) for name, _, shape in found.zones)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEAD + TAIL, "no Placemark is in it"),
        (HEAD + placemark("<Point><coordinates>1,44</coordinates></Point>") + TAIL, "has the geometry Point"),
        (HEAD + placemark(f"<MultiGeometry>{polygon()}{ring(SQUARE)}</MultiGeometry>") + TAIL, "geometry LinearRing"),
        (HEAD + placemark("<name/>") + TAIL, "is empty"),
        (HEAD + placemark(polygon("1,44 1.1,44 1.1,44.1 1,44.1")) + TAIL, "is not closed"),
        (HEAD + placemark(polygon("1,44 1.1,44 x,44.1 1,44")) + TAIL, "holds something that is not a number"),
        (HEAD + placemark(polygon("1,44 1.1,44 nan,44.1 1,44")) + TAIL, "holds NaN"),
        (HEAD + placemark(polygon("44 1.1 44.1 1")) + TAIL, "is no position"),
        (HEAD + placemark(polygon("")) + TAIL, "at least four positions"),
        (HEAD + placemark(polygon("48,2 48,95 49,95 48,2")) + TAIL, "the latitude is over 90°"),
        (HEAD + placemark(), "is no well-formed KML"),
        ("<kml>&lol;</kml>", "is no well-formed KML"),
        ('<!DOCTYPE kml [<!ENTITY a SYSTEM "file:///etc/hostname">]><kml>&a;</kml>', "has a document type"),
        ('<!DOCTYPE kml SYSTEM "http://127.0.0.1/kml.dtd"><kml/>', "has a document type"),
        (HEAD + placemark() * 2 + TAIL, "already; each zone must be its own"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, content: str, said: str) -> None:
    found = read(tmp_path, content)
    assert found.zones == []
    assert said in json.dumps(found.problems, ensure_ascii=False)


def test_a_document_type_in_another_encoding_is_refused_too(tmp_path: Path) -> None:
    content = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE kml [<!ENTITY a "aaaa">]><kml>&a;</kml>'
    (problem,) = read(tmp_path, content.encode("utf-16")).problems
    assert "has a document type" in problem
