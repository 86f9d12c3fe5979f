from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.flow.figures import full_rate_after, most_above, most_in, share_used


def test_an_even_pace_at_the_rate_is_a_burst_of_one() -> None:
    assert most_above([number / 4 for number in range(100)], 4.0) == pytest.approx(1.0)
    assert most_above([], 4.0) == 0.0


def test_a_crowd_at_any_time_is_found() -> None:
    even = [float(number) for number in range(20)]
    assert most_above(sorted([*even, 7.0, 7.0, 7.0]), 1.0) == pytest.approx(4.0)
    assert most_above(sorted([*even, 7.2, 7.7]), 1.0) > 2.5


@given(st.lists(st.floats(0, 20), max_size=30).map(sorted), st.floats(0.1, 20))
def test_it_is_the_greatest_of_all_windows(times: list[float], rate: float) -> None:
    every = [
        last - first + 1 - rate * (times[last] - times[first])
        for first in range(len(times))
        for last in range(first, len(times))
    ]
    assert most_above(times, rate) == pytest.approx(max(every, default=0.0))


def test_the_share_used_counts_from_the_first_request_to_the_end_of_the_time() -> None:
    times = [100 + number / 10 for number in range(500)]
    assert share_used(times, 10.0, 20.0) == pytest.approx(1.0)
    assert share_used([at for at in times if not 105 <= at < 110], 10.0, 20.0) == pytest.approx(0.75)
    assert share_used([], 10.0, 20.0) == 0.0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=30).map(sorted), st.floats(0.01, 5))
def test_the_most_in_a_window_is_one_only_where_all_are_further_apart(times: list[float], seconds: float) -> None:
    assert (most_in(times, seconds) > 1) == any(after - before < seconds for before, after in pairwise(times))


def test_the_full_rate_is_back_when_two_seconds_of_it_begin() -> None:
    slow = [10.0 + number for number in range(5)]
    full = [15.0 + number / 10 for number in range(50)]
    assert full_rate_after(slow + full, 10.0, 10.0) == pytest.approx(5.0, abs=0.11)
    assert full_rate_after(full, 15.0, 10.0) == 0.0
    assert math.isnan(full_rate_after(slow, 10.0, 10.0))
