"""Reads features from GeoPackage (https://www.geopackage.org/spec131/) and zipped Shapefile
(https://www.esri.com/content/dam/esrisites/sitecore-archive/Files/Pdfs/library/whitepapers/pdfs/shapefile.pdf).

A GeoPackage is a database whose views, triggers and virtual tables may name other files. So only SQLite reads it,
read-only, and only plain tables. GDAL reads a Shapefile, with no other driver loaded, from files that were unpacked
here under names of our own.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import shapely
from shapely import MultiPolygon, Polygon

from adapters.zone_import.layers import MOST_FEATURES, Feature, FileProblem, Layer, ZoneFileRequest, too_many

MOST_ENTRIES = 50
LARGEST_UNPACKED = 200 * 1024 * 1024
LARGEST_RATIO = 200
"""How many times larger than packed a file in a zip may be. Tables with many blanks reach 100, bombs 1,000."""

SHAPEFILE_DRIVER = "ESRI Shapefile"

_SHAPEFILE_PARTS = (".shp", ".shx", ".dbf")
_SYSTEM, _ENCODING = ".prj", ".cpg"
_OF_SHAPEFILES = (*_SHAPEFILE_PARTS, _SYSTEM, _ENCODING)
_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


# --------------------------------------------------------------------------------------------------------- GeoPackage


def read_geopackage(path: Path, request: ZoneFileRequest) -> Layer:
    """The features of one table of polygons; the request's `layer` names it where there are several.

    Raises FileProblem where it is no GeoPackage, or the layer is ambiguous, or has no features, or too many.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as package:
            package.execute("PRAGMA trusted_schema = OFF")
            package.execute("PRAGMA cell_size_check = ON")
            package.set_authorizer(_allow_reading)
            package.row_factory = sqlite3.Row
            return _layer(package, request)
    except sqlite3.DatabaseError as error:
        raise FileProblem(f"cannot be read as a GeoPackage: {str(error)[:100]}") from None


def _allow_reading(action: int, *_: str | None) -> int:
    """SQLite calls this for each step of a statement. Functions, attached files and changes are denied."""
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ}
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _layer(package: sqlite3.Connection, request: ZoneFileRequest) -> Layer:
    layer = request.layer
    found = {
        str(row["table_name"]): (str(row["column_name"]), row["srs_id"])
        for row in package.execute(
            "SELECT g.table_name, g.column_name, g.srs_id FROM gpkg_geometry_columns g "
            "JOIN gpkg_contents c ON c.table_name = g.table_name WHERE c.data_type = 'features' LIMIT 100"
        )
    }
    if layer is None and len(found) == 1:
        (layer,) = found
    if layer not in found:
        there = ", ".join(name[:40] for name in found) or "none"
        raise FileProblem(f"has the layers {there}; name the one to take with --layer")
    stored = package.execute("SELECT type, sql FROM sqlite_schema WHERE name = ?", (layer,)).fetchone()
    if stored is None or stored["type"] != "table" or not str(stored["sql"]).upper().startswith("CREATE TABLE"):
        raise FileProblem(f"has the layer {layer[:40]!r} as something other than a plain table: export it again")
    column, system = found[layer]
    quoted = layer.replace('"', '""')
    everything = f'SELECT * FROM "{quoted}" LIMIT {MOST_FEATURES + 1}'  # noqa: S608 - quoted
    rows = package.execute(everything).fetchall()
    if len(rows) > MOST_FEATURES:
        raise too_many(len(rows))
    features = []
    for index, row in enumerate(rows):
        properties = dict(zip(row.keys(), row, strict=True))
        blob = properties.pop(column, None)
        features.append(_feature(index, properties, request, _wkb_of(blob)))
    return _layer_of(features, _crs_of(package, system))


def _wkb_of(blob: Any) -> bytes | None:
    """The WKB after the header of a GeoPackage's geometry (2.1.3): GP, version, flags, reference system, envelope."""
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP":
        return None
    return blob[8 + _ENVELOPE_BYTES.get((blob[3] >> 1) & 7, len(blob)) :]


