"""Checks the shape of one feature: its positions, its border, and its place on the earth."""

from __future__ import annotations

import re

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from adapters.zone_import.bounds import Box, in_words
from adapters.zone_import.layers import Feature, Shape
from adapters.zone_import.projection import OutOfReach, System

MOST_CHANGED = 0.01
"""The share of its area by which a repair may change a shape. Beyond it, the shape that was meant is unknown."""

_METRES = (
    "looks like metres of a map projection, and the file says degrees: export it in WGS 84 (EPSG:4326), or name its "
    "coordinate system with --crs"
)
_POSITION = re.compile(r"(?P<what>.*)\[(?P<x>\S+) (?P<y>\S+)\]")


def check_shape(feature: Feature, system: System) -> None:
    """Check the shape in the file's coordinates. Problems are reported; a repair is noted."""
    shape = feature.shape
    feature.shape = None
    if isinstance(shape, MultiPolygon):  # a part may be EMPTY, and has no ring
        shape = MultiPolygon([part for part in shape.geoms if not part.is_empty])
    if shape is None or not _in_range(feature, shape, system):
        return
    if system.degrees and _too_wide(feature, shape):
        return
    valid = _repair(feature, shape, system)
    if valid is not None and valid.area == 0:
        feature.wrong("has no area")
    elif valid is not None:
        feature.shape = valid


def in_degrees(feature: Feature, system: System, expected: Box | None = None) -> Shape | None:
    """The checked shape in WGS 84; None where there is none. It should lie in `expected`."""
    if feature.shape is None:
        return None
    try:
        moved = system.to_wgs84(feature.shape)
    except OutOfReach as error:
        feature.wrong(str(error))
        return None
    if _too_wide(feature, moved):
        return None
    if not moved.is_valid:  # two parts of a border so close that a tenth of a millimetre joins them
        repaired = _repair(feature, moved, System(system.name, degrees=True))
        if repaired is None:
            return None
        moved = repaired
    if system.area is not None and not moved.intersects(shapely.box(*system.area)):
        feature.wrong(
            f"lies {in_words(moved.bounds)}, and {system.name} is for places {in_words(system.area)}; "
            + _why_outside_area(feature.shape, system)
        )
    elif expected is not None and not moved.intersects(shapely.box(*expected)):
        feature.wrong(f"lies {in_words(moved.bounds)}, outside the expected area; {_why_outside(moved, expected)}")
    return moved


def _why_outside_area(shape: Shape, system: System) -> str:
    """By the file's own coordinate system."""
    try:
        swapped = system.to_wgs84(shapely.transform(shape, lambda points: points[:, ::-1]))
    except OutOfReach:
        swapped = None
    if swapped is not None and swapped.intersects(shapely.box(*system.area or ())):
        return "its axes seem to be swapped: x, which goes east, comes first"
    return "is that its coordinate system?"


def _why_outside(shape: Shape, expected: Box) -> str:
    swapped = shapely.transform(shape, lambda points: points[:, ::-1])
    if swapped.intersects(shapely.box(*expected)):
        return "latitude seems to come before longitude"
    return "is it the right file?"


def _in_range(feature: Feature, shape: Shape, system: System) -> bool:
    """Whether all positions are numbers that the system can have. Reports the first of each kind that is not."""
    points = shapely.get_coordinates(shape)
    across, along = np.abs(points[:, 0]), np.abs(points[:, 1])
    finite = np.isfinite(points).all(axis=1)
    kinds = [(~finite, "holds NaN or an infinite number")]
    if system.degrees:
        swapped = finite & (across <= 90) & (along > 90) & (along <= 180)
        metres = finite & ((across > 1000) | (along > 1000))
        beyond = finite & ((across > 180) | (along > 90)) & ~swapped & ~metres
        kinds += [
            (swapped, "the latitude is over 90°: longitude comes first, latitude second"),
            (metres, _METRES),
            (beyond, "is outside of ±180° longitude and ±90° latitude"),
        ]
    elif finite.all() and len(points) and (across <= 180).all() and (along <= 90).all():
        feature.wrong(f"looks like degrees, and the file says {system.name}: name its coordinate system with --crs")
        return False
    wrong = [(np.flatnonzero(bad), problem) for bad, problem in kinds]
    for where, problem in wrong:
        if len(where):
            more = f" (and at {len(where) - 1:,} more of its vertices)" if len(where) > 1 else ""
            feature.wrong(problem + more, _place(shape, int(where[0])))
    return not any(len(where) for where, _ in wrong)


def _too_wide(feature: Feature, shape: Shape) -> bool:
    west, _, east, _ = shapely.bounds(shapely.get_parts(shape)).T
    if (east - west > 180).any():
        feature.wrong("is wider than 180°; a zone over the antimeridian must be cut there (RFC 7946, 3.1.9)")
        return True
    return False


def _repair(feature: Feature, shape: Shape, system: System) -> Shape | None:
    """The shape itself where it is valid, else repaired; None, and reported, where that would change it too much. GEOS'
    method "structure" unites parts that overlap; its other method would make a hole there.
    """
    if shape.is_valid:
        return shape
    found = _POSITION.fullmatch(shapely.is_valid_reason(shape))
    what, place = "invalid", ""
    if found:
        what = found["what"].strip()
        nearest = np.hypot(*(shapely.get_coordinates(shape) - (float(found["x"]), float(found["y"]))).T)
        place = _place(shape, int(np.argmin(nearest)), about="near ")
        what += f" at {float(found['x']):.10g}, {float(found['y']):.10g}"
    repaired = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    across, along = system.scale(float(np.mean(shape.bounds[1::2])))
    before, after = (abs(each.area) * across * along for each in (shape, repaired))
    areas = f"its area would change from {_area(before)} to {_area(after)}"
    changed = abs(after - before) > MOST_CHANGED * max(before, after)
    if not isinstance(repaired, Polygon | MultiPolygon) or not repaired.is_valid or after == 0 or changed:
        feature.wrong(
            f"its border is not simple: {what}; repaired, {areas}: fix it in the program that it was drawn with", place
        )
        return None
    feature.note(
        f"its border is not simple: {what}; it was repaired, its area is {_area(after)} and was {_area(before)}", place
    )
    return repaired


def _area(square_metres: float) -> str:
    if square_metres >= 1e6:
        return f"{square_metres / 1e6:,.4f} km²"
    return f"{square_metres:,.1f} m²"


def _place(shape: Shape, vertex: int, about: str = "") -> str:
    """`, part 0, ring 0, vertex 3` for a vertex by its index among all."""
    for number, part in enumerate(shapely.get_parts(shape)):
        counts = shapely.get_num_coordinates(shapely.get_rings(part))
        for ring, count in enumerate(counts.tolist()):
            if vertex < count:
                where = f", part {number}" if isinstance(shape, MultiPolygon) else ""
                return f"{where}, ring {ring}, {about}vertex {vertex}"
            vertex -= count
    return ""
