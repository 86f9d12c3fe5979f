"""The rule of the manifests on real workers: more of them where more slots help, and nowhere else."""

from __future__ import annotations

from itertools import groupby

import pytest

from bench.rig.registry import number_of, right_outcome
from bench.rig.source import Mood, Registry
from bench.rig.unit import until, waited
from tests.conftest import missing
from tests.deploy.autoscaler import wanted_pods
from tests.deploy.manifests import build, one
from tests.deploy.scaled_fleet import ScaledFleet
from tests.rigs.servers import NoServer, PostgreSQL, Valkey

pytestmark = [pytest.mark.slow, pytest.mark.acceptance]

BURST = 5_000
SEVERAL = 24
"""Decisions in which a cluster could have scaled up many times, and down as well."""


@pytest.fixture(autouse=True)
def _servers() -> None:
    try:
        for each in (PostgreSQL, Valkey):
            each().close()
    except NoServer as error:
        missing(str(error))


def pods_by_backlog(waiting: int) -> int:
    """How many workers there would be by what waits alone."""
    (trigger,) = one(build("production"), "ScaledObject")["spec"]["triggers"]
    return wanted_pods(waiting, float(trigger["metadata"]["targetQueryValue"]), 2)


def test_a_burst_starts_workers_and_its_end_ends_them() -> None:
    registry = Registry(0.5)
    with ScaledFleet({"quick": registry}) as scaled:
        scaled.run(scaled.decided(2), 60)
        scaled.submit("quick", range(BURST))
        scaled.run(lambda: scaled.counts[-1] == 6 and scaled.fleet.unsettled() == 0, 120)
        assert all(unit.said('"event": "settled"') for unit in scaled.running)
        scaled.run(lambda: scaled.counts[-1] == 2, 60)
        steps = [count for count, _ in groupby(scaled.counts)]
        top = steps.index(6)
        assert (steps[0], steps[:top], steps[top:]) == (2, sorted(steps[:top]), [6, 5, 4, 3, 2])
        assert until(lambda: [unit.running for unit in scaled.retired] == [False] * 4, 80)
        assert [dict(unit.ends) for unit in scaled.retired] == [{0: 1}] * 4
        assert registry.counts == {number_of(index): 1 for index in range(BURST)}, "no lookup twice"
        verdicts = scaled.fleet.column(
            "SELECT c.participant || ' ' || v.outcome FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id"
        )
        assert sorted(verdicts) == sorted(f"p-{n} {right_outcome(number_of(n))}" for n in range(BURST))


def test_a_burst_for_a_broken_and_for_a_limited_source_starts_none() -> None:
    broken = Registry()
    broken.mood = Mood.DOWN
    with ScaledFleet({"broken": broken, "limited": Registry(0.05)}, limited={"rate": "5/s"}) as scaled:
        scaled.submit("broken", range(10))
        waited(lambda: scaled.of_sources("opened_at IS NOT NULL") == [True, False], 60, "the breaker does not open")
        scaled.submit("broken", range(10, BURST + 10))
        scaled.submit("limited", range(2 * BURST, 3 * BURST))
        scaled.run(lambda: min(scaled.of_sources("due")) > BURST / 2, 60)
        scaled.run(scaled.decided(SEVERAL), 60)
        assert min(map(pods_by_backlog, scaled.of_sources("due"))) > 6
        assert scaled.of_sources("opened_at IS NOT NULL") == [True, False]
        assert scaled.fleet.scalar("SELECT count(*) FROM jurat_verdicts") > 5, "the limited source is asked"
        assert min(metric or 0.0 for metric in scaled.metrics[-SEVERAL:]) >= 2, "one lookup for each is wanted"
        assert set(scaled.counts) == {2}


def test_without_the_database_the_count_is_kept() -> None:
    silent = Registry()
    silent.mood = Mood.SILENT
    with ScaledFleet({"silent": silent}) as scaled:
        scaled.submit("silent", range(100))
        scaled.run(lambda: len(scaled.counts) > 2 and min(scaled.counts[-3:]) >= 4, 60)
        kept = scaled.counts[-1]
        scaled.postgresql.stop()
        read, decided = len(scaled.metrics), len(scaled.counts)
        scaled.run(scaled.decided(SEVERAL), 60)
        assert scaled.metrics[read:] == [None] * SEVERAL
        assert scaled.counts[decided:] == [kept] * SEVERAL
        scaled.postgresql.start()
        scaled.run(lambda: None not in scaled.metrics[-4:], 60)
        assert min(scaled.counts[decided:]) == kept
        assert all(not unit.ends for unit in scaled.running)
