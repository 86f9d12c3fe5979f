"""Reads and checks a file of zones, from its format to shapes in WGS 84."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import shapely

from adapters.zone_import.features import check_shape, in_degrees
from adapters.zone_import.geojson import read_geojson
from adapters.zone_import.kml import read_kml
from adapters.zone_import.layers import MOST_VERTICES, WGS84, Feature, FileProblem, Layer, Shape, ZoneFileRequest
from adapters.zone_import.packages import read_geopackage, read_zipped_shapefile
from adapters.zone_import.packed import unpacked
from adapters.zone_import.projection import system_of
from adapters.zone_import.sets import check_set

SHOWN_PLACES = 3
"""Further places of one mistake that are reported."""


@dataclass(slots=True)
class Found:
    """The content of a file: `zones` with a name, a title and a shape in WGS 84, or none where it has problems."""

    crs: str = ""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    zones: list[tuple[str, str, Shape]] = field(default_factory=list)


def examine(folder: Path, request: ZoneFileRequest) -> Found:
    """Read and check the one file in the folder. Problems are in the result, never raised."""
    found = Found()
    try:
        layer = _read(folder, request)
        system = system_of(layer.crs, request.crs)
    except FileProblem as error:
        found.problems.append(str(error))
        return found
    found.crs = system.name
    found.notes += system.notes
    vertices = _vertices(feature.shape for feature in layer.features)
    if vertices <= MOST_VERTICES:
        for feature in layer.features:
            check_shape(feature, system)
        check_set(layer.features, system, overlapping=request.overlapping)
        for feature in layer.features:
            shape = in_degrees(feature, system, request.expected)
            if shape is not None:
                found.zones.append((feature.name, feature.title, shape))
        vertices = _vertices(shape for _, _, shape in found.zones)
    found.problems += _said_once((feature, feature.problems) for feature in layer.features)
    found.notes += _said_once((feature, feature.notes) for feature in layer.features)
    if vertices > MOST_VERTICES:
        found.problems.append(
            f"{vertices:,} vertices; at most {MOST_VERTICES:,} are taken: simplify the borders or split the file"
        )
    if found.problems:
        found.zones.clear()
    return found


def write(found: Found, out: IO[str]) -> None:
    """Write the result: one line of JSON about the file, and one for each zone."""
    head = {"crs": found.crs, "problems": found.problems, "notes": found.notes, "zones": len(found.zones)}
    out.write(json.dumps(head) + "\n")
    for name, title, shape in found.zones:
        wkb = shapely.to_wkb(shape, hex=True, output_dimension=2, byte_order=1)
        out.write(json.dumps({"name": name, "title": title, "wkb": wkb}) + "\n")


def _read(folder: Path, request: ZoneFileRequest) -> Layer:
    kind, path = unpacked(folder)
    match kind:
        case "geopackage":
            return read_geopackage(path, request)
        case "zip":
            return read_zipped_shapefile(path, request)
        case "kml":
            return read_kml(path, request)
    layer = read_geojson(path, request)
    return layer if layer.crs or request.crs else Layer(layer.features, WGS84)


def _said_once(said: Iterable[tuple[Feature, Iterable[str]]]) -> Iterator[str]:
    """What features have to say, in their order; a sentence that repeats comes once, with the first few places."""
    places: dict[str, list[str]] = {}
    for feature, sentences in said:
        for each in sentences:
            place, _, sentence = each.removeprefix(feature.where).partition(": ")
            places.setdefault(sentence, []).append(feature.where + place)
    for sentence, (first, *others) in places.items():
        such = "; ".join(others[:SHOWN_PLACES]) + ("; …" if len(others) > SHOWN_PLACES else "")
        yield f"{first}: {sentence}" + (f" (and {len(others):,} more: {such})" if others else "")


def _vertices(shapes: Iterable[Shape | None]) -> int:
    return sum(int(shapely.get_num_coordinates(shape)) for shape in shapes if shape is not None)