def _crs_of(package: sqlite3.Connection, system: Any) -> str:
    row = package.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?",
        (system,),
    ).fetchone()
    if row is None or system in (-1, 0):  # "undefined", by the standard
        return ""
    if str(row["organization"]).upper() in {"EPSG", "IGNF", "ESRI", "OGC"}:
        return f"{row['organization']}:{row['organization_coordsys_id']}"
    definition = str(row["definition"])
    return "" if definition.lower() == "undefined" else definition


# ---------------------------------------------------------------------------------------------------------- Shapefile


def read_zipped_shapefile(path: Path, request: ZoneFileRequest) -> Layer:
    """The features of the one Shapefile in a zip, which may be in a folder there. Unpacks it next to the zip.

    Raises FileProblem where the zip holds anything that a Shapefile does not need, or pyogrio is missing.
    """
    stem = path.with_name("unpacked")
    _unpack(path, stem)
    try:
        import pyogrio.errors  # noqa: PLC0415 - an extra
        import pyogrio.raw  # noqa: PLC0415 - an extra
    except ImportError:
        raise FileProblem(
            "is a Shapefile, for which pyogrio is needed: pip install pyogrio (`make demo` does it), or export the "
            "file as GeoJSON"
        ) from None
    _forget_other_drivers(pyogrio)
    source = stem.with_suffix(".shp")
    try:
        there = pyogrio.read_info(source)
        if there["driver"] != SHAPEFILE_DRIVER:
            raise FileProblem("is no Shapefile")
        if (there["features"] or 0) > MOST_FEATURES:
            raise too_many(int(there["features"]))
        meta, _, shapes, fields = pyogrio.raw.read(source, force_2d=True, max_features=MOST_FEATURES + 1)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError):
        raise FileProblem("cannot be read as a Shapefile: it is damaged; export it again, with its .cpg") from None
    if shapes is None:
        raise FileProblem("has no features")
    columns = dict(zip((str(name) for name in meta["fields"]), fields, strict=True))
    features = [
        _feature(index, {name: _plain(column[index]) for name, column in columns.items()}, request, wkb)
        for index, wkb in enumerate(shapes)
    ]
    system = stem.with_suffix(_SYSTEM)
    return _layer_of(features, system.read_text("utf-8", "replace").strip() if system.exists() else "")


def _forget_other_drivers(pyogrio: Any) -> None:
    """Leave GDAL with this driver alone; otherwise it opens a file with any that can. GDAL applies its list of drivers
    to skip when drivers are registered, which pyogrio did when it was loaded.
    """
    others = [name for name in pyogrio.list_drivers() if name != SHAPEFILE_DRIVER]
    pyogrio.set_gdal_config_options({"GDAL_SKIP": ",".join(others) + ","})
    pyogrio.core._register_drivers()  # noqa: SLF001 - there is no public way, and the result is checked
    if left := set(pyogrio.list_drivers()) - {SHAPEFILE_DRIVER}:
        raise FileProblem(f"is not read, for GDAL here would not give up {', '.join(sorted(left))[:100]}")


