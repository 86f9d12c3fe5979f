"""Transforms coordinates to WGS 84, so that what was inside stays inside.

A border is straight between two vertices: in the plane of the map that it was drawn on, and after the import in
degrees. These are different lines: in France's Lambert 93 they are up to 46 m apart over 45 km. So edges get more
vertices first, until both lines are within `CLOSE_M`.

pyproj (https://pyproj4.github.io/pyproj/stable/) comes with the extra [zones]. WGS 84 itself does not need it.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from adapters.zone_import.bounds import Box
from adapters.zone_import.layers import MOST_VERTICES, WGS84, FileProblem, Shape

CLOSE_M = 0.05
"""How far a border may move from where the file has it, in metres."""

DEGREE_M = 111_320.0
"""Metres in a degree of latitude, exact enough for the widths and areas that people read."""

Points = NDArray[np.float64]

_NAME = re.compile(r"(?:urn:ogc:def:crs:)?(?P<authority>[A-Za-z]{2,10})(?::[\d.]*)?:(?P<code>[A-Za-z0-9_]{1,30})")
_NAMES_A_FILE = re.compile(r"\b(?:EXTENSION|PARAMETERFILE)\s*[\[(]|PROJ-based", re.IGNORECASE)
"""The parts of WKT that give PROJ a string or a grid, either of which may be a path on this machine."""

_WGS84_NAMES = {WGS84, "OGC:CRS84"}
_SAMPLES = (0.25, 0.5, 0.75)
_ROUNDS = 5


class OutOfReach(ValueError):
    """A shape has no place in WGS 84, or needs too many vertices there; the message says which."""


@dataclass(frozen=True, slots=True)
class System:
    """A coordinate system: its name, and whether its unit is the degree or otherwise how many metres it is.

    `area` is where it is meant to be used, if known. `notes` are for the importer.
    """

    name: str
    degrees: bool
    unit_m: float = 1.0
    area: Box | None = None
    notes: tuple[str, ...] = ()
    to_degrees: Callable[[Points], Points] | None = None

    def scale(self, latitude: float) -> tuple[float, float]:
        """Metres in one unit of x and of y. Where the unit is the degree, they depend on the latitude."""
        if not self.degrees:
            return self.unit_m, self.unit_m
        return DEGREE_M * max(math.cos(math.radians(latitude)), 1e-6), DEGREE_M

    def to_wgs84(self, shape: Shape) -> Shape:
        """The shape in degrees, longitude first, its border moved by at most `CLOSE_M`. Raises OutOfReach."""
        if self.to_degrees is None:
            return shape
        parts = []
        for part in shapely.get_parts(shape):
            rings = [_ring(shapely.get_coordinates(ring), self.to_degrees) for ring in shapely.get_rings(part)]
            parts.append(Polygon(rings[0], rings[1:]))
        return parts[0] if isinstance(shape, Polygon) else MultiPolygon(parts)


def system_of(crs: str, given: str | None = None) -> System:
    """The coordinate system that a file names (a name such as EPSG:2154, or WKT), or `given` where it names none.

    Raises FileProblem where it is unknown, cannot be used for zones, differs from `given`, or needs pyproj.
    """
    if given is not None and name_of(given) is None:
        raise FileProblem(f"cannot be read in {given[:60]!r}: a coordinate system is named as in EPSG:2154")
    if not crs and given is None:
        raise FileProblem(
            "does not say its coordinate system: a Shapefile has it in its .prj, a GeoPackage in its layer. "
            "Ask the author of the file, and name it with --crs, such as --crs EPSG:2154"
        )
    found = _system(crs or str(given))
    if crs and given is not None and _system(given).name != found.name:
        raise FileProblem(f"is in {found.name} and not in {name_of(given)}: leave --crs out, or fix the file")
    return found


def name_of(crs: str) -> str | None:
    """The short form of a name, `EPSG:2154` for `urn:ogc:def:crs:EPSG::2154`; None where it is not a name."""
    found = _NAME.fullmatch(crs.strip())
    return f"{found['authority'].upper()}:{found['code'].upper()}" if found else None


def _system(crs: str) -> System:
    name = name_of(crs)
    if name in _WGS84_NAMES:
        return System(WGS84, degrees=True)
    shown = name or "one that is written out (WKT)"
    if name is None and _NAMES_A_FILE.search(crs):
        raise FileProblem(
            "writes its coordinate system out with files or parameters for PROJ, which are not followed: export it in "
            "WGS 84 (EPSG:4326)"
        )
    try:
        import pyproj  # noqa: PLC0415 - an extra, and only files in another system need it
    except ImportError:
        raise FileProblem(
            f"is in the coordinate system {shown}, for which pyproj is needed: pip install pyproj (`make demo` does "
            "it), or export the file in WGS 84 (EPSG:4326)"
        ) from None
    try:
        made = pyproj.CRS.from_user_input(name) if name else pyproj.CRS.from_wkt(crs)
        if made.is_compound:
            made = made.sub_crs_list[0]
        made = made.to_2d()
    except pyproj.exceptions.ProjError:
        raise FileProblem(
            f"is in a coordinate system that is not known ({shown[:60]}): export it in WGS 84 (EPSG:4326)"
        ) from None
    return _of(made, pyproj)


def _of(crs: Any, pyproj: Any) -> System:
    """A system by pyproj. Raises FileProblem where it is not for maps, or has no transformation to WGS 84."""
    authority = crs.to_authority()
    name = ":".join(authority) if authority else crs.name[:60]
    if name in _WGS84_NAMES:
        return System(WGS84, degrees=True)
    unit = crs.axis_info[0] if crs.axis_info else None
    if unit is None or not (crs.is_projected or (crs.is_geographic and unit.unit_name == "degree")):
        raise FileProblem(f"is in {name}, which has no place for zones: export it in WGS 84 (EPSG:4326)")
    transformer, notes = _way(crs, name, pyproj)
    used = crs.area_of_use
    area = (used.west, used.south, used.east, used.north) if used and used.west < used.east else None

    def to_degrees(points: Points) -> Points:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return System(name, bool(crs.is_geographic), float(unit.unit_conversion_factor), area, notes, to_degrees)


def _way(crs: Any, name: str, pyproj: Any) -> tuple[Any, tuple[str, ...]]:
    """The transformer to WGS 84, and notes for the importer. Ballpark transformations are not used."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about missing grids, which are reported below
            ways = pyproj.transformer.TransformerGroup(crs, "OGC:CRS84", always_xy=True, allow_ballpark=False)
            best = ways.transformers[0]
            transformer = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True, allow_ballpark=False)
    except (pyproj.exceptions.ProjError, IndexError):  # the latter where there is no usable transformer
        raise FileProblem(
            f"is in {name}, from which no exact way to WGS 84 is known here (a grid for it may not be installed): "
            "export it in WGS 84 (EPSG:4326)"
        ) from None
    if ways.best_available:
        return transformer, ()
    off = f"up to {best.accuracy:g} m" if best.accuracy >= 0 else "some metres"
    note = (
        f"the most exact way from {name} to WGS 84 needs a grid that is not installed; positions may be off by {off}, "
        "which a margin must cover"
    )
    return transformer, (note,)


