"""Tells by its first bytes what kind of file of zones an upload is, and copies no more of it than is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from adapters.zone_import.layers import LARGEST_FILE, FileProblem

FILES = {
    "geojson": "upload.json",
    "geopackage": "upload.gpkg",
    "kml": "upload.kml",
    "zip": "upload.zip",
    "gzip": "upload.gz",
}
"""The kinds of files, and their names in the folder. No name that an uploader chose reaches a library."""

CHUNK = 1024 * 1024

_FLATGEOBUF = re.compile(rb"fgb[\x01-\x0f]")
_KML = re.compile(rb"[^{]{0,2000}<kml\b")


def kind_of(first: bytes) -> str:
    """The kind of a file that begins so. Raises FileProblem for one that is known, and not read."""
    if _FLATGEOBUF.match(first):
        raise FileProblem(
            "is a FlatGeobuf, which is not read: convert it with `ogr2ogr -t_srs EPSG:4326 zones.geojson FILE`, or "
            "export it as GeoJSON"
        )
    for kind, begins in (("geopackage", b"SQLite format 3\0"), ("zip", b"PK"), ("gzip", b"\x1f\x8b")):
        if first.startswith(begins):
            return kind
    return "kml" if _KML.match(first) else "geojson"


def copy(first: bytes, read: Callable[[int], bytes], path: Path) -> None:
    """Write `first`, and what `read` gives after it, to a new file. Raises FileProblem where it is too large."""
    copied = 0
    with path.open("xb") as made:
        while first:
            copied += len(first)
            if copied > LARGEST_FILE:
                raise FileProblem(
                    f"is larger than {LARGEST_FILE // 1024 // 1024} MiB; simplify the borders or split the file"
                )
            made.write(first)
            first = read(CHUNK)
