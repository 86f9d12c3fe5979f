"""GeoPackages and zipped Shapefiles: what is taken of them, and what never comes to a library."""

from __future__ import annotations

import sqlite3
import stat
import struct
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import shapely
from shapely import Polygon

from adapters.zone_import import packages
from adapters.zone_import.examination import Found, examine
from adapters.zone_import.formats import FILES
from adapters.zone_import.layers import FileProblem, ZoneFileRequest
from adapters.zone_import.packages import _check_entries, _parts_of
from tests.adapters.zone_import.documents import square, write, zipped

TWO = {"mill": square(), "quay": square(1000)}

CURVED = (
    b"GP\0\1"
    + struct.pack("<i", 2154)
    + struct.pack("<BII", 1, 10, 1)  # a CurvePolygon of one ring
    + struct.pack("<BII", 1, 8, 3)
    + struct.pack("<6d", 0, 0, 2, 0, 0, 0)  # a CircularString
)


def package(folder: Path, *statements: str) -> Path:
    """A GeoPackage of two zones, changed by hand."""
    path = write(folder / FILES["geopackage"], TWO)
    change(path, *statements)
    return path


def change(path: Path, *statements: str) -> None:
    """Change a GeoPackage, without its triggers, which call functions that SQLite alone has not."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            connection.execute(statement)


def found_in(folder: Path, **options: str) -> Found:
    return examine(folder, ZoneFileRequest(**options))  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------------- GeoPackage


def test_a_geopackage_is_read_with_its_titles_and_its_coordinate_system(tmp_path: Path) -> None:
    package(tmp_path)
    found = found_in(tmp_path)
    assert (found.problems, found.notes, found.crs) == ([], [], "EPSG:2154")
    assert [(name, title) for name, title, _ in found.zones] == [
        ("mill", "Quartier mill d'Été"),
        ("quay", "Quartier quay d'Été"),
    ]
    assert all(shape.within(shapely.box(1.7, 45.5, 1.8, 45.7)) for _, _, shape in found.zones)


def test_multipolygons_heights_and_degrees_are_read(tmp_path: Path) -> None:
    far = shapely.force_3d(shapely.MultiPolygon([shapely.box(1, 44, 1.1, 44.1), shapely.box(2, 44, 2.1, 44.1)]), 7.5)
    write(tmp_path / FILES["geopackage"], {"both": far}, crs="EPSG:4326")
    found = found_in(tmp_path)
    assert found.crs == "EPSG:4326"
    assert found.zones[0][2].equals(shapely.force_2d(far))


@pytest.mark.parametrize(
    ("crs", "part"), [("EPSG:2154", square()), ("EPSG:4326", shapely.box(1, 44, 1.1, 44.1))], ids=["metres", "degrees"]
)
def test_an_empty_part_is_left_out(tmp_path: Path, crs: str, part: Polygon) -> None:
    path = write(tmp_path / FILES["geopackage"], {"mill": shapely.MultiPolygon([part, part])}, crs=crs)
    halved = shapely.to_wkb(shapely.from_wkt(f"MULTIPOLYGON (EMPTY, {part.wkt.removeprefix('POLYGON ')})"))
    change(path, f"UPDATE upload SET geom = X'47500001{bytes(4).hex()}{halved.hex()}'")  # GDAL writes no such part
    found = found_in(tmp_path)
    assert found.problems == []
    assert [shapely.get_num_geometries(shape) for _, _, shape in found.zones] == [1]


def test_the_layer_is_named_where_there_are_several(tmp_path: Path) -> None:
    path = package(tmp_path)
    add_layer(path, "other")
    assert "has the layers upload, other; name the one to take with --layer" in found_in(tmp_path).problems[0]
    assert [name for name, _, _ in found_in(tmp_path, layer="upload").zones] == ["mill", "quay"]
    assert "name the one to take" in found_in(tmp_path, layer="third").problems[0]


def add_layer(path: Path, layer: str) -> None:
    """A second layer, as a copy of the first."""
    change(
        path,
        f"CREATE TABLE {layer} AS SELECT * FROM upload",
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
        f"VALUES ('{layer}', 'features', '{layer}', 2154)",
        f"INSERT INTO gpkg_geometry_columns SELECT '{layer}', column_name, geometry_type_name, srs_id, z, m "
        "FROM gpkg_geometry_columns LIMIT 1",
    )


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE gpkg_geometry_columns SET srs_id = -1"], "does not say its coordinate system"),
        (["UPDATE upload SET geom = NULL WHERE id = 'quay'"], "feature 1 ('quay'): has no geometry"),
        (["UPDATE upload SET geom = X'4750' WHERE id = 'quay'"], "feature 1 ('quay'): has no geometry"),
        (
            ["UPDATE upload SET geom = substr(geom, 1, 60) WHERE id = 'quay'"],
            "feature 1 ('quay'): its geometry cannot be read: it is damaged",
        ),
        (
            [f"UPDATE upload SET geom = X'{CURVED.hex()}' WHERE id = 'quay'"],
            "feature 1 ('quay'): its geometry has curves; export it with straight segments",
        ),
        (["DELETE FROM upload"], "has no features"),
        (["DELETE FROM gpkg_geometry_columns"], "has the layers none"),
        (["DROP TABLE gpkg_contents"], "cannot be read as a GeoPackage"),
    ],
)
def test_a_damaged_geopackage_is_told(tmp_path: Path, statements: Sequence[str], said: str) -> None:
    package(tmp_path, *statements)
    found = found_in(tmp_path)
    assert found.zones == []
    assert said in found.problems[0]


@pytest.mark.parametrize(
    "layer",
    [
        "CREATE VIEW trick AS SELECT * FROM upload",
        "CREATE VIEW trick AS SELECT load_extension('/lib/evil.so') AS geom",
        "CREATE VIRTUAL TABLE trick USING fts5(geom)",
    ],
)
def test_a_layer_that_runs_something_is_not_read(tmp_path: Path, layer: str) -> None:
    package(
        tmp_path,
        layer,
        "UPDATE gpkg_contents SET table_name = 'trick', identifier = 'trick'",
        "UPDATE gpkg_geometry_columns SET table_name = 'trick'",
    )
    (problem,) = found_in(tmp_path).problems
    assert "as something other than a plain table" in problem or "cannot be read as a GeoPackage" in problem


def test_a_table_that_claims_to_be_a_view_s_neighbour_cannot_write_or_attach(tmp_path: Path) -> None:
    path = package(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.set_authorizer(packages._allow_reading)
        for statement in ("DELETE FROM upload", f"ATTACH '{path}' AS other", "SELECT hex(geom) FROM upload"):
            with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited"):
                connection.execute(statement).fetchall()


# ---------------------------------------------------------------------------------------------------------------- zip

PARTS = {"zones.shp": b"s", "zones.shx": b"x", "zones.dbf": b"d", "zones.prj": b"p"}


def checked(folder: Path, content: bytes) -> list[str]:
    """The endings of what would be unpacked."""
    path = folder / "some.zip"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        return sorted(_parts_of(_check_entries(archive.infolist())))


def test_a_zip_may_have_folders_other_files_and_endings_in_capitals(tmp_path: Path) -> None:
    assert checked(tmp_path, zipped(PARTS)) == [".dbf", ".prj", ".shp", ".shx"]
    more = {"Zones.SHP": b"s", "Zones.SHX": b"x", "Zones.dbf": b"d", "Zones.cpg": b"UTF-8", "Zones.shp.xml": b"<x/>"}
    strange = {**more, "__MACOSX/._Zones.shp": b"?", ".DS_Store": b"?", "licence.txt": b"free"}
    assert checked(tmp_path, zipped(strange, "export/2026/")) == [".cpg", ".dbf", ".shp", ".shx"]


def entry(name: str, mode: int = stat.S_IFREG | 0o644, compression: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    made.compress_type = compression
    return made


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((entry("../zones.prj"), b"p"), "has a path that leads out of the zip"),
        ((entry("/etc/cron.d/zones"), b"p"), "has a path that leads out of the zip"),
        ((entry("..\\..\\zones.prj"), b"p"), "has a path that leads out of the zip"),
        ((entry("C:\\zones.prj"), b"p"), "has a path that leads out of the zip"),
        ((entry("zones.prj", stat.S_IFLNK | 0o777), b"/etc/hostname"), "is a link or a device and no file"),
        ((entry("zones.prj", stat.S_IFIFO | 0o777), b""), "is a link or a device and no file"),
        ((entry("zones.cpg", compression=zipfile.ZIP_LZMA), b"UTF-8"), "is packed in another way"),
        ((entry("bomb"), bytes(5_000_000)), "is more than 200 times larger than it is packed"),
        ((entry("other/towns.shp"), b"s"), "holds 2 Shapefiles (.shp); one is expected"),
        ((entry("ZONES.shp"), b"s"), "twice"),
    ],
)
def test_a_zip_with_a_trick_is_refused_before_anything_is_unpacked(
    tmp_path: Path, more: tuple[zipfile.ZipInfo, bytes], said: str
) -> None:
    plain = [(entry(name), content) for name, content in PARTS.items() if name != more[0].filename]
    with pytest.raises(FileProblem) as caught:
        checked(tmp_path, zipped([*plain, more]))
    assert said in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["some.zip"]


def test_a_zip_with_too_much_or_too_little_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileProblem, match="holds 54 files"):
        checked(tmp_path, zipped(PARTS | {f"{number}.txt": b"" for number in range(50)}))
    with pytest.raises(FileProblem, match=r"lacks the \.shx and \.dbf of its Shapefile"):
        checked(tmp_path, zipped({"zones.shp": b"s", "other.dbf": b"d"}))
    with pytest.raises(FileProblem, match="holds 0 Shapefiles"):
        checked(tmp_path, zipped({"zones.geojson": b"{}"}))
    monkeypatch.setattr(packages, "LARGEST_UNPACKED", 3)
    with pytest.raises(FileProblem, match="is larger than"):
        checked(tmp_path, zipped(PARTS))


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_a_damaged_zip_is_told(tmp_path: Path, cut: int) -> None:
    (tmp_path / FILES["zip"]).write_bytes(zipped(PARTS)[:cut])
    (problem,) = examine(tmp_path, ZoneFileRequest()).problems
    assert "it is damaged; pack it again" in problem
