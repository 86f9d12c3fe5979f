"""Reads zones from a GeoJSON file (RFC 7946), and says all that is wrong with it at once.

Only json and shapely read the file. GDAL would also follow what it names: other files of this machine, and URLs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from shapely import MultiPolygon, Polygon

from adapters.address.zones import digest_of

LARGEST_FILE = 10 * 1024 * 1024
MOST_VERTICES = 1_000_000
MOST_FEATURES = 10_000
SHOWN_PROBLEMS = 50

WGS84_NAMES = re.compile(r"(?:urn:ogc:def:crs:)?(?:OGC:1\.3:|OGC::?)?(?:CRS84|EPSG:(?:[\d.]*:)?4326)", re.IGNORECASE)
ZONE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""


@dataclass(frozen=True, slots=True)
class ZoneShape:
    """One zone of a file: its id and title, and its geometry as WKB (WGS 84 degrees, two dimensions)."""

    id: str
    title: str
    wkb: bytes
    digest: str
    vertices: int


class ZoneFileError(ValueError):
    """A file whose zones can not be taken; none of them are. `problems` has one line each, with feature and vertex."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        shown = [f"{path.name}: {problem}" for problem in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            shown.append(f"{path.name}: and {len(problems) - SHOWN_PROBLEMS} more problems")
        super().__init__("\n".join(shown))
        self.problems = tuple(problems)


def read_zones(
    path: Path, expected: Box | None = None, *, name_property: str = "id", title_property: str = "name"
) -> list[ZoneShape]:
    """The zones of the GeoJSON file `path`: one a feature, Polygon or MultiPolygon.

    `name_property` and `title_property` are the properties that hold a zone's name and, perhaps, its title for people.
    `expected` is where the zones should lie; it tells latitude before longitude from a far country.

    Raises:
        ZoneFileError: with everything that is wrong, where it is, and what to do.
    """
    features = _features(path)
    problems: list[str] = []
    zones: list[ZoneShape] = []
    vertices = 0
    first_use: dict[str, str] = {}
    for index, feature in enumerate(features):
        reader = _FeatureReader(index, feature, expected, name_property, title_property)
        zone = reader.read()
        problems += reader.problems
        vertices += reader.vertices
        for what in (f"the id {reader.id!r}", *([f"the shape {zone.digest[:12]}"] if zone else [])):
            if reader.id and what in first_use:
                problems.append(f"{reader.where}: {first_use[what]} has {what} already; each zone must be its own")
            first_use.setdefault(what, reader.where)
        if zone is not None:
            zones.append(zone)
    if vertices > MOST_VERTICES:
        problems.append(
            f"{vertices:,} vertices; at most {MOST_VERTICES:,} are taken: simplify the borders or split the file"
        )
    if problems:
        raise ZoneFileError(path, problems)
    return zones


def _features(path: Path) -> list[Any]:
    """The features of the file. Raises ZoneFileError where it is no GeoJSON in WGS 84 at all."""

    def wrong(problem: str) -> ZoneFileError:
        return ZoneFileError(path, [problem])

    try:
        with path.open("rb") as source:
            raw = source.read(LARGEST_FILE + 1)
    except OSError as error:
        raise wrong(f"can not be read: {error.strerror or 'no such file'}") from None
    if len(raw) > LARGEST_FILE:
        raise wrong(f"is larger than {LARGEST_FILE // 1024 // 1024} MiB; simplify the borders or split the file")
    try:
        document = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise wrong(f"is not UTF-8 (byte {error.start}); GeoJSON is") from None
    except json.JSONDecodeError as error:
        raise wrong(f"line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise wrong("is nested too deeply for GeoJSON") from None
    except ValueError as error:
        raise wrong(f"is not JSON: {str(error)[:100]}") from None
    if not isinstance(document, dict) or document.get("type") not in {"FeatureCollection", "Feature"}:
        raise wrong('is no GeoJSON FeatureCollection: it must be an object with "type": "FeatureCollection"')
    if (system := _foreign_system(document.get("crs"))) is not None:
        raise wrong(f"names the coordinate system {system}; zones are taken in WGS 84 (EPSG:4326): export it so")
    features = [document] if document["type"] == "Feature" else document.get("features")
    if not isinstance(features, list) or not features:
        raise wrong('has no features: "features" must be a list with at least one')
    if len(features) > MOST_FEATURES:
        raise wrong(f"has {len(features):,} features; at most {MOST_FEATURES:,} are taken")
    return features


def _foreign_system(crs: Any) -> str | None:
    """What a "crs" member names (GeoJSON before RFC 7946), unless that is WGS 84."""
    if crs is None:
        return None
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        return "in a way that can not be read"
    return None if WGS84_NAMES.fullmatch(name) else repr(name[:60])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:40]!r} stands twice in one object")
    return members


