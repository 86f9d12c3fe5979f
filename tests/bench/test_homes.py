"""Homes are counted as an attacker would find them, and few are found by settled verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.homes import VILLAGE, Groups, of_town


def test_homes_are_counted_by_who_shares_their_verdicts() -> None:
    groups = Groups.of(["a", "b", "b", "c", "c", "c", "c", "c"])
    assert (groups.unique, groups.below(3), groups.below(6)) == (12.5, 37.5, 100)
    assert groups.found
    assert not Groups.of(["a"] * 1000).found


@pytest.mark.bench
def test_settled_verdicts_find_no_home_where_all_of_the_evidence_would() -> None:
    for _, zones, in_review, settled in of_town(replace(VILLAGE, streets=10), 3, 1):
        assert in_review.unique > 10, zones
        assert settled.unique <= 1, zones
        assert in_review.below(5) > 10 * settled.below(5), zones
