"""Kills, stops and reconfigures workers."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime

from bench.faults.scenario import Scenario
from bench.faults.stage import TIMEOUT, Setting, Stage
from bench.rig.unit import clock, until
from store.queue.leases import LEASE


def submit_all(stage: Stage) -> None:
    stage.throughput(1.0)


def _kill(stage: Stage) -> float | None:
    return _kills(stage, 6 if stage.short else 100)


def _kills(stage: Stage, kills: int) -> float | None:
    for number in range(kills):
        stage.throughput(number / kills)
        unit = stage.ready_unit(others=1)  # what it leaves is for one that lives
        time.sleep(stage.random.uniform(0.0, 1.0))
        until(lambda: stage.leased() > 0, 5)
        stage.kill(unit)
        unit.ended(5)
        if number == kills // 2:
            stage.remember()
    stage.throughput(1.0)
    return stage.all_settle()


def _sigterm(stage: Stage) -> float | None:
    terms = 4 if stage.short else 50
    for number in range(terms):
        stage.throughput(number / terms)
        unit = stage.ready_unit()
        time.sleep(stage.random.uniform(0.0, 1.0))
        until(lambda: stage.leased() > 0, 5)
        stage.add("held_at_sigterms", stage.leased())
        begun = time.monotonic()
        if unit.signal(signal.SIGTERM):
            stage.add("sigterms")
            unit.ended(30)
            stage.most("longest_exit_s", time.monotonic() - begun)
    stage.throughput(1.0)
    stage.notes["unclean_exits"] = sum(unit.ends.total() - unit.ends[0] for unit in stage.units)
    return stage.all_settle()


def _sigstop(stage: Stage) -> float | None:
    stage.over(2.0, end=0.5)
    unit = stage.ready_unit()
    until(lambda: stage.leased() >= stage.setting.slots, 5)
    unit.signal(signal.SIGSTOP)
    stage.notes["held_at_stop"] = stage.leased()
    stage.over(2 * LEASE, begin=0.5, end=0.9)
    stage.remember()
    # What another worker holds now under a later fence is what a stale write would hit.
    held_again = "SELECT count(*) FROM jurat_checks WHERE lost_leases > 0 AND state = 'leased'"
    until(lambda: stage.scalar(held_again) > 0, LEASE)
    stage.notes["held_again"] = stage.scalar(held_again)
    stage.notes["claimed_again"] = stage.scalar("SELECT count(*) FROM jurat_checks WHERE lost_leases > 0")
    unit.signal(signal.SIGCONT)
    stage.throughput(1.0)
    took = stage.all_settle()
    time.sleep(2)
    stage.notes["writes_refused"] = sum(one.said("write refused") for one in stage.units)
    return took


def _overdue(stage: Stage) -> float | None:
    stage.web.allow(stage.checks)
    stage.web.finish(300)
    stage.scalar("WITH late AS (UPDATE jurat_checks SET due_at = due_at - interval '1 hour' RETURNING 1) "
                 "SELECT count(*) FROM late")  # fmt: skip
    stage.start_workers()
    return stage.all_settle()


def _configurations(stage: Stage) -> float | None:
    pause = 1.0 if stage.short else 3.0
    stage.over(pause, end=0.3)
    first = stage.apply(concurrency=2)
    _take_up(stage, first)
    stage.over(pause, begin=0.3, end=0.6)
    second = stage.apply(concurrency=64)
    _take_up(stage, second)
    stage.over(pause, begin=0.6, end=1.0)
    took = stage.all_settle()
    used = stage.scalar("SELECT count(DISTINCT config_version) FROM jurat_verdicts")
    stage.notes |= {"versions_used": used, "versions_applied": second - first + 2}
    return took


def _take_up(stage: Stage, version: int) -> None:
    """Submit until there is a verdict under this version of the configuration."""

    def used() -> bool:
        stage.web.allow(len(stage.web.submits) + 1)
        return stage.scalar(f"SELECT count(*) FROM jurat_verdicts WHERE config_version = {version}") > 0

    until(used, 30)


def _wrong_key(stage: Stage) -> float | None:
    wrong, *right = stage.units
    stage.throughput(0.4)
    stage.start_workers()
    for number in range(2 if stage.short else 6):  # for what they held, upkeep of the wrong one may come first
        unit = right[number % len(right)]
        until(lambda: stage.leased() > 0, 5)
        stage.kill(unit)
        unit.ended(5)
        stage.over(2.0, begin=0.4 + number / 20, end=0.45 + number / 20)
    stage.throughput(1.0)
    took = stage.drain(120)
    reason = "SELECT count(*) FROM jurat_verdicts WHERE reason = '{}'"
    stage.notes["unreadable"] = stage.scalar(reason.format("answer_unreadable"))
    stage.notes["claimed_by_wrong"] = stage.scalar(
        "SELECT count(*) FROM bench_moves WHERE state = 'leased' AND worker = 'worker0'"
    )
    stage.notes["said_key_missing"] = wrong.said(_KEY_MISSING)
    return took


_KEY_MISSING = "no key of this worker opens"


def _clocks(stage: Stage) -> float | None:
    took = _kills(stage, 30)
    now = datetime.now(UTC)
    skews = [abs((unit.said_last_at() - now).total_seconds()) / 3600 for unit in stage.units]
    stage.notes["clocks_off_h"] = round(sorted(skews)[-2], 2)
    return took


def _no_faketime() -> str | None:
    return None if clock("+2h") else "faketime is not installed (Debian: apt-get install faketime)"


SCENARIOS = (
    # The short `configurations` and `no-broker` have these limits too.
    Scenario("none", "nothing", submit_all, limits={"repeated": 0, "submit_errors": 0}, short=False),
    Scenario(
        "kill",
        "kill -9 of workers, again and again",
        _kill,
        setting=Setting(concurrency=64, needs_all=True),
        limits={"repeated_a_slot": 1, "leased_again_s": LEASE + 2, "submit_errors": 0},
        at_least={"leases_cut": 2},
        undetermined=frozenset({"worker_lost"}),
    ),
    Scenario(
        "sigterm",
        "SIGTERM of workers, again and again",
        _sigterm,
        limits={"repeated": 0, "longest_exit_s": TIMEOUT + 5, "unclean_exits": 0, "submit_errors": 0},
        at_least={"held_at_sigterms": 4},
    ),
    Scenario(
        "sigstop",
        "a worker stopped for two leases, then continued",
        _sigstop,
        setting=Setting(workers=2, slow_repeats=16.0, timeout="40s"),
        at_least={"held_again": 1},
    ),
    Scenario(
        "overdue",
        "all checks overdue at the start",
        _overdue,
        setting=Setting(started=False, batch=200, latency=0.02),
        limits={"repeated": 0, "submit_errors": 0},
        checks=20_000,
    ),
    Scenario(
        "configurations",
        "two configurations applied during the run",
        _configurations,
        limits={"repeated": 0, "submit_errors": 0},
        at_least={"versions_used": 3},
    ),
    Scenario(
        "wrong-key",
        "one of three workers has another private key, the others are killed",
        _wrong_key,
        setting=Setting(started=False, strange=1, concurrency=64, needs_all=True),
        limits={"unreadable": 0, "claimed_by_wrong": 0, "submit_errors": 0},
        at_least={"said_key_missing": 1},
        undetermined=frozenset({"worker_lost"}),
    ),
    Scenario(
        "clocks",
        "one worker's clock 2 h ahead, one's 2 h behind, workers killed",
        _clocks,
        setting=Setting(prefixes=(clock("+2h"), clock("-2h")), concurrency=64),
        limits={"repeated_a_slot": 1, "leased_again_s": LEASE + 2, "submit_errors": 0},
        at_least={"leases_cut": 2, "clocks_off_h": 1.9},
        undetermined=frozenset({"worker_lost"}),
        skip=_no_faketime,
        short=False,
    ),
)
