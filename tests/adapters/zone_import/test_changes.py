"""What changed between two versions of a zone."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from adapters.address import border_distances
from adapters.address.border_distances import TOLERANCE, TOLERANCE_M
from adapters.address.borders import Border
from adapters.zone_import.changes import ZoneChange, compare

NORTH = 1 / 111_132.0
"""A metre to the north at 45 degrees, in degrees."""
EAST = 1 / 78_847.0
"""And a metre to the east."""

SQUARE = shapely.box(2.0, 45.0, 2.01, 45.01)


def between(before: Polygon | MultiPolygon, after: Polygon | MultiPolygon) -> ZoneChange:
    return compare(shapely.to_wkb(before), shapely.to_wkb(after))


def metres(*sides: float) -> Polygon:
    """A box, its sides in metres from 2 degrees east, 45 north: west, south, east, north."""
    west, south, east, north = sides
    return shapely.box(2 + west * EAST, 45 + south * NORTH, 2 + east * EAST, 45 + north * NORTH)


def is_told(distance: float, truth: float) -> bool:
    """Whether a distance is never too small (but by what the test's own metres are off) and hardly too large."""
    return truth * 0.999 <= distance <= truth * 1.001 + max(TOLERANCE_M, TOLERANCE * truth)


def test_nothing_changed() -> None:
    change = between(SQUARE, SQUARE)
    assert (change.shift, change.reach, change.gained, change.lost) == (0.0, 0.0, 0.0, 0.0)
    assert change.area_before == change.area_after == pytest.approx(788 * 1111, rel=0.01)
    assert change.box is None


@pytest.mark.slow
def test_a_side_that_moved_is_told_in_metres() -> None:
    wider = shapely.box(2.0, 45.0, 2.01, 45.01 + 50 * NORTH)
    change = between(SQUARE, wider)
    assert is_told(change.shift, 50)
    assert is_told(change.reach, 50)
    assert change.gained == pytest.approx(50 * 788, rel=0.01)
    assert change.lost == 0
    assert change.box is not None
    assert change.box == pytest.approx((2.0, 45.01, 2.01, 45.01 + 50 * NORTH))


def test_a_bay_is_found_though_no_vertex_of_the_old_border_is_near() -> None:
    # The old border runs straight where the new one goes 300 m in; its own vertices do not move.
    mouth = [(2.006, 45.01), (2.005, 45.01 - 300 * NORTH), (2.004, 45.01)]
    bay = Polygon([(2.0, 45.0), (2.01, 45.0), (2.01, 45.01), *mouth, (2.0, 45.01)])
    change = between(SQUARE, bay)
    assert is_told(change.shift, 300)
    assert is_told(change.reach, 300)
    assert change.lost > 0
    assert change.gained == 0


# Both towns are squares of a kilometre. What is beyond the border's shift changed sides in both.


def test_the_middle_of_a_new_hole_is_farther_from_the_old_border_than_its_rim() -> None:
    hole = metres(400, 400, 600, 600)
    change = between(metres(0, 0, 1000, 1000), Polygon(metres(0, 0, 1000, 1000).exterior, [hole.exterior.coords]))
    assert is_told(change.shift, 400)
    assert is_told(change.reach, 500)
    assert change.lost == pytest.approx(200 * 200, rel=0.001)


@pytest.mark.slow
def test_the_middle_of_a_hole_that_was_filled_is_far_from_every_border() -> None:
    hole = metres(50, 50, 950, 950)
    change = between(Polygon(metres(0, 0, 1000, 1000).exterior, [hole.exterior.coords]), metres(0, 0, 1000, 1000))
    assert is_told(change.shift, 50)
    assert is_told(change.reach, 450)
    assert change.gained == pytest.approx(900 * 900, rel=0.001)


@pytest.mark.slow
def test_a_spike_that_was_cut_off_moves_the_border_far_and_hardly_anybody() -> None:
    corners = [(0, 0), (1000, 0), (1000, 490), (1500, 490), (1500, 510), (1000, 510), (1000, 1000), (0, 1000)]
    spiked = Polygon([(2 + east * EAST, 45 + north * NORTH) for east, north in corners])
    change = between(spiked, metres(0, 0, 1000, 1000))
    assert is_told(change.shift, 500)
    assert is_told(change.reach, 10)


def test_what_touches_the_old_zone_is_compared_as_one_piece() -> None:
    change = between(metres(0, 0, 100, 100), metres(100, 0, 200, 100))
    assert is_told(change.reach, 100)
    assert change.lost == pytest.approx(change.gained, rel=1e-5)


def test_a_zone_over_the_antimeridian_is_compared_in_one_piece() -> None:
    west = shapely.box(179.99, -17.0, 180.0, -16.99)
    east = shapely.box(-180.0, -17.0, -179.99, -16.99)
    both = MultiPolygon([west, east])
    change = between(west, both)
    assert change.shift == pytest.approx(1065, rel=0.01)
    assert change.reach == pytest.approx(1065, rel=0.01)
    assert change.area_after == pytest.approx(2 * change.area_before, rel=1e-6)
    assert change.lost == pytest.approx(0, abs=1e-3)
    assert between(east, both).lost == pytest.approx(0, abs=1e-3)


def ring(radii: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Polygon:
    angles = np.linspace(0, 2 * math.pi, len(radii), endpoint=False)
    return Polygon(np.column_stack([2 + radii * np.cos(angles), 45 + radii * np.sin(angles)]))


RADII = st.lists(st.floats(0.7, 1.3), min_size=9, max_size=9).map(lambda radii: 0.005 * np.array(radii))
HOLES = st.none() | st.floats(0.05, 0.9)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(RADII, RADII, HOLES, HOLES, st.integers(0, 2**32))
def test_who_is_farther_from_the_old_border_than_the_reach_stays_on_his_side(
    one: np.ndarray[tuple[int], np.dtype[np.float64]],
    other: np.ndarray[tuple[int], np.dtype[np.float64]],
    hole_before: float | None,
    hole_after: float | None,
    seed: int,
) -> None:
    before, after = (
        Polygon(ring(radii).exterior, [ring(0.6 * hole * radii).exterior.coords] if hole else [])
        for radii, hole in ((one, hole_before), (other, hole_after))
    )
    reach = between(before, after).reach
    old, new = Border(shapely.to_wkb(before)), Border(shapely.to_wkb(after))
    for x, y in np.random.default_rng(seed).uniform((1.993, 44.993), (2.007, 45.007), (300, 2)):
        inside, distance = old.holds(x, y), old.distance(x, y)
        if new.holds(x, y) is not inside:
            assert distance <= reach


@pytest.mark.slow
def test_a_border_that_moved_everywhere_is_measured_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border_distances, "MOST_BOXES", 1000)
    angles = np.linspace(0, 2 * math.pi, 40_000, endpoint=False)
    town, wider = (
        Polygon(np.column_stack([2 + far * np.cos(angles), 45 + far * np.sin(angles)])) for far in (0.05, 0.0502)
    )
    begun = time.process_time()
    change = between(town, wider)
    assert time.process_time() - begun < 2
    assert change.shift >= 0.0002 / NORTH
    assert change.reach >= 0.0002 / NORTH


def test_what_is_no_polygon_is_refused() -> None:
    with pytest.raises(ValueError, match="is no polygon"):
        compare(shapely.to_wkb(SQUARE), shapely.to_wkb(shapely.Point(2, 45)))
