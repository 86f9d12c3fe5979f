"""Rates, spreads and ratios are what they say; noisy rounds are found by the rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.speed import figures
from bench.speed.figures import Spread


def row(arm: str, rate: float, number: int = 1, *, kind: str = "celery", **more: Any) -> dict[str, Any]:
    return {"run": "r", "part": "at-once", "round": number, "arm": arm, "kind": kind, "rate": rate, "ok": True, **more}


def test_a_spread_has_the_median_and_both_ends_of_what_is_there() -> None:
    assert figures.spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert figures.spread([None]) is None


def test_the_steady_rate_leaves_out_how_it_began_and_ended() -> None:
    steady = [10 + number / 100 for number in range(1000)]
    slow_begin = [number / 10 for number in range(100)]
    slow_end = [20.0 + number for number in range(100)]
    assert figures.steady_rate(slow_begin + steady + slow_end) == pytest.approx(100, rel=0.1)


@given(st.floats(1, 1e4), st.integers(20, 500))
def test_the_steady_rate_of_an_even_flow_is_its_rate(rate: float, count: int) -> None:
    assert figures.steady_rate([number / rate for number in range(count)]) == pytest.approx(rate, rel=1e-6)


def test_what_came_at_one_moment_has_no_rate() -> None:
    assert figures.steady_rate([5.0] * 50) is None
    assert figures.steady_rate([5.0]) is None


def test_noisy_rounds_are_left_out_where_there_are_others() -> None:
    quiet, noisy = row("a", 1.0, foreign_share=0.05), row("a", 2.0, foreign_share=0.051)
    assert figures.counted([quiet, noisy]) == [quiet]
    assert figures.counted([noisy]) == [noisy]


def test_the_ratio_is_against_the_fastest_arm_of_a_kind_in_the_same_round() -> None:
    mine = row("jurat-64", 2000.0, kind="jurat", cpu_workers=0.5)
    rows = [
        mine,
        row("celery-prefork-4", 400.0, cpu_workers=4.0),
        row("celery-threads", 300.0, cpu_workers=3.0),
        row("celery-threads", 999.0, number=2, cpu_workers=1.0),
        row("dramatiq-8", 600.0, kind="dramatiq"),
    ]
    assert figures.against("celery", mine, rows, "rate") == 5.0
    assert figures.against("celery", mine, rows, "cpu_workers") == 0.125
    assert figures.against("dramatiq", mine, rows, "rate") == pytest.approx(2000 / 600)


def test_a_noisy_arm_is_compared_with_only_where_there_is_no_other() -> None:
    mine = row("jurat-64", 2000.0, kind="jurat")
    quiet, noisy = row("celery-threads", 200.0), row("celery-prefork-4", 400.0, foreign_share=0.2)
    assert figures.against("celery", mine, [mine, quiet, noisy], "rate") == 10.0
    assert figures.against("celery", mine, [mine, noisy], "rate") == 5.0


def test_a_ratio_may_be_of_several_figures_together() -> None:
    mine = row("jurat-64", 2000.0, kind="jurat", cpu_workers=0.3, cpu_postgresql=0.1)
    rows = [mine, row("celery-threads", 300.0, cpu_workers=1.5, cpu_postgresql=0.5)]
    assert figures.against("celery", mine, rows, "cpu_workers", "cpu_postgresql") == pytest.approx(0.2)
    assert figures.against("celery", mine, rows, "cpu_workers", "cpu_valkey") is None


def test_a_failed_arm_is_nothing_to_compare_with() -> None:
    mine = row("jurat-64", 2000.0, kind="jurat")
    assert figures.against("celery", mine, [mine, row("celery-threads", 300.0) | {"ok": False}], "rate") is None
    assert figures.against("celery", mine, [mine, row("celery-threads", 300.0)], "cpu_workers") is None
