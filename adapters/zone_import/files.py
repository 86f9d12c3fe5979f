"""Reads zones from uploaded files: GeoJSON, GeoPackage, zipped Shapefile. Reports all problems at once.

Nothing of a file is parsed in this process. It finds out the kind from the first bytes, copies the file into an empty
folder under a name of our own, has `adapters.zone_import.reader` read it there, and looks at everything that comes
back again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import shapely
from shapely import MultiPolygon, Polygon

from adapters.address.zones import digest_of
from adapters.zone_import.examination import FILES, ZoneFileRequest
from adapters.zone_import.layers import (
    LARGEST_FILE,
    LONGEST_TITLE,
    MOST_FEATURES,
    MOST_VERTICES,
    ZONE_ID,
    FileProblem,
)
from adapters.zone_import.projection import Box
from adapters.zone_import.reader import MOST_MEMORY, MOST_SECONDS, MOST_WRITTEN, TOO_MUCH
from config.regular_files import open_regular

SHOWN_PROBLEMS = 50

_LONGEST_SENTENCE = 600
_MOST_SENTENCES = 100_000
_SHAPEFILE = b"\x00\x00\x27\x0a"
"""How .shp and .shx begin."""

_SHAPEFILE_HAS = (".shp", ".shx", ".dbf", ".prj")
_OF_SHAPEFILES = frozenset({*_SHAPEFILE_HAS, ".cpg"})

_CHUNK = 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]

_ENVIRONMENT = {
    "PYTHONPATH": str(_ROOT),
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",  # each of its threads wants memory
    "PROJ_NETWORK": "OFF",
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
}
"""All that the reader's environment holds. The last ones matter only should GDAL come to a URL, which it should not."""


