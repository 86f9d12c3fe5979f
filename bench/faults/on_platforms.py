"""Has the platform misbehave in the same database, without breaking it."""

from __future__ import annotations

from contextlib import ExitStack

from sqlalchemy import text

from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.unit import until, waited
from store.queue.sources import Sources

_SLOTS = 8
_MANY = 5 * _SLOTS
_SOURCES = ("registry", "licences")
_SHORTEST_P99 = 0.5
"""Seconds: a shorter one counts as that, for it says more of the machine than of the fleet."""


def _open_transactions(stage: Stage) -> float | None:
    """Two transactions of the platform stay open: one over the row of one participant, one over those of many."""
    sources = Sources(stage.service.database)
    whole = 20.0 if stage.short else 180.0
    stage.over(whole / 4, end=0.2)
    until(lambda: stage.fleet.unsettled() == 0, 60)
    without = stage.clock()
    for source in _SOURCES:  # so that the rows are held before anything of theirs is looked up
        sources.pause(source, 600, "held rows", by="bench")
    stage.web.allow(len(stage.web.submits) + 2 * (_MANY + 1) + _MANY // 2)  # some are rolled back
    stage.web.finish(60)
    chosen = stage.column("SELECT DISTINCT participant FROM jurat_checks WHERE state <> 'settled'")[: _MANY + 1]
    stage.notes["rows_held"] = len(chosen)
    with ExitStack() as open_ones:
        for participants in (chosen[:1], chosen[1:]):
            platform = open_ones.enter_context(stage.service.database.execution_options(jurat_bounded=False).connect())
            open_ones.enter_context(platform.begin())
            sql = "SELECT 1 FROM jurat_access WHERE participant = ANY(:those) FOR UPDATE"
            platform.execute(text(sql), {"those": participants})
        for source in _SOURCES:
            sources.resume(source, "bench")
        others = "SELECT count(*) FROM jurat_checks WHERE state <> 'settled' AND participant <> ALL(:of)"
        until(lambda: stage.scalar(others, of=chosen) == 0, 60)  # what queued while nothing was looked up
        begun = stage.clock()
        stage.over(whole, begin=len(stage.web.submits) / stage.checks)  # at no other rate than before
        until(lambda: stage.scalar(others, of=chosen) == 0, 60)
        leased = (
            "SELECT count(DISTINCT participant) FROM jurat_checks WHERE state = 'leased' AND participant = ANY(:of)"
        )
        stage.notes["looked_up_meanwhile"] = stage.scalar(leased, of=chosen)
    took = waited(lambda: stage.fleet.unsettled() == 0, 60, "not everything is settled after the transactions ended")
    before, during = _p99(stage, 0, without), _p99(stage, begun, begun + whole)
    stage.notes |= {"p99_without_s": round(before, 3), "p99_with_s": round(during, 3)}
    stage.notes["p99_times"] = round(max(during, _SHORTEST_P99) / max(before, _SHORTEST_P99), 2)
    stage.notes["given_up"] = stage.scalar("SELECT count(*) FROM jurat_verdicts WHERE reason = 'worker_lost'")
    return took


def _p99(stage: Stage, begin: float, end: float) -> float:
    """Seconds from a submit to its verdict, of 99 in 100 that were made between two times of the database."""
    sql = (
        "SELECT CAST(extract(epoch FROM min(v.decided_at) - c.submitted_at) AS float8) AS took "
        "FROM jurat_checks c JOIN jurat_verdicts v ON v.check_id = c.id "
        "WHERE c.submitted_at BETWEEN to_timestamp(:begin) AND to_timestamp(:end) GROUP BY c.id ORDER BY took"
    )
    took = stage.column(sql, begin=begin, end=end)
    return float(took[int(0.99 * len(took))]) if took else float("inf")


SCENARIOS = (
    Scenario(
        "open-transaction",
        "transactions of the platform that stay open",
        _open_transactions,
        setting=Setting(slots=_SLOTS, needs_all=True),
        limits={"recovery_s": 5, "p99_times": 2, "repeated": 0, "leases_lost": 0, "given_up": 0, "submit_errors": 0},
        at_least={"rows_held": _MANY + 1, "looked_up_meanwhile": _MANY},
    ),
)
