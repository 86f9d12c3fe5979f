"""Reads zones from uploaded files: GeoJSON, GeoPackage, KML, zipped Shapefile. Reports all problems at once.

This process parses nothing of a file. It determines the format from the first bytes, copies the file into an empty
folder under a name of our own, runs `adapters.zone_import.reader` there, and checks everything that comes back.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import shapely
from shapely import MultiPolygon, Polygon
from shapely.errors import GEOSException

from adapters.address.zones import digest_of
from adapters.zone_import.bounds import Box, in_words
from adapters.zone_import.formats import CHUNK, FILES, copy, kind_of
from adapters.zone_import.layers import (
    LONGEST_TITLE,
    MOST_FEATURES,
    MOST_VERTICES,
    ZONE_ID,
    FileProblem,
    ZoneFileRequest,
)
from adapters.zone_import.reader import MOST_MEMORY, MOST_SECONDS, MOST_WRITTEN, TOO_MUCH
from config.regular_files import open_regular

SHOWN_PROBLEMS = 50

_LONGEST_SENTENCE = 600
_MOST_SENTENCES = 100_000
_SHAPEFILE = b"\x00\x00\x27\x0a"
"""The first bytes of .shp and .shx."""

_SHAPEFILE_HAS = (".shp", ".shx", ".dbf", ".prj")
_OF_SHAPEFILES = frozenset({*_SHAPEFILE_HAS, ".cpg"})

_UNUSABLE = (LookupError, TypeError, ValueError, StopIteration, GEOSException, MemoryError, RecursionError, OSError)
_ROOT = Path(__file__).resolve().parents[2]

_ENVIRONMENT = {
    "PYTHONPATH": str(_ROOT),
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",  # each of its threads needs memory
    "PROJ_NETWORK": "OFF",
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
}
"""The reader's whole environment. The last entries matter only if GDAL meets a URL, which it should not."""


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
        """The outline that pages draw: the coordinates of a GeoJSON MultiPolygon, as JSON text."""
        from adapters.zone_import.outlines import outline_of  # noqa: PLC0415 - its libraries are large, and few need it

        return json.dumps(outline_of(self.wkb), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """The content of a file: its zones, its coordinate system, and notes for the importer."""

    zones: Sequence[ZoneShape]
    crs: str
    notes: Sequence[str]

    @property
    def box(self) -> Box:
        """The box around all zones."""
        west, south, east, north = shapely.total_bounds(shapely.from_wkb([zone.wkb for zone in self.zones])).tolist()
        return west, south, east, north


class ZoneFileError(ValueError):
    """A file was refused as a whole. `problems` has one line each, with feature and vertex."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        shown = [f"{path.name}: {problem}" for problem in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            shown.append(f"{path.name}: and {len(problems) - SHOWN_PROBLEMS} more problems")
        super().__init__("\n".join(shown))
        self.problems = tuple(problems)


def read_zone_file(path: Path, request: ZoneFileRequest | None = None) -> ZoneFile:
    """The zones of a file. Raises ZoneFileError with everything that is wrong, where it is, and what to do."""
    try:
        # Files of the reader that cannot be removed are no reason to refuse the zones.
        with (
            tempfile.TemporaryDirectory(prefix="jurat-zones-", ignore_cleanup_errors=True) as name,
            tempfile.TemporaryFile() as output,
        ):
            _copy(path, Path(name))
            _run_reader(Path(name), request or ZoneFileRequest(), output)
            found, problems = _parse(output)
    except OSError as error:
        raise ZoneFileError(path, [f"cannot be read: {error.strerror or 'no such file'}"]) from None
    except ValueError as error:
        raise ZoneFileError(path, [str(error)]) from None
    if problems:
        raise ZoneFileError(path, problems)
    return found


def refuse_swapped(path: Path, found: ZoneFile, known: Iterable[bytes]) -> None:
    """Raise ZoneFileError if the zones would lie among `known` ones (WKB) only with their axes swapped."""
    if said := swapped_among(found.box, known):
        raise ZoneFileError(path, [f"{said}: fix the file, or give the right place with --expect"])


def swapped_among(box: Box, known: Iterable[bytes]) -> str:
    """A sentence where a box would lie among `known` zones (WKB) only with its axes swapped, else ""."""
    from adapters.zone_import.sets import seem_swapped  # noqa: PLC0415 - only an import needs it

    others = [shape for shape in shapely.from_wkb(list(known), on_invalid="ignore") if shape is not None]
    if not seem_swapped(box, others):
        return ""
    there = in_words(shapely.total_bounds(others).tolist())
    return f"it lies {in_words(box)}, and the imported zones {there}: latitude seems to come before longitude"


def _copy(path: Path, folder: Path) -> None:
    """Copy the file under our name for its kind, by its first bytes. Raises OSError, and FileProblem where it is too
    large, one file of a Shapefile, or of a format that is not read.
    """
    with open_regular(path) as source:  # opening a pipe would block
        first = source.read(CHUNK)
        kind = kind_of(first)
        if kind == "geojson" and (path.suffix.lower() in _OF_SHAPEFILES or first.startswith(_SHAPEFILE)):
            raise FileProblem(_lone_file_problem(path.suffix.lower()))
        copy(first, source.read, folder / FILES[kind])


def _lone_file_problem(suffix: str) -> str:
    *others, last = (each for each in _SHAPEFILE_HAS if each != suffix)
    it = "it with its" if suffix in _OF_SHAPEFILES else "its"
    return f"is one file of a Shapefile; zip {it} {', '.join(others)} and {last}, and import the zip"


def _run_reader(folder: Path, request: ZoneFileRequest, output: IO[bytes]) -> None:
    """Run the reader with its output in a file. Raises OSError, and FileProblem where the reader itself fails."""
    command = [sys.executable, "-P", "-s", "-B", "-m", "adapters.zone_import.reader"]
    with tempfile.TemporaryFile() as errors:
        try:
            code = subprocess.run(  # noqa: S603 - our own module, by this interpreter
                command,
                input=json.dumps(asdict(request)).encode(),
                stdout=output,
                stderr=errors,
                cwd=folder,
                env={**_ENVIRONMENT, "HOME": str(folder), "TMPDIR": str(folder)},
                timeout=MOST_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -signal.SIGXCPU
        if code in {-signal.SIGXCPU, -signal.SIGKILL}:
            raise FileProblem(f"took more than {MOST_SECONDS} s to read; simplify the borders or split the file")
        if code in {TOO_MUCH, -signal.SIGABRT, -signal.SIGXFSZ}:
            most = MOST_MEMORY // 1024 // 1024
            raise FileProblem(f"took more than {most} MB to read; simplify the borders or split the file")
        if code:
            kind = _error_kind(errors, code)
            raise FileProblem(f"cannot be read: its reader failed ({kind}); export it again as GeoJSON")


def _error_kind(errors: IO[bytes], code: int) -> str:
    """The class of the error that ended the reader, without its text, which may hold some of the file."""
    if code < 0:
        return signal.Signals(-code).name
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4096))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    kind = lines[-1].partition(":")[0] if lines else ""
    return kind[:60] if kind.replace(".", "").isidentifier() else f"exit code {code}"


def _parse(output: IO[bytes]) -> tuple[ZoneFile, list[str]]:
    """The file's content and problems, by the reader's output. Raises FileProblem where that is not usable."""
    try:
        lines = _lines(output)
        head = next(lines)
        problems, notes = _sentences(head["problems"]), _sentences(head["notes"])
        system = _sentences([head["crs"]])[0]
        return ZoneFile([] if problems else _zones(lines), system, notes), problems
    except _UNUSABLE:
        raise FileProblem(
            "cannot be read: its reader gave no usable answer; export the file again as GeoJSON"
        ) from None


def _lines(output: IO[bytes]) -> Iterator[Any]:
    """The reader's output, line by line. Raises ValueError where there is too much, or it is not JSON."""
    if output.seek(0, os.SEEK_END) > MOST_WRITTEN:
        raise ValueError("too much")
    output.seek(0)
    for line in output:
        yield json.loads(line)


def _sentences(texts: Any) -> list[str]:
    """Problems or notes from the reader, cut to a readable length, with printable characters only."""
    if not isinstance(texts, list) or len(texts) > _MOST_SENTENCES or not all(isinstance(text, str) for text in texts):
        raise TypeError("no list of sentences")
    return ["".join(sign if sign.isprintable() else "?" for sign in text[:_LONGEST_SENTENCE]) for text in texts]


def _zones(lines: Iterator[Any]) -> list[ZoneShape]:
    """The zones from the reader. Raises ValueError for those that it should not have let pass."""
    zones: dict[str, ZoneShape] = {}
    vertices = 0
    for line in lines:
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
