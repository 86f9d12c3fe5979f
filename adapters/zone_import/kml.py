"""Reads features from KML 2.2 (https://docs.ogc.org/is/12-007r2/12-007r2.html): each Placemark is one.

A property is a Data or SimpleData of the Placemark's ExtendedData; `name` and `id` are its own as well. What a
NetworkLink names is not read. KML is always in WGS 84.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.zone_import.geojson import feature_of
from adapters.zone_import.layers import MOST_FEATURES, WGS84, FileProblem, Layer, ZoneFileRequest, too_many

_OTHER_GEOMETRIES = ("Point", "LineString", "LinearRing", "Model")


def read_kml(path: Path, request: ZoneFileRequest) -> Layer:
    """The features of a KML file. Raises FileProblem where it is no KML, or has no features, or too many."""
    placemarks = _root(path.read_bytes()).findall(".//{*}Placemark")
    if not placemarks:
        raise FileProblem("has no features: no Placemark is in it, and what a NetworkLink names is not read")
    if len(placemarks) > MOST_FEATURES:
        raise too_many(len(placemarks))
    return Layer([feature_of(index, _geojson(each), request) for index, each in enumerate(placemarks)], WGS84)


def _root(raw: bytes) -> Any:
    """The document. Entities need a document type, with which a small file can become a large one, so it has none."""
    from lxml import etree  # noqa: PLC0415 - only the process that reads KML needs it

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    if b"<!DOCTYPE" not in raw:
        try:
            root: Any = etree.fromstring(raw, parser)
        except (etree.LxmlError, ValueError):
            raise FileProblem("is no well-formed KML: export it again, or as GeoJSON") from None
        if not root.getroottree().docinfo.doctype:
            return root
    raise FileProblem("has a document type (DOCTYPE), which no KML needs: export it again, or as GeoJSON")


def _geojson(placemark: Any) -> dict[str, Any]:
    """The same feature in GeoJSON."""
    own = {"id": placemark.get("id"), "name": placemark.findtext("{*}name")}
    properties: dict[str, Any] = {name: text.strip() for name, text in own.items() if text is not None}
    for each in placemark.iterfind("{*}ExtendedData//{*}SimpleData"):
        properties[each.get("name", "")] = (each.text or "").strip()
    for each in placemark.iterfind("{*}ExtendedData/{*}Data"):
        properties[each.get("name", "")] = (each.findtext("{*}value") or "").strip()
    inside = [kind for kind in _OTHER_GEOMETRIES for place in ("", "{*}MultiGeometry/") if _has(placemark, place, kind)]
    parts = [list(_rings(each)) for each in placemark.iterfind(".//{*}Polygon")]
    kind = inside[0] if inside else "MultiPolygon" if len(parts) != 1 else "Polygon"
    coordinates = parts[0] if kind == "Polygon" else parts
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def _has(placemark: Any, place: str, kind: str) -> bool:
    return placemark.find(f"{place}{{*}}{kind}") is not None


def _rings(polygon: Any) -> Iterator[list[Any]]:
    for boundary in ("outer", "inner"):
        for ring in polygon.iterfind(f"{{*}}{boundary}BoundaryIs/{{*}}LinearRing"):
            text = ring.findtext("{*}coordinates") or ""
            yield [[_number(each) for each in position.split(",")] for position in text.split()]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
