"""Invented zones as files of each kind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import Polygon

from adapters.zone_import.examination import Found, examine
from adapters.zone_import.formats import FILES
from adapters.zone_import.layers import ZoneFileRequest

RING = [[1.0, 44.0], [1.1, 44.0], [1.1, 44.1], [1.0, 44.1], [1.0, 44.0]]

VALMONT = (600_000.0, 6_500_000.0)
"""Where invented zones lie in EPSG:2154, in metres."""


def feature(ring: Any = None, kind: Any = "Polygon", **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": [ring or RING]}
    return {"type": "Feature", "properties": {"id": "meadow", **properties}, "geometry": geometry}


def parts(*polygons: Any, **properties: Any) -> dict[str, Any]:
    """A feature whose MultiPolygon has these parts, each a list of rings."""
    made = feature(kind="MultiPolygon", **properties)
    made["geometry"]["coordinates"] = list(polygons)
    return made


def collection(*features: Any, **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **members}


def named(crs: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": crs}}


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def examined(folder: Path, document: Any, **options: Any) -> Found:
    """What the reader finds in a GeoJSON document, in this process."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    (folder / FILES["geojson"]).write_bytes(raw)
    return examine(folder, ZoneFileRequest(**options))


def square(east: float = 0, north: float = 0, side: float = 1000) -> Polygon:
    """A square in EPSG:2154."""
    west, south = VALMONT[0] + east, VALMONT[1] + north
    return shapely.box(west, south, west + side, south + side)


def write(path: Path, zones: Mapping[str, Any], *, crs: str | None = "EPSG:2154", driver: str = "GPKG") -> Path:
    """A layer of zones, written by GDAL."""
    import pyogrio.raw

    kind = "MultiPolygon" if any(shape.geom_type != "Polygon" for shape in zones.values()) else "Polygon"
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shape) for shape in zones.values()], dtype=object),
        field_data=[
            np.array(list(zones), dtype=object),
            np.array([f"Quartier {name} d'Été" for name in zones], dtype=object),
        ],
        fields=["id", "name"],
        geometry_type=f"{kind} Z" if any(shape.has_z for shape in zones.values()) else kind,
        crs=crs,
        driver=driver,
        encoding="UTF-8" if driver == "ESRI Shapefile" else None,
    )
    return path


def shapefile(folder: Path, zones: Mapping[str, Any], crs: str = "EPSG:2154") -> dict[str, bytes]:
    """The files of a Shapefile by their names."""
    write(folder / "zones.shp", zones, crs=crs, driver="ESRI Shapefile")
    endings = (".shp", ".shx", ".dbf", ".prj", ".cpg")
    return {f"zones{ending}": (folder / f"zones{ending}").read_bytes() for ending in endings}


def zipped(files: Mapping[str, bytes] | Sequence[tuple[zipfile.ZipInfo, bytes]], prefix: str = "") -> bytes:
    """A zip with these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(prefix + name if isinstance(name, str) else name, content)
    return made.getvalue()
