"""What is seen through a window, and that its frame is never drawn as a border."""

from __future__ import annotations

import math

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from cli.pictures.window import Window, rings_of, visible_area, visible_lines


def blob(x: float, y: float, radii: list[float]) -> shapely.Polygon:
    angles = np.linspace(0, 2 * math.pi, len(radii), endpoint=False)
    return shapely.Polygon(
        np.column_stack([x + np.array(radii) * np.cos(angles), y + np.array(radii) * np.sin(angles)])
    )


PLACES = st.floats(-200, 200)
SHAPES = st.builds(blob, PLACES, PLACES, st.lists(st.floats(5, 300), min_size=3, max_size=12))
WINDOWS = st.builds(Window, PLACES, PLACES, st.floats(10, 400))


@given(SHAPES, WINDOWS)
def test_every_line_that_is_seen_is_part_of_the_border(shape: shapely.Polygon, window: Window) -> None:
    border, frame = shapely.buffer(shape.boundary, 1e-6), window.frame()
    for line in visible_lines(shape.boundary, window):
        drawn = shapely.LineString(line)
        assert border.covers(drawn)
        assert shapely.buffer(frame, 1e-6).covers(drawn)


@given(SHAPES, WINDOWS)
def test_nothing_that_is_in_the_window_is_left_out(shape: shapely.Polygon, window: Window) -> None:
    seen = sum(shapely.LineString(line).length for line in visible_lines(shape.boundary, window))
    assert seen >= shapely.intersection(shape.boundary, window.frame()).length - 1e-6
    assert abs(visible_area(shape, window).area - shapely.intersection(shape, window.frame()).area) < 1e-6


def test_a_zone_around_the_whole_window_has_an_area_and_no_line() -> None:
    window = Window(0, 0, 100)
    zone = shapely.box(-500, -500, 500, 500)
    assert visible_lines(zone.boundary, window) == []
    assert visible_area(zone, window).area == 100 * 100


def test_a_hole_is_a_ring_of_its_own() -> None:
    zone = shapely.Polygon(shapely.box(-40, -40, 40, 40).exterior, [shapely.box(-10, -10, 10, 10).exterior])
    assert len(rings_of(visible_area(zone, Window(0, 0, 100)))) == 2
    assert len(visible_lines(zone.boundary, Window(0, 0, 100))) == 2


def test_lines_beside_the_window_are_seen_as_far_as_wanted() -> None:
    line = shapely.LineString([(-100, 55), (100, 55)])
    assert visible_lines(line, Window(0, 0, 100)) == []
    (seen,) = visible_lines(line, Window(0, 0, 100), pad=10)
    assert np.ptp(seen[:, 0]) == 120


def test_a_line_that_passes_by_or_only_touches_is_no_path() -> None:
    window = Window(0, 0, 100)
    assert visible_lines(shapely.LineString([(0, 300), (300, 300)]), window) == []
    assert visible_lines(shapely.LineString([(0, 100), (100, 0)]), window) == []  # by the corner
    assert visible_lines(shapely.LineString(), window) == []
