from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.rules.source_limits import Demand
from tasks.rules.wanted_slots import MOST_DUE, most_slots, wanted_slots

COUNTS = st.integers(0, 20_000)
LIMITS = st.none() | st.integers(0, 5_000)


@pytest.mark.parametrize(
    ("demand", "lookup_s", "used", "limit"),
    [
        (Demand("towns", 0), 1.0, 0, None),
        (Demand("towns", 0, concurrency=7), 100.0, 0, 7),
        (Demand("towns", 0, interval=0.2), 1.0, 0, 6),
        (Demand("towns", 0, interval=0.2), 0.01, 0, 1),
        (Demand("towns", 0, interval=0.2), None, 0, 6),
        (Demand("towns", 0, interval=0.2, concurrency=4), 1.0, 0, 4),
        (Demand("towns", 0, interval=0.2, concurrency=40), 1.0, 0, 6),
        (Demand("towns", 0, daily=100), 1.0, 97, 3),
        (Demand("towns", 0, daily=100), 1.0, 100, 0),
        (Demand("towns", 0, daily=100), 1.0, 200, 0),
        (Demand("towns", 0, daily=100, concurrency=2), 1.0, 50, 2),
    ],
)
def test_limits_of_a_source_leave_so_many_lookups_at_once(
    demand: Demand, lookup_s: float | None, used: int, limit: int | None
) -> None:
    assert most_slots(demand, lookup_s, used) == limit


@given(st.floats(0.001, 60), st.floats(0.001, 60), st.floats(0.001, 600))
def test_a_slower_source_gets_no_fewer_slots_for_its_rate(interval: float, lookup_s: float, more: float) -> None:
    demand = Demand("towns", 0, interval=interval)
    slots, slower = most_slots(demand, lookup_s), most_slots(demand, lookup_s + more)
    assert slots is not None
    assert slower is not None
    assert 1 <= slots <= slower
    assert slots == 1 or slots * interval >= lookup_s, "so many lookups in a row keep the rate"


@given(COUNTS, COUNTS, LIMITS, st.booleans(), st.booleans())
def test_wanted_slots_are_within_what_waits_and_what_is_allowed(
    due: int, leased: int, limit: int | None, stopped: bool, broken: bool
) -> None:
    wanted = wanted_slots(due, leased, limit, stopped=stopped, broken=broken)
    assert 0 <= wanted <= min(due, MOST_DUE) + leased
    if stopped:
        assert wanted == 0
    elif broken:
        assert wanted == min(1, due + leased)
    elif limit is not None:
        assert wanted == min(limit, min(due, MOST_DUE) + leased)


@given(COUNTS, COUNTS, LIMITS, st.integers(0, 100), st.integers(0, 100), st.booleans())
def test_more_checks_and_wider_limits_never_want_fewer_slots(
    due: int, leased: int, limit: int | None, more: int, wider: int, broken: bool
) -> None:
    before = wanted_slots(due, leased, limit, stopped=False, broken=broken)
    for changed in ((due + more, leased, limit), (due, leased + more, limit), (due, leased, limit and limit + wider)):
        assert wanted_slots(*changed, stopped=False, broken=broken) >= before
    assert wanted_slots(due, leased, None, stopped=False, broken=broken) >= before