class _FeatureReader:
    """Reads one feature and collects what is wrong with it."""

    def __init__(self, index: int, feature: Any, expected: Box | None, name_property: str, title_property: str) -> None:
        self.problems: list[str] = []
        self.vertices = 0
        self._feature = feature if isinstance(feature, dict) else {}
        self._expected = expected
        properties = self._feature.get("properties")
        self._properties: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
        self._name_property = name_property
        self._title_property = title_property
        raw_id = self._properties.get(name_property, self._feature.get("id") if name_property == "id" else None)
        self.id = str(raw_id) if isinstance(raw_id, str | int) and not isinstance(raw_id, bool) else ""
        self.where = f"feature {index}" + (f" ({self.id[:64]!r})" if self.id else "")

    def read(self) -> ZoneShape | None:
        if self._feature.get("type") != "Feature":
            self._wrong('is no Feature: it must be an object with "type": "Feature"')
            return None
        if not ZONE_ID.fullmatch(self.id):
            wanted = 'letters, digits, ".", "_" and "-", at most 64, no space'
            self._wrong(f'needs "{self._name_property}" in its properties: {wanted}')
        title = self._properties.get(self._title_property, self.id)
        if not isinstance(title, str) or len(title) > 200 or "\0" in title:
            self._wrong(f'has a "{self._title_property}" that is no text of at most 200 characters')
            title = self.id
        geometry = self._geometry()
        if geometry is None or self.problems:
            return None
        wkb = shapely.to_wkb(geometry, output_dimension=2, byte_order=1)
        return ZoneShape(self.id, title, wkb, digest_of(wkb), self.vertices)

    def _wrong(self, problem: str, where: str = "") -> None:
        self.problems.append(f"{self.where}{where}: {problem}")

    def _geometry(self) -> Polygon | MultiPolygon | None:
        raw = self._feature.get("geometry")
        kind = raw.get("type") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or kind not in {"Polygon", "MultiPolygon"}:
            shown = kind[:40] if isinstance(kind, str) else "none"
            self._wrong(f"has the geometry {shown}; a zone is a Polygon or a MultiPolygon")
            return None
        coordinates = raw.get("coordinates")
        parts = [coordinates] if kind == "Polygon" else coordinates
        if not isinstance(parts, list) or not parts or not all(isinstance(part, list) and part for part in parts):
            self._wrong('is empty: "coordinates" must hold at least one ring')
            return None
        polygons = []
        for number, part in enumerate(parts):
            where = f", part {number}" if kind == "MultiPolygon" else ""
            rings = [list(self._ring(ring, f"{where}, ring {position}")) for position, ring in enumerate(part)]
            if not self.problems:
                polygons.append(Polygon(rings[0], rings[1:]))
        if self.problems:
            return None
        geometry = polygons[0] if kind == "Polygon" else MultiPolygon(polygons)
        self._check(geometry)
        return geometry

    def _ring(self, ring: Any, where: str) -> Iterator[tuple[float, float]]:
        """The positions of a ring. Each kind of trouble is told once a ring, at its first vertex."""
        if not isinstance(ring, list) or len(ring) < 4:
            self._wrong("a ring needs at least four positions, the last equal to the first", where)
            return
        self.vertices += len(ring)
        told: set[str] = set()
        for index, position in enumerate(ring):
            problem = _position_problem(position)
            if problem is None:
                yield float(position[0]), float(position[1])
            elif problem not in told:
                told.add(problem)
                self._wrong(problem, f"{where}, vertex {index}")
        if not told and ring[0][:2] != ring[-1][:2]:
            self._wrong(
                "the ring is not closed: its last position must equal its first", f"{where}, vertex {len(ring) - 1}"
            )

    def _check(self, geometry: Polygon | MultiPolygon) -> None:
        for part in shapely.get_parts(geometry):
            west, _, east, _ = part.bounds
            if east - west > 180:
                self._wrong("is wider than 180°; a zone over the antimeridian must be cut there (RFC 7946, 3.1.9)")
                return
        if not geometry.is_valid:
            reason = shapely.is_valid_reason(geometry)
            self._wrong(f"its border is not simple: {reason}; mend it in the programme that it was drawn with")
            return
        if geometry.area == 0:
            self._wrong("has no area")
        if self._expected is not None:
            expected = shapely.box(*self._expected)
            if not geometry.intersects(expected):
                swapped = shapely.transform(geometry, lambda points: points[:, ::-1])
                hint = (
                    "latitude seems to stand before longitude"
                    if swapped.intersects(expected)
                    else "is it the right file?"
                )
                self._wrong(f"lies outside the expected area; {hint}")


def _position_problem(position: Any) -> str | None:
    if not isinstance(position, list) or not 2 <= len(position) <= 4:
        return "is no position: it must be a list of longitude and latitude"
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in position):
        return "holds something that is no number"
    try:
        longitude, latitude = float(position[0]), float(position[1])
    except OverflowError:
        longitude = latitude = math.inf
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return "holds NaN or an infinite number"
    if abs(longitude) <= 180 and abs(latitude) <= 90:
        return None
    if abs(longitude) <= 90 and abs(latitude) <= 180:
        return "the latitude is over 90°: longitude comes first, latitude second"
    if abs(longitude) > 1000 or abs(latitude) > 1000:
        return "looks like metres of a map projection; zones are taken in degrees, WGS 84 (EPSG:4326): export it so"
    return "is outside of ±180° longitude and ±90° latitude"