def _ring(ring: Points, to_degrees: Callable[[Points], Points]) -> Points:
    """A ring in degrees, rounded to a tenth of a millimetre, so that another release of PROJ gives the same zone."""
    for _ in range(_ROUNDS):
        parts = _parts(ring, to_degrees)
        if len(parts) == parts.sum():
            break
        if parts.sum() > MOST_VERTICES:
            raise OutOfReach(f"needs more than {MOST_VERTICES:,} vertices in WGS 84: its edges are too long")
        ring = _split(ring, parts)
    rounded: Points = np.round(to_degrees(ring), 9)
    return rounded


def _split(ring: Points, parts: NDArray[np.int64]) -> Points:
    """The ring with each edge cut into so many equal parts."""
    edge = np.repeat(np.arange(len(parts)), parts)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    share = (step / parts[edge])[:, None]
    return np.vstack([ring[edge] + (ring[edge + 1] - ring[edge]) * share, ring[-1:]])


def _parts(ring: Points, to_degrees: Callable[[Points], Points]) -> NDArray[np.int64]:
    """The number of parts that each edge must be cut into. Halves of a curve bend a quarter as much as the whole. It
    depends only on the edge, so that two zones that share one cut it in the same places.
    """
    starts, ends = ring[:-1], ring[1:]
    corners = to_degrees(ring)
    if not np.isfinite(corners).all():
        raise OutOfReach("lies where its coordinate system has no place in WGS 84: is it the right one?")
    scale = np.column_stack([np.cos(np.radians(corners[:-1, 1] + corners[1:, 1]) / 2), np.ones(len(starts))]) * DEGREE_M
    straight = (corners[1:] - corners[:-1]) * scale
    length = np.hypot(straight[:, 0], straight[:, 1])
    bend = np.zeros(len(starts))
    with np.errstate(invalid="ignore", over="ignore"):
        for share in _SAMPLES:
            gap = (to_degrees(starts + (ends - starts) * share) - corners[:-1]) * scale
            across = np.abs(straight[:, 0] * gap[:, 1] - straight[:, 1] * gap[:, 0])
            bend = np.maximum(bend, np.divide(across, length, out=np.zeros_like(across), where=length > 0))
    # Edges that leave the map or cross the antimeridian are reported later, as such.
    bend[~np.isfinite(bend) | (np.abs(corners[1:, 0] - corners[:-1, 0]) > 180)] = 0
    wanted = np.ceil(np.sqrt(bend / (0.8 * CLOSE_M)))
    return np.where(bend > CLOSE_M, np.minimum(wanted, MOST_VERTICES), 1).astype(np.int64)
