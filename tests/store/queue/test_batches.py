"""What is taken and paid of a source that answers many checks in one request."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from jurat.vocabulary import Reason
from store.queue.breakers import SourceFigures
from tasks.checks import GiveBack
from tasks.rules.source_limits import Breaker, Demand
from tests.store.desk import Desk, entry

BROKEN = SourceFigures(failed=5, trailing=5, last_failure=Reason.SOURCE_UNAVAILABLE)


def test_checks_of_a_batch_have_one_start_and_pay_for_one_request(desk: Desk) -> None:
    desk.submit_many(30)
    limits: dict[str, Any] = {"interval": 0.25, "burst": 2, "late": 0.2, "batch": 8, "daily": 100}
    held = desk.claim(free=24, slots=3, **limits)
    starts = [check.starts_in for check in held]
    assert [starts[first : first + 8] for first in (0, 8, 16)] == [[start] * 8 for start in starts[::8]]
    assert starts[::8] == sorted(starts[::8])
    assert starts[16] - starts[8] == pytest.approx(0.25, abs=0.05)
    assert desk.one("SELECT used FROM jurat_sources WHERE name = 'towns'") == 3
    desk.sql("UPDATE jurat_sources SET next_start_at = NULL WHERE name = 'towns'")
    assert len(desk.claim(free=24, slots=3, **limits)) == 6
    assert desk.one("SELECT used FROM jurat_sources WHERE name = 'towns'") == 4


def test_what_of_a_batch_could_not_be_had_moves_the_next_start_no_further(desk: Desk) -> None:
    """Another worker may be faster with a part of what was due."""
    desk.submit_many(9)
    demand = Demand("towns", 40, interval=60.0, burst=5, late=0.0, batch=8)
    held, _ = desk.claims.claim([demand], 5)
    assert len(held) == 9
    ahead = desk.sources.pay_for_request(replace(demand, burst=1, late=60.0), 1000.0)
    assert ahead == pytest.approx(2 * 60.0, abs=5.0)


def test_a_claim_for_few_look_ups_takes_whole_batches_of_one_source_and_single_checks_of_another(desk: Desk) -> None:
    desk.submit_many(30)
    desk.submit_many(9, "profession")
    batches = Demand("towns", 40, interval=0.001, burst=9, late=0.0, batch=8)
    held = Counter(check.source for check in desk.take([batches, Demand("rpps", 5)], 5))
    assert held == {"towns": 30, "rpps": 1}
    desk.submit_many(30, first=100)
    held = Counter(check.source for check in desk.take([Demand("rpps", 3), batches], 5))
    assert held == {"towns": 16, "rpps": 3}


def test_a_day_s_quota_counts_requests(desk: Desk) -> None:
    desk.submit_many(30)
    assert len(desk.claim(free=40, slots=5, daily=3, batch=8)) == 24
    assert desk.claim(free=40, slots=5, daily=3, batch=8) == []
    assert desk.one("SELECT count(*) FROM jurat_sources WHERE paused_until IS NOT NULL AND used = 3") == 1


def test_a_source_in_doubt_has_no_more_batches_under_way_than_failures_are_left(desk: Desk) -> None:
    limits: dict[str, Any] = {"interval": 0.001, "burst": 50, "late": 0.0, "breaker": Breaker(failures=6), "batch": 8}
    desk.submit_many(40)
    desk.sources.record({"towns": SourceFigures(failed=4, trailing=4)}, {"towns": Breaker(failures=6)})
    held = desk.claim(free=40, slots=5, **limits)
    assert len(held) == 16
    assert desk.claim(free=40, slots=5, **limits) == [], "they are under way"
    desk.write(*(entry(check, GiveBack()) for check in held[:-1]))
    assert len(desk.claim(free=40, slots=5, **limits)) == 8


def test_a_broken_source_of_batches_is_probed_with_one_check(desk: Desk) -> None:
    desk.submit_many(20)
    desk.sources.record({"towns": BROKEN}, {})
    desk.sql("UPDATE jurat_sources SET probe_at = NOW(-1) WHERE name = 'towns'")
    (probe,) = desk.claim(free=40, slots=5, batch=8, breaker=Breaker(probe=60.0))
    assert probe.probe