@dataclass(frozen=True, slots=True)
class ZoneShape:
    """One zone of a file: its id and title, and its geometry as WKB (WGS 84 degrees, two dimensions)."""

    id: str
    title: str
    wkb: bytes
    digest: str
    vertices: int

    @property
    def outline(self) -> str:
        """What pages draw of it: the coordinates of a GeoJSON MultiPolygon, as JSON text."""
        from adapters.zone_import.outlines import outline_of  # noqa: PLC0415 - its libraries are large, and few need it

        return json.dumps(outline_of(self.wkb), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """What a file holds: its zones, the coordinate system that it was in, and what an importer should look at."""

    zones: Sequence[ZoneShape]
    crs: str
    notes: Sequence[str]


class ZoneFileError(ValueError):
    """A file whose zones cannot be taken; none of them are. `problems` has one line each, with feature and vertex."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        shown = [f"{path.name}: {problem}" for problem in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            shown.append(f"{path.name}: and {len(problems) - SHOWN_PROBLEMS} more problems")
        super().__init__("\n".join(shown))
        self.problems = tuple(problems)


def read_zones(
    path: Path, expected: Box | None = None, *, name_property: str = "id", title_property: str = "name"
) -> list[ZoneShape]:
    """The zones of a file alone, for who has no use for notes: see `read_zone_file`."""
    return list(
        read_zone_file(path, expected=expected, name_property=name_property, title_property=title_property).zones
    )


def read_zone_file(
    path: Path,
    *,
    name_property: str = "id",
    title_property: str = "name",
    layer: str | None = None,
    crs: str | None = None,
    expected: Box | None = None,
    overlapping: bool = False,
) -> ZoneFile:
    """The zones of a file: one a feature, Polygon or MultiPolygon.

    `name_property` and `title_property` are the properties that hold a zone's name and, perhaps, its title for people.
    `layer` names one of several in a GeoPackage. `crs` is the coordinate system of a file that names none. `expected`
    is where the zones should lie; it tells latitude before longitude from a far country. `overlapping` says that zones
    may overlap.

    Raises:
        ZoneFileError: with everything that is wrong, where it is, and what to do.
    """
    try:
        # What its reader leaves behind and nobody can remove is no reason to refuse a file.
        with (
            tempfile.TemporaryDirectory(prefix="jurat-zones-", ignore_cleanup_errors=True) as name,
            tempfile.TemporaryFile() as said,
        ):
            kind = _copy(path, Path(name))
            request = ZoneFileRequest(kind, name_property, title_property, layer, crs, expected, overlapping)
            _have_read(Path(name), request, said)
            found, problems = _answer(said)
    except OSError as error:
        raise ZoneFileError(path, [f"cannot be read: {error.strerror or 'no such file'}"]) from None
    except ValueError as error:
        raise ZoneFileError(path, [str(error)]) from None
    if problems:
        raise ZoneFileError(path, problems)
    return found


def _copy(path: Path, folder: Path) -> str:
    """Copy the file under a name of our own; its kind by its first bytes, whatever it is called.

    Raises OSError, and FileProblem where it is too large, or one file of several.
    """
    with open_regular(path) as source:  # a pipe would be waited for
        first = source.read(_CHUNK)
        if first.startswith(b"SQLite format 3\0"):
            kind = "geopackage"
        else:
            kind = "zip" if first.startswith(b"PK") else "geojson"
        if kind == "geojson" and (path.suffix.lower() in _OF_SHAPEFILES or first.startswith(_SHAPEFILE)):
            raise FileProblem(_lone(path.suffix.lower()))
        copied = 0
        with (folder / FILES[kind]).open("xb") as copy:
            while first:
                copied += len(first)
                if copied > LARGEST_FILE:
                    raise FileProblem(
                        f"is larger than {LARGEST_FILE // 1024 // 1024} MiB; simplify the borders or split the file"
                    )
                copy.write(first)
                first = source.read(_CHUNK)
    return kind


def _lone(suffix: str) -> str:
    *others, last = (each for each in _SHAPEFILE_HAS if each != suffix)
    it = "it with its" if suffix in _OF_SHAPEFILES else "its"
    return f"is one file of a Shapefile; zip {it} {', '.join(others)} and {last}, and import the zip"


def _have_read(folder: Path, request: ZoneFileRequest, said: IO[bytes]) -> None:
    """Have the file read, and what its reader says written to `said`.

    Raises OSError, and FileProblem with what went wrong with the reader itself.
    """
    command = [sys.executable, "-P", "-s", "-B", "-m", "adapters.zone_import.reader"]
    with tempfile.TemporaryFile() as failed:
        try:
            ended = subprocess.run(  # noqa: S603 - our own module, by this interpreter
                command,
                input=json.dumps(asdict(request)).encode(),
                stdout=said,
                stderr=failed,
                cwd=folder,
                env={**_ENVIRONMENT, "HOME": str(folder), "TMPDIR": str(folder)},
                timeout=MOST_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            ended = -signal.SIGXCPU
        if ended in {-signal.SIGXCPU, -signal.SIGKILL}:
            raise FileProblem(f"took more than {MOST_SECONDS} s to read; simplify the borders or split the file")
        if ended in {TOO_MUCH, -signal.SIGABRT, -signal.SIGXFSZ}:
            most = MOST_MEMORY // 1024 // 1024
            raise FileProblem(f"took more than {most} MB to read; simplify the borders or split the file")
        if ended:
            failure = _failure(failed, ended)
            raise FileProblem(f"cannot be read: its reader failed ({failure}); export it again as GeoJSON")


def _failure(failed: IO[bytes], ended: int) -> str:
    """The kind of the error that ended the reader. Its text may hold what stands in the file, and is not told."""
    if ended < 0:
        return signal.Signals(-ended).name
    failed.seek(max(0, failed.seek(0, os.SEEK_END) - 4096))
    lines = failed.read().decode("utf-8", "replace").strip().splitlines()
    kind = lines[-1].partition(":")[0] if lines else ""
    return kind[:60] if kind.replace(".", "").isidentifier() else f"exit code {ended}"


def _answer(said: IO[bytes]) -> tuple[ZoneFile, list[str]]:
    """What the reader said: what the file holds, and its problems. Raises FileProblem where that is no answer."""
    try:
        lines = _lines(said)
        head = next(lines)
        problems, notes = _sentences(head["problems"]), _sentences(head["notes"])
        system = _sentences([head["crs"]])[0]
        return ZoneFile([] if problems else _zones(lines), system, notes), problems
    except (
        LookupError,
        TypeError,
        ValueError,
        StopIteration,
        shapely.errors.GEOSException,
        MemoryError,
        RecursionError,
        OSError,
    ):
        raise FileProblem(
            "cannot be read: its reader gave no usable answer; export the file again as GeoJSON"
        ) from None


def _lines(said: IO[bytes]) -> Iterator[Any]:
    """What the reader said, line by line. Raises ValueError where it said too much, or something else than JSON."""
    if said.seek(0, os.SEEK_END) > MOST_WRITTEN:
        raise ValueError("too much")
    said.seek(0)
    for line in said:
        yield json.loads(line)


def _sentences(texts: Any) -> list[str]:
    """What the reader wants to be told to people, cut to what people read and a terminal can show."""
    if not isinstance(texts, list) or len(texts) > _MOST_SENTENCES or not all(isinstance(text, str) for text in texts):
        raise TypeError("no list of sentences")
    return ["".join(sign if sign.isprintable() else "?" for sign in text[:_LONGEST_SENTENCE]) for text in texts]


def _zones(said: Iterator[Any]) -> list[ZoneShape]:
    """The zones that the reader gave. Raises ValueError for what it should not have given."""
    zones: dict[str, ZoneShape] = {}
    vertices = 0
    for line in said:
        name, title, wkb = str(line["name"]), str(line["title"]), bytes.fromhex(line["wkb"])
        shape = shapely.from_wkb(wkb)
        if not isinstance(shape, Polygon | MultiPolygon) or shape.is_empty or shape.has_z or not shape.is_valid:
            raise ValueError("no valid polygon")
        west, south, east, north = shape.bounds
        count = int(shapely.get_num_coordinates(shape))
        vertices += count
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90) or vertices > MOST_VERTICES:
            raise ValueError("not on the earth, or too much")
        if not ZONE_ID.fullmatch(name) or len(title) > LONGEST_TITLE or not title.isprintable() or name in zones:
            raise ValueError("no name or title")
        zones[name] = ZoneShape(name, title, wkb, digest_of(wkb), count)
        if len(zones) > MOST_FEATURES:
            raise ValueError("too many")
    if not zones:
        raise ValueError("none")
    return list(zones.values())