def _unpack(path: Path, stem: Path) -> None:
    """Unpack the parts of the Shapefile to `stem` with their endings."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _parts_of(_check_entries(archive.infolist()))
            for ending, entry in entries.items():
                with archive.open(entry) as packed, stem.with_suffix(ending).open("xb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
        if isinstance(error, FileProblem):
            raise
        raise FileProblem("cannot be unpacked: the zip is damaged; zip the Shapefile again") from None


def lone_entry(files: list[zipfile.ZipInfo]) -> zipfile.ZipInfo | None:
    """The only file of a zip, where it is none of a Shapefile. Raises FileProblem with an entry that could do harm."""
    entries = [entry for _, entry in _named(_check_entries(files))]
    alone = len(entries) == 1 and PurePosixPath(entries[0].filename).suffix.lower() not in _OF_SHAPEFILES
    return entries[0] if alone else None


def _named(files: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[PurePosixPath, zipfile.ZipInfo]]:
    """The files that somebody put into a zip, without what the system added."""
    for entry in files:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if not (entry.is_dir() or path.name.startswith(".") or "__MACOSX" in path.parts):
            yield path, entry


def _check_entries(files: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The entries of a zip. Raises FileProblem with the one that could do harm."""
    if len(files) > MOST_ENTRIES:
        raise FileProblem(f"holds {len(files)} files; a zipped Shapefile has at most {MOST_ENTRIES}")
    if sum(entry.file_size for entry in files) > LARGEST_UNPACKED:
        raise FileProblem(f"is larger than {LARGEST_UNPACKED // 1024 // 1024} MiB when it is unpacked")
    for entry in files:
        name = entry.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if name.startswith("/") or ".." in parts or ":" in name or "\0" in entry.orig_filename:
            problem = "has a path that leads out of the zip"
        elif kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            problem = "is a link or a device and no file"
        elif entry.flag_bits & 1:
            problem = "is encrypted"
        elif entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            problem = "is packed in another way than Shapefiles are (deflate)"
        elif entry.file_size > LARGEST_RATIO * max(entry.compress_size, 1024):
            problem = f"is more than {LARGEST_RATIO} times larger than it is packed"
        else:
            continue
        raise FileProblem(f"holds {entry.filename[:60]!a}, which {problem}; zip the Shapefile alone")
    return files


def _parts_of(files: Iterable[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
    """The parts of the one Shapefile among the files, by ending. They are in one folder, under one name."""
    there: dict[tuple[str, str], zipfile.ZipInfo] = {}
    for path, entry in _named(files):
        key = (str(path.with_suffix("")).lower(), path.suffix.lower())
        if key in there:
            raise FileProblem(f"holds {entry.filename[:60]!a} twice")
        there[key] = entry
    stems = sorted(stem for stem, ending in there if ending == ".shp")
    if len(stems) != 1:
        raise FileProblem(f"holds {len(stems)} Shapefiles (.shp); one is expected")
    missing = [ending for ending in _SHAPEFILE_PARTS if (stems[0], ending) not in there]
    if missing:
        raise FileProblem(f"lacks the {' and '.join(missing)} of its Shapefile")
    return {ending: there[stems[0], ending] for ending in _OF_SHAPEFILES if (stems[0], ending) in there}


# ------------------------------------------------------------------------------------------------------------- either


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _feature(index: int, properties: Mapping[str, Any], request: ZoneFileRequest, wkb: bytes | None) -> Feature:
    feature = Feature.of(index, properties, request)
    if wkb is None:
        feature.wrong("has no geometry; a zone is a Polygon or a MultiPolygon")
        return feature
    try:
        shape = shapely.force_2d(shapely.from_wkb(wkb))
    except NotImplementedError:  # CurvePolygon, MultiSurface and others, which GEOS reads and shapely does not
        feature.wrong("its geometry has curves; export it with straight segments, as a Polygon or a MultiPolygon")
        return feature
    except (shapely.errors.GEOSException, TypeError) as error:
        closed = "closed" in str(error)
        why = "a ring is not closed, its last vertex must equal its first" if closed else "it is damaged"
        feature.wrong(f"its geometry cannot be read: {why}; fix it in the program that it was drawn with")
        return feature
    if not isinstance(shape, Polygon | MultiPolygon) or shape.is_empty:
        kind = "an empty geometry" if shape.is_empty else f"the geometry {shape.geom_type}"
        feature.wrong(f"has {kind}; a zone is a Polygon or a MultiPolygon")
        return feature
    feature.shape = shape
    return feature


def _layer_of(features: list[Feature], crs: str) -> Layer:
    if not features:
        raise FileProblem("has no features")
    return Layer(features, crs)
