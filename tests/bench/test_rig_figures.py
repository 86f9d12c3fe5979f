"""A figure is kept within its limits, and a percentile is one of the values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rig.figures import Figure, percentile


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.0, 1), (1.0, 100)])
def test_a_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_with_as_many_below_it(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) <= share * len(values)


def test_a_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("value", "least", "most", "kept"),
    [(5.0, None, 5.0, True), (5.1, None, 5.0, False), (96.9, 97.0, None, False), (97.0, 97.0, None, True)],
)
def test_a_figure_is_kept_within_its_limits(value: float, least: float | None, most: float | None, kept: bool) -> None:
    assert Figure("it", value, least, most).kept is kept


def test_what_is_not_a_number_is_missed_and_no_number_in_a_row() -> None:
    figure = Figure("it", math.nan)
    assert not figure.kept
    assert figure.as_data() == {"name": "it", "value": None, "least": None, "most": None, "unit": "", "kept": False}
