"""Reads features from GeoJSON (RFC 7946, https://www.rfc-editor.org/rfc/rfc7946) with json and shapely alone.

GDAL would also accept a VRT document, and open the local files and URLs that it names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shapely import MultiPolygon, Polygon

from adapters.zone_import.layers import MOST_FEATURES, Feature, FileProblem, Layer, Shape, ZoneFileRequest, too_many


def read_geojson(path: Path, request: ZoneFileRequest) -> Layer:
    """The features of a FeatureCollection, or the one of a Feature.

    Many programs still write the member "crs", which GeoJSON had before RFC 7946. Without it, the file is in WGS 84.
    Raises FileProblem where it is no GeoJSON, or has no features, or too many.
    """
    document = _document(path.read_bytes())
    if not isinstance(document, dict) or document.get("type") not in ("FeatureCollection", "Feature"):
        raise FileProblem('is no GeoJSON FeatureCollection: it must be an object with "type": "FeatureCollection"')
    features = [document] if document["type"] == "Feature" else document.get("features")
    if not isinstance(features, list) or not features:
        raise FileProblem('has no features: "features" must be a list with at least one')
    if len(features) > MOST_FEATURES:
        raise too_many(len(features))
    crs = _crs(document.get("crs"))
    return Layer([feature_of(index, raw, request) for index, raw in enumerate(features)], crs)


def _document(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise FileProblem(f"is not UTF-8 (byte {error.start}); GeoJSON is") from None
    except json.JSONDecodeError as error:
        raise FileProblem(f"line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise FileProblem("is nested too deeply for GeoJSON") from None
    except ValueError as error:
        raise FileProblem(f"is not JSON: {str(error)[:100]}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!r} is twice in one object")
    return members


def _crs(member: Any) -> str:
    """The name in a "crs" member, "" without one."""
    if member is None:
        return ""
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str) or not name or len(name) > 100:
        raise FileProblem('names its coordinate system in a way that cannot be read: fix or remove "crs"')
    return name


def feature_of(index: int, raw: Any, request: ZoneFileRequest) -> Feature:
    """One feature of GeoJSON; its problems are in it."""
    members = raw if isinstance(raw, dict) else {}
    properties = members.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    if members.get("type") != "Feature":
        name = properties.get(request.name_property)
        feature = Feature(index, name if isinstance(name, str) else "")
        feature.wrong('is no Feature: it must be an object with "type": "Feature"')
        return feature
    feature = Feature.of(index, properties, request, members.get("id"))
    feature.shape = _shape(feature, members.get("geometry"))
    return feature


def _shape(feature: Feature, raw: Any) -> Shape | None:
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or kind not in ("Polygon", "MultiPolygon"):
        shown = kind[:40] if isinstance(kind, str) else "none"
        feature.wrong(f"has the geometry {shown}; a zone is a Polygon or a MultiPolygon")
        return None
    coordinates = raw.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not parts or not all(isinstance(part, list) and part for part in parts):
        feature.wrong('is empty: "coordinates" must hold at least one ring')
        return None
    before = len(feature.problems)
    polygons = []
    for number, part in enumerate(parts):
        where = f", part {number}" if kind == "MultiPolygon" else ""
        rings = [list(_ring(feature, ring, f"{where}, ring {position}")) for position, ring in enumerate(part)]
        if len(feature.problems) == before:
            polygons.append(Polygon(rings[0], rings[1:]))
    if len(feature.problems) > before:
        return None
    return polygons[0] if kind == "Polygon" else MultiPolygon(polygons)


def _ring(feature: Feature, ring: Any, where: str) -> Iterator[tuple[float, float]]:
    """The positions of a ring. Each kind of problem is reported once per ring, at its first vertex."""
    if not isinstance(ring, list) or len(ring) < 4:
        feature.wrong("a ring needs at least four positions, the last equal to the first", where)
        return
    reported: set[str] = set()
    for index, position in enumerate(ring):
        problem = _position_problem(position)
        if problem is None:
            yield float(position[0]), float(position[1])
        elif problem not in reported:
            reported.add(problem)
            feature.wrong(problem, f"{where}, vertex {index}")
    if not reported and ring[0][:2] != ring[-1][:2]:
        feature.wrong(
            "the ring is not closed: its last position must equal its first", f"{where}, vertex {len(ring) - 1}"
        )


def _position_problem(position: Any) -> str | None:
    if not isinstance(position, list) or not 2 <= len(position) <= 4:
        return "is no position: it must be a list of longitude and latitude"
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in position):
        return "holds something that is not a number"
    try:
        finite = math.isfinite(float(position[0])) and math.isfinite(float(position[1]))
    except OverflowError:
        finite = False
    return None if finite else "holds NaN or an infinite number"
