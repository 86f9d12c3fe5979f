"""Zones of one set against each other: overlaps and gaps are reported."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely import Polygon

from adapters.zone_import.examination import Found
from adapters.zone_import.projection import DEGREE_M
from adapters.zone_import.sets import seem_swapped
from tests.adapters.zone_import.documents import VALMONT, box, collection, examined, feature, parts

METRE = 1 / 111_320 / 0.7193
"""Degrees of longitude in a metre, at 44° north."""


def neighbours(folder: Path, shift: float, **options: Any) -> Found:
    """Two squares of about 800 m, the second so many metres too far to the east."""
    west = 1.01 + shift * METRE
    both = (feature(box(1.0, 44.0, 1.01, 44.01), id="a"), feature(box(west, 44.0, west + 0.01, 44.01), id="b"))
    return examined(folder, collection(*both), **options)


def test_zones_that_share_their_border_are_taken_without_a_word(tmp_path: Path) -> None:
    found = neighbours(tmp_path, 0)
    assert (found.problems, found.notes, len(found.zones)) == ([], [], 2)
    assert neighbours(tmp_path, 300).notes == [], "a park between two quarters is no gap"


def test_an_overlap_is_an_error_that_names_both_and_the_place(tmp_path: Path) -> None:
    (problem,) = neighbours(tmp_path, -100).problems
    assert problem.startswith("feature 1 ('b'): overlaps feature 0 ('a') by 111,")
    assert " m² near 1.00" in problem
    assert "--overlapping" in problem
    found = neighbours(tmp_path, -100, overlapping=True)
    assert (found.problems, found.notes, len(found.zones)) == ([], [], 2)


def test_a_sliver_is_a_note(tmp_path: Path) -> None:
    found = neighbours(tmp_path, -0.8)
    assert len(found.zones) == 2
    (note,) = found.notes
    assert "feature 1 ('b'): overlaps feature 0 ('a') by a sliver" in note


def test_a_narrow_gap_is_a_note(tmp_path: Path) -> None:
    found = neighbours(tmp_path, 0.8)
    assert len(found.zones) == 2
    assert "leaves a gap of less than 2 m to a neighbour, along 1,11" in found.notes[0]
    assert "addresses in it are in neither zone" in found.notes[0]


@pytest.mark.parametrize("latitude", [-80.0, 0.0, 44.0, 80.0, 85.0])
@pytest.mark.parametrize("far", [[], [feature(box(2.0, 10.0, 2.01, 10.01), id="far")]], ids=["town", "country"])
def test_two_metres_are_two_metres_at_every_latitude(tmp_path: Path, latitude: float, far: list[Any]) -> None:
    metre = 1 / DEGREE_M / math.cos(math.radians(latitude + 0.005))

    def report(shift: float) -> tuple[bool, int]:
        west = 1.01 + shift * metre
        both = (
            feature(box(1.0, latitude, 1.01, latitude + 0.01), id="a"),
            feature(box(west, latitude, west + 0.01, latitude + 0.01), id="b"),
        )
        found = examined(tmp_path, collection(*both, *far))
        return bool(found.problems), len(found.notes)

    assert [report(shift) for shift in (-2.1, -1.9, 1.9, 2.1)] == [(True, 0), (False, 1), (False, 2), (False, 0)]


def test_a_zone_within_another_is_an_overlap_and_one_in_its_hole_is_none(tmp_path: Path) -> None:
    town, inner = box(1.0, 44.0, 1.1, 44.1), box(1.04, 44.04, 1.06, 44.06)
    found = examined(tmp_path, collection(feature(town, id="town"), feature(inner, id="inner")))
    assert "feature 1 ('inner'): overlaps feature 0 ('town')" in found.problems[0]
    fitting = collection(parts([town, inner[::-1]], id="town"), feature(inner, id="inner"))
    found = examined(tmp_path, fitting)
    assert (found.problems, found.notes) == ([], [])


def test_a_zone_made_of_two_others_overlaps_both(tmp_path: Path) -> None:
    west, east = box(1.0, 44.0, 1.1, 44.1), box(1.1, 44.0, 1.2, 44.1)
    both = [[1.0, 44.0], [1.1, 44.0], [1.2, 44.0], [1.2, 44.1], [1.1, 44.1], [1.0, 44.1], [1.0, 44.0]]
    found = examined(tmp_path, collection(feature(west, id="a"), feature(both, id="b"), feature(east, id="c")))
    assert [problem.partition(" by ")[0] for problem in found.problems] == [
        "feature 1 ('b'): overlaps feature 0 ('a')",
        "feature 2 ('c'): overlaps feature 1 ('b')",
    ]


def test_the_same_shape_from_another_vertex_on_is_a_duplicate(tmp_path: Path) -> None:
    ring = box(1.0, 44.0, 1.1, 44.1)
    turned = [*ring[2:-1], *ring[:3]][::-1]
    (problem,) = examined(tmp_path, collection(feature(ring, id="a"), feature(turned, id="b"))).problems
    assert "feature 1 ('b'): feature 0 ('a') has the shape" in problem


def test_the_same_shape_with_one_more_vertex_overlaps_the_first(tmp_path: Path) -> None:
    ring = box(1.0, 44.0, 1.1, 44.1)
    more = [ring[0], [1.05, 44.0], *ring[1:]]
    (problem,) = examined(tmp_path, collection(feature(ring, id="a"), feature(more, id="b"))).problems
    assert "feature 1 ('b'): overlaps feature 0 ('a')" in problem


@pytest.mark.slow
def test_a_thousand_zones_that_fit_are_taken_and_one_that_does_not_is_found(tmp_path: Path) -> None:
    cells = [
        feature(
            [
                *[[1 + (column + step / 10) / 100, 44 + row / 100] for step in range(11)],
                *[[1 + (column + step / 10) / 100, 44 + (row + 1) / 100] for step in range(10, -1, -1)],
                [1 + column / 100, 44 + row / 100],
            ],
            id=f"z{row}-{column}",
        )
        for row in range(32)
        for column in range(32)
    ]
    found = examined(tmp_path, collection(*cells))
    assert (found.problems, len(found.zones)) == ([], 1024)
    cells.append(feature(box(1.0951, 44.0951, 1.0959, 44.0959), id="strange"))
    (problem,) = examined(tmp_path, collection(*cells)).problems
    assert "overlaps feature 297 ('z9-9')" in problem


def test_many_overlaps_are_not_all_told(tmp_path: Path) -> None:
    shifted = [feature(box(1 + n / 1000, 44.0, 1.1 + n / 1000, 44.1), id=f"z{n}") for n in range(40)]
    assert len(examined(tmp_path, collection(*shifted)).problems) == 51


def in_metres(folder: Path, *shapes: shapely.Geometry) -> Found:
    """Zones in EPSG:2154, drawn from a corner of Valmont on."""
    zones = []
    for index, shape in enumerate(shapes):
        polygons = shapely.get_parts(shapely.transform(shape, lambda points: points + VALMONT))
        rings = [[shapely.get_coordinates(polygon).tolist()] for polygon in polygons]
        zones.append(parts(*rings, id=f"z{index}"))
    return examined(folder, collection(*zones), crs="EPSG:2154")


def test_an_overlap_is_as_wide_as_its_widest_place(tmp_path: Path) -> None:
    town, strip = shapely.box(0, 0, 3000, 1000), shapely.box(0, 999, 3000, 2000)
    found = in_metres(tmp_path, town, strip)
    assert (found.problems, len(found.notes)) == ([], 1)
    joined = strip.union(shapely.box(0, 950, 50, 999))
    (problem,) = in_metres(tmp_path, town, joined).problems
    assert "feature 1 ('z1'): overlaps feature 0 ('z0') by 5,450 m²" in problem
    apart = strip.difference(shapely.box(20, 0, 30, 1500)).union(shapely.box(0, 950, 20, 999))
    assert in_metres(tmp_path, town, apart).problems, "two parts, one of them wide"


def test_many_slivers_are_noted_and_hide_no_overlap(tmp_path: Path) -> None:
    strips = [shapely.box(0, 100 * n - 1, 800, 100 * n + 100) for n in range(60)]
    found = in_metres(tmp_path, *strips)
    assert (found.problems, len(found.zones)) == ([], 60)
    assert len([note for note in found.notes if "by a sliver" in note]) == 50
    assert "feature 51 ('z51'): there are more slivers" in found.notes
    (problem,) = in_metres(tmp_path, *strips, shapely.box(0, 5_990, 800, 6_100)).problems
    assert "feature 60 ('z60'): overlaps feature 59 ('z59')" in problem


def test_many_gaps_are_not_all_noted(tmp_path: Path) -> None:
    found = in_metres(tmp_path, *(shapely.box(0, 100 * n, 800, 100 * n + 99) for n in range(60)))
    assert len(found.notes) == 51
    assert "there are more gaps" in found.notes[-1]


def test_a_border_that_ends_on_another_is_neither_gap_nor_overlap(tmp_path: Path) -> None:
    west, south, north = shapely.box(0, 0, 300, 300), shapely.box(300, 0, 600, 100), shapely.box(300, 100, 600, 300)
    found = in_metres(tmp_path, west, south, north)
    assert (found.problems, found.notes) == ([], [])
    a, b, c, third = (0.0, 1.0), (100.0, 4.0), (50.0, 100.0), (100 / 3, 2.0)  # a third of the way, rounded
    found = in_metres(
        tmp_path, Polygon([a, b, c]), Polygon([a, (0.0, -50.0), third]), Polygon([third, (0.0, -50.0), b])
    )
    assert (found.problems, found.notes) == ([], [])


def test_axes_are_seen_to_be_swapped_by_the_zones_that_are_known() -> None:
    known = [shapely.box(2.0, 48.0, 2.1, 48.1), shapely.box(2.1, 48.0, 2.2, 48.1)]
    assert seem_swapped((48.0, 2.0, 48.1, 2.1), known)
    assert not seem_swapped((2.0, 48.0, 2.1, 48.1), known)
    assert not seem_swapped((5.0, 45.0, 5.1, 45.1), known), "another town"
    assert not seem_swapped((48.0, 2.0, 48.1, 2.1), [])


@pytest.mark.parametrize("shift", [-100, -0.8, 0, 0.8])
def test_sets_in_metres_are_looked_at_in_metres(tmp_path: Path, shift: float) -> None:
    both = (
        feature(box(600_000, 6_500_000, 600_800, 6_500_800), id="a"),
        feature(box(600_800 + shift, 6_500_000, 601_600, 6_500_800), id="b"),
    )
    found = examined(tmp_path, collection(*both), crs="EPSG:2154")
    assert [bool(found.problems), bool(found.notes)] == [shift == -100, shift in (-0.8, 0.8)]
