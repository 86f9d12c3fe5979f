"""Ratios are those of medians that were measured side by side, and what grows is said to be missed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rig.figures import Figure
from bench.scale import report
from bench.scale.measure import KINDS, Blocks, Times

COMMON = {
    "run": "2026-11-25T10:00:00+00:00",
    "revision": "abc1234",
    "command": "make bench-scale PENDING=1000000 SETTLED=10000000",
    "pending": 1_000_000,
    "settled": 10_000_000,
    "small": 1_000,
    "gigabytes": 12.3,
    "rounds": 10,
    "state": "In the end small: 7 dead rows.",
    "machine": "2 cores",
    "versions": {"PostgreSQL": "17.2"},
}


def rows(wall: float = 1.0, work: float = 1.0, kind: str = "claim 64", **common: Any) -> list[dict[str, Any]]:
    """One kind, on the large side so many times as slow."""
    small = Times([2.0] * 10, [1.0] * 10)
    large = Times([2.0 * wall] * 10, [work] * 10)
    touched = {kind: [Blocks(100, 0), Blocks(130, 4)]}
    return report.rows_of(COMMON | common, "After a vacuum", {kind: [small, large]}, touched)


@pytest.mark.parametrize(("wall", "work", "kept"), [(1.5, 1.5, True), (1.51, 1.0, False), (1.0, 1.51, False)])
def test_both_the_clock_and_the_work_must_stay_within_the_limit(wall: float, work: float, kept: bool) -> None:
    (row,) = rows(wall, work)
    assert report.kept(row) is kept
    assert ("MISSED" in report.tables([row])) is not kept


def test_where_the_system_tells_no_cpu_time_the_clock_alone_is_judged() -> None:
    times = [Times([1.0], []), Times([1.2], [])]
    (row,) = report.rows_of(COMMON, "x", {"claim 64": times}, {"claim 64": [Blocks(1, 0)] * 2})
    assert row["work"] is None
    assert report.kept(row)
    assert "–" in report.tables([row])


def test_what_is_bounded_in_itself_is_shown_and_not_judged() -> None:
    (row,) = rows(9.0, 9.0, kind="upkeep: figures")
    assert report.kept(row)
    assert "9.00 [9.00–9.00]" in report.tables([row])
    assert "bounded" in report.tables([row])


def test_claim_settle_and_poll_are_judged() -> None:
    judged = {kind.name for kind in KINDS if kind.judged}
    assert {"claim 64", "settle 64", "submit"} <= judged
    assert {kind.name for kind in KINDS if kind.name.startswith("poll")} <= judged


def test_the_range_of_a_ratio_is_that_of_its_parts() -> None:
    small = [1.0] * 10
    large = [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 4.0, 4.0]
    assert report.ratio(small, large) == report.Ratio(2.0, 1.0, 4.0)
    assert report.ratio([], large) is None


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40), st.floats(0.1, 10))
def test_a_side_that_is_so_many_times_as_slow_has_that_ratio(small: list[float], times: float) -> None:
    found = report.ratio(small, [one * times for one in small])
    assert found is not None
    assert (found.value, found.least, found.most) == pytest.approx((times, times, times))


def test_a_line_has_times_blocks_and_verdict() -> None:
    table = report.tables(rows(1.2, 1.1))
    assert "### After a vacuum\n\nIn the end small: 7 dead rows.\n\n|" in table
    line = table.splitlines()[-1]
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[:4] == ["claim 64", "2.00 / 2.00", "2.40 / 2.40", "1.20 [1.20–1.20]"]
    assert cells[4:8] == ["1.00", "1.10", "1.10 [1.10–1.10]", "1.5"]
    assert cells[8:] == ["100 + 0", "130 + 4", "kept"]


def test_the_page_has_the_stages_next_to_each_other() -> None:
    later = [{**row, "stage": "After 50 settles more"} for row in rows(1.0, 2.0)]
    *_, heads, _, line = report.page([*rows(1.2, 1.1), *later]).splitlines()
    cells = [[cell.strip() for cell in each.split("|")[1:-1]] for each in (heads, line)]
    assert cells[0] == ["what", "after a vacuum, p50 ms", "×", "× CPU", "after 50 settles more, p50 ms", "×", "× CPU"]
    assert cells[1][:4] == ["claim 64", "2.40", "1.20 [1.20–1.20]", "1.10"]
    assert cells[1][4:] == ["2.00", "1.00 [1.00–1.00]", "2.00 **MISSED**"]


def test_the_head_has_the_sizes() -> None:
    assert "1,000,000 pending and 10,000,000 settled checks (12.3 GB)" in report.head(rows())


@pytest.mark.parametrize(("milliseconds", "kept"), [(90.0, True), (900.0, False)])
def test_the_figures_of_the_large_side_have_a_table_of_their_own(milliseconds: float, kept: bool) -> None:
    row = report.row_of(COMMON, [Figure("the longest piece", milliseconds, most=800, unit="ms")])
    both = [*rows(), row]
    assert report.kept(row) is kept
    assert "the longest piece" not in report.page(both)
    assert "claim 64" not in report.limits_page(both)
    for text in (report.tables(both), report.limits_page(both)):
        assert "≤ 800 ms" in text
        assert ("MISSED" in text) is not kept
