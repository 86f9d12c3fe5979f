"""Checks the zones of one file against each other: duplicate names and shapes, overlaps, gaps."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from adapters.zone_import.bounds import Box
from adapters.zone_import.layers import Feature, Shape
from adapters.zone_import.projection import System

SLIVER_M = 2.0
"""Overlaps and gaps that are nowhere wider come from drawing the same border twice."""

SMALLEST_M2 = 1e-3
TOUCHING_M = 1e-3
"""Smaller overlaps and narrower gaps come from rounding where a border ends on another."""

MOST_REPORTED = 50
"""How many overlaps, slivers and gaps are reported, of each kind."""

_BAND = 0.04
"""The height of a band of latitudes on a Mercator map of radius 1. In it, the length of a degree varies by 2 %."""

Shapes = NDArray[np.object_]


def check_set(features: Sequence[Feature], system: System, *, overlapping: bool = False) -> None:
    """Check names, and the checked shapes in the file's coordinates. Each feature gets its own problems and notes.

    Zones of one set divide a town: a point belongs to one of them. Where `overlapping` says that they may overlap,
    overlaps and gaps are not checked. GEOS' coverage validator finds the shapes that do not fit together, so only these
    are intersected: a set that fits costs next to nothing.
    """
    _check_duplicates(features)
    shaped = [feature for feature in features if feature.shape is not None]
    if overlapping or len(shaped) < 2:
        return
    shapes = np.array([feature.shape for feature in shaped])
    _check_overlaps(shaped, shapes, system)
    _note_gaps(shaped, shapes, system)


def seem_swapped(box: Box, known: Sequence[Shape]) -> bool:
    """Whether a box lies apart from the known zones, and would lie among them with its axes swapped."""
    if not known:
        return False
    there = shapely.box(*shapely.total_bounds(list(known)))
    west, south, east, north = box
    here = shapely.box(west, south, east, north)
    return not here.intersects(there) and shapely.box(south, west, north, east).intersects(there)


def _check_duplicates(features: Sequence[Feature]) -> None:
    first_use: dict[str, str] = {}
    for feature in features:
        if not feature.name:
            continue
        whats = [f"the id {feature.name!r}"]
        if feature.shape is not None:
            whats.append(f"the shape {_digest(feature.shape)[:12]}")
        for what in whats:
            if what in first_use:
                feature.wrong(f"{first_use[what]} has {what} already; each zone must be its own")
            first_use.setdefault(what, feature.where)


def _digest(shape: Shape) -> str:
    """A digest that does not depend on where the rings of a shape begin or which way they go."""
    return hashlib.sha256(shapely.to_wkb(shapely.normalize(shape))).hexdigest()


def _check_overlaps(features: Sequence[Feature], shapes: Shapes, system: System) -> None:
    """Report overlaps, and note slivers."""
    overlaps = slivers = 0
    for left, right in _misfits(shapes):
        common = _overlap(shapes[left], shapes[right])
        if common is None or _are_equal(shapes[left], shapes[right]):
            continue
        scale = system.scale((common.bounds[1] + common.bounds[3]) / 2)
        overlap = _scale(common, scale)
        if overlap.area < SMALLEST_M2:
            continue
        feature, other, at = features[right], features[left], _point_text(common)
        if not shapely.buffer(overlap, -SLIVER_M / 2).is_empty:
            overlaps += 1
            if overlaps > MOST_REPORTED:
                feature.wrong("there are more overlaps: fix these first")
                return
            feature.wrong(
                f"overlaps {other.where} by {overlap.area:,.0f} m² near {at}: fix the border that they share, or use "
                "--overlapping where zones are meant to overlap"
            )
        else:
            slivers += 1
            if slivers <= MOST_REPORTED:
                feature.note(f"overlaps {other.where} by a sliver of {overlap.area:,.1f} m² near {at}")
            elif slivers == MOST_REPORTED + 1:
                feature.note("there are more slivers")


def _misfits(shapes: Shapes) -> Iterator[tuple[int, int]]:
    """Pairs of shapes whose boxes meet and of which at least one does not fit its neighbours, each pair once. For a
    zone inside another, only the inner one does not fit.
    """
    misfits = set(np.flatnonzero(shapely.length(shapely.coverage_invalid_edges(shapes))).tolist())
    tree = shapely.STRtree(shapes)
    for one in sorted(misfits):
        for other in sorted(tree.query(shapes[one]).tolist()):
            if other > one or (other < one and other not in misfits):
                yield min(one, other), max(one, other)


def _overlap(one: Shape, other: Shape) -> Shape | None:
    """The area that both have; None where they meet only in lines and points."""
    near = [max(a, b) for a, b in zip(one.bounds[:2], other.bounds[:2], strict=True)]
    near += [min(a, b) for a, b in zip(one.bounds[2:], other.bounds[2:], strict=True)]
    if near[0] >= near[2] or near[1] >= near[3]:
        return None
    parts = shapely.get_parts(shapely.intersection(one, other))
    areas = parts[shapely.get_dimensions(parts) == 2]
    return shapely.MultiPolygon(areas.tolist()) if len(areas) else None


def _are_equal(one: Shape, other: Shape) -> bool:
    """Whether `_check_duplicates` has reported both as the same."""
    return one.bounds == other.bounds and _digest(one) == _digest(other)


def _note_gaps(features: Sequence[Feature], shapes: Shapes, system: System) -> None:
    """Note narrow strips between a zone and its neighbour that belong to no zone. To GEOS, borders that touch with
    vertices in different places are gaps too. So these are found as well, and removed.
    """
    bounds = shapely.bounds(shapes)
    south, north = float(bounds[:, 1].min()), float(bounds[:, 3].max())
    limits = _bands(south, north) if system.degrees else [south, north]
    noted: set[int] = set()
    for low, high in pairwise(limits):
        there = np.flatnonzero((bounds[:, 1] <= high) & (bounds[:, 3] >= low))
        scale = system.scale((low + high) / 2)
        flat = _scale(shapes[there], scale)
        gaps = shapely.coverage_invalid_edges(flat, gap_width=SLIVER_M)
        if not shapely.length(gaps).any():
            continue
        gaps = shapely.difference(gaps, shapely.coverage_invalid_edges(flat, gap_width=TOUCHING_M))
        if len(limits) > 2:
            gaps = shapely.intersection(gaps, _scale(shapely.box(-360, low, 360, high), scale))
        for place in np.flatnonzero(shapely.length(gaps)).tolist():
            index = int(there[place])
            if index in noted:
                continue
            if len(noted) == MOST_REPORTED:
                features[index].note("there are more gaps")
                return
            noted.add(index)
            features[index].note(
                f"leaves a gap of less than {SLIVER_M:g} m to a neighbour, along {gaps[place].length:,.0f} m near "
                f"{_point_text(_scale(gaps[place], (1 / scale[0], 1 / scale[1])))}; addresses in it are in neither zone"
            )


def _bands(south: float, north: float) -> list[float]:
    """Latitudes between which one scale is exact enough, from south to north. A town is one band."""
    low, high = (math.asinh(math.tan(math.radians(min(max(degrees, -89), 89)))) for degrees in (south, north))
    count = max(1, math.ceil((high - low) / _BAND))
    between = np.degrees(np.arctan(np.sinh(np.linspace(low, high, count + 1)[1:-1])))
    return [south, *between.tolist(), north]


def _scale(shapes: Any, scale: tuple[float, float]) -> Any:
    """A shape, or an array of shapes, in metres."""
    factors = np.array(scale)
    return shapely.transform(shapes, lambda points: points * factors)


def _point_text(place: shapely.Geometry) -> str:
    """A point of a geometry, in the file's coordinates."""
    x, y = shapely.get_coordinates(shapely.point_on_surface(place))[0]
    return f"{x:.10g}, {y:.10g}"
