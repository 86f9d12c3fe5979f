"""How a file of zones is read, its unchecked content (features with a name, a title and a shape), and its limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shapely import MultiPolygon, Polygon

from adapters.zone_import.bounds import Box
from config.names import NAME_PATTERN

LARGEST_FILE = 50 * 1024 * 1024
MOST_VERTICES = 1_000_000
MOST_FEATURES = 10_000
LONGEST_TITLE = 200
WGS84 = "EPSG:4326"

ZONE_ID = re.compile(NAME_PATTERN)
"""A name that a configuration can use, to be matched in full."""

Shape = Polygon | MultiPolygon


def box_of(text: str) -> Box:
    """West, south, east and north as a person wrote them, with commas. Raises ValueError, which says what is wrong."""
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise ValueError("four numbers are expected, such as 2.2,48.8,2.5,48.9") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError("west, south, east and north are expected in this order, in degrees")
    return west, south, east, north


class FileProblem(ValueError):
    """The file as a whole is refused; the message says why and what to do, without the file's name."""


@dataclass(frozen=True, slots=True)
class ZoneFileRequest:
    """How to read a file: each feature is one zone, a Polygon or MultiPolygon.

    `name_property` and `title_property` are the properties with a zone's name, which the configuration uses, and,
    optionally, its title for people. `layer` names one of several in a GeoPackage. `crs` is the coordinate system of a
    file that names none. The zones should lie in `expected`, by which swapped axes are recognised. `overlapping` says
    that zones may overlap.
    """

    name_property: str = "id"
    title_property: str = "name"
    layer: str | None = None
    crs: str | None = None
    expected: Box | None = None
    overlapping: bool = False


@dataclass(slots=True)
class Feature:
    """One feature of a file. `shape` is in the file's own coordinates, None where none can be read.

    `problems` and `notes` each begin with the place: feature, part, ring, vertex, all counted from 0.
    """

    index: int
    name: str = ""
    title: str = ""
    shape: Shape | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, index: int, properties: Mapping[str, Any], request: ZoneFileRequest, own_id: Any = None) -> Feature:
        """A feature with the name and title from its properties. GeoJSON's own id can replace the property `id`."""
        wanted, titled = request.name_property, request.title_property
        raw = properties.get(wanted, own_id if wanted == "id" else None)
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)  # what a column of whole numbers with gaps becomes
        name = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
        feature = cls(index, name, name)
        if not ZONE_ID.fullmatch(name):
            feature.wrong(
                f'needs "{wanted}" in its properties: lower-case letters, digits, "-" and "_", at most 63, a letter '
                "or digit first" + _instead(properties, wanted)
            )
        title = properties.get(titled)
        if title is None:
            return feature
        if isinstance(title, str) and len(title) <= LONGEST_TITLE and title.isprintable():
            feature.title = title or name
        else:
            feature.wrong(f'has a "{titled}" that is no text of at most {LONGEST_TITLE} printable characters')
        return feature

    @property
    def where(self) -> str:
        """`feature 3 ('harbour')`."""
        return f"feature {self.index}" + (f" ({self.name[:64]!r})" if self.name else "")

    def wrong(self, problem: str, place: str = "") -> None:
        """Add a problem, at a place such as `, ring 0, vertex 3`."""
        self.problems.append(f"{self.where}{place}: {problem}")

    def note(self, note: str, place: str = "") -> None:
        self.notes.append(f"{self.where}{place}: {note}")


@dataclass(frozen=True, slots=True)
class Layer:
    """The features of a file, and their coordinate system: a name such as EPSG:2154, WKT, or "" where it names none."""

    features: Sequence[Feature]
    crs: str


def too_many(features: int) -> FileProblem:
    """The error for a file with more features than are accepted."""
    return FileProblem(f"has {features:,} features; at most {MOST_FEATURES:,} are taken")


def _instead(properties: Mapping[str, Any], name: str) -> str:
    """The properties that exist, where `name` is not among them."""
    if name in properties or not properties:
        return ""
    there = ", ".join(str(key)[:40] for key in list(properties)[:8])
    return f"; there are {there} (--name-property)"
