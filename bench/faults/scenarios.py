"""The faults: for each, how the stage is set and what is done to it while checks are submitted."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from redis import Redis

from bench.faults.stage import Setting, Stage, until
from tasks.ledger.claiming import LEASE


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault.

    `run(stage)` breaks things and gives the seconds until the fleet worked again, None where that has no
    meaning. `limits` are figures of the row that must not be exceeded, `at_least` those that show that the fault bites.
    `undetermined` are the technical reasons that it excuses.
    """

    name: str
    title: str
    run: Callable[[Stage], float | None]
    setting: Setting = field(default_factory=Setting)
    limits: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    undetermined: frozenset[str] = frozenset()
    short: bool = True
    """Whether it is short enough for `make faults-short`."""


def _none(stage: Stage) -> None:
    stage.pace(1.0)


def _kill(stage: Stage) -> float | None:
    kills = 8 if stage.short else 100
    for number in range(kills):
        stage.pace(number / kills)
        unit = stage.ready_unit()
        time.sleep(stage.random.uniform(0.0, 1.0))
        until(lambda: stage.leased() > 0, 2)
        stage.add("held_at_kills", stage.leased())
        stage.add("kills", unit.signal(signal.SIGKILL))
        unit.ended(5)
        if number == kills // 2:
            stage.remember()
    stage.pace(1.0)
    return stage.first_verdict()


def _sigterm(stage: Stage) -> float | None:
    terms = 6 if stage.short else 50
    for number in range(terms):
        stage.pace(number / terms)
        unit = stage.ready_unit()
        time.sleep(stage.random.uniform(0.0, 1.0))
        begun = time.monotonic()
        if unit.signal(signal.SIGTERM):
            stage.add("sigterms")
            unit.ended(30)
            stage.most("longest_exit_s", time.monotonic() - begun)
    stage.pace(1.0)
    stage.notes["unclean_exits"] = sum(unit.ends.total() - unit.ends[0] for unit in stage.units)
    return stage.first_verdict()


def _sigstop(stage: Stage) -> float | None:
    stage.over(2.0, end=0.5)
    unit = stage.ready_unit()
    until(lambda: stage.leased() >= stage.setting.slots, 5)
    unit.signal(signal.SIGSTOP)
    stage.notes["held_at_stop"] = stage.leased()
    stage.over(2 * LEASE, begin=0.5, end=0.9)
    stage.remember()
    # What another worker holds now under a later fence is what a stale write would hit.
    stage.notes["claimed_again"] = stage.scalar("SELECT count(*) FROM jurat_checks WHERE lost_leases > 0")
    stage.notes["held_again"] = stage.scalar(
        "SELECT count(*) FROM jurat_checks WHERE lost_leases > 0 AND state = 'leased'"
    )
    unit.signal(signal.SIGCONT)
    stage.pace(1.0)
    took = stage.first_verdict()
    time.sleep(2)
    stage.notes["writes_refused"] = sum(one.said("write refused") for one in stage.units)
    return took


def _valkey_kill(stage: Stage) -> float | None:
    times = 3 if stage.short else 10
    for number in range(times):
        stage.over(1.0, begin=number / times, end=(number + 0.5) / times)
        stage.valkey.kill()
        stage.over(stage.random.uniform(0.0, 3.0), begin=(number + 0.5) / times, end=(number + 1) / times)
        stage.valkey.start()
    return stage.consuming()


def _valkey_stop(stage: Stage) -> float | None:
    stage.over(1.0, end=0.1)
    stage.valkey.pause()
    stage.over(10.0 if stage.short else 60.0, begin=0.1, end=0.9)
    stage.valkey.resume()
    return stage.consuming()


def _valkey_flush(stage: Stage) -> float | None:
    times = 4 if stage.short else 20
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 1) / times)
        with Redis(port=stage.valkey.port) as connection:
            connection.flushall()
    return stage.consuming()


def _valkey_half_open(stage: Stage) -> float | None:
    proxy = stage.broker_proxy
    assert proxy is not None
    longest = 0.0
    times = 1 if stage.short else 5
    for number in range(times):
        stage.over(2.0, begin=number / times, end=(number + 0.5) / times)
        stage.add("cut", proxy.cut())
        begun = time.monotonic()
        stage.over(1.5, begin=(number + 0.5) / times, end=(number + 1) / times)  # the server lets go of the dead ones
        took = stage.consuming()
        if took is None:
            return None
        longest = max(longest, time.monotonic() - begun)
    return longest


def _postgresql_restarts(stage: Stage) -> float | None:
    end = time.monotonic() + (12 if stage.short else 180)
    whole = end - time.monotonic()
    longest: float | None = 0.0
    while (left := end - time.monotonic()) > 0:
        stage.pace(1 - left / whole)
        time.sleep(stage.random.uniform(1, 4) if stage.short else stage.random.uniform(5, 20))
        stage.add("held_at_kills", stage.leased())
        stage.postgresql.kill()
        time.sleep(stage.random.uniform(0, 5))
        stage.postgresql.start()
        stage.add("outages")
        took = stage.first_verdict()
        longest = None if took is None or longest is None else max(longest, took)
    stage.pace(1.0)
    stage.notes["reclaimed"] = stage.scalar("SELECT sum(lost_leases) FROM jurat_checks")
    return longest


def _overdue(stage: Stage) -> float | None:
    stage.web.allow(stage.checks)
    stage.web.finish(300)
    stage.scalar("WITH late AS (UPDATE jurat_checks SET due_at = due_at - interval '1 hour' RETURNING 1) "
                 "SELECT count(*) FROM late")  # fmt: skip
    stage.start_workers()
    return stage.first_verdict()


ALL: tuple[Scenario, ...] = (
    Scenario("none", "nothing", _none, limits={"repeated": 0}),
    Scenario(
        "kill",
        "kill -9 of workers, again and again",
        _kill,
        at_least={"held_at_kills": 8},
        undetermined=frozenset({"worker_lost"}),
    ),
    Scenario("sigterm", "SIGTERM of workers, again and again", _sigterm, limits={"repeated": 0, "longest_exit_s": 10}),
    Scenario(
        "sigstop",
        "a worker stopped for two leases, then continued",
        _sigstop,
        setting=Setting(workers=2, slow_repeats=16.0, timeout="40s"),
        at_least={"held_again": 1},
    ),
    Scenario("valkey-kill", "Valkey killed and started", _valkey_kill, limits={"recovery_s": 5, "submit_p99_s": 1.1}),
    Scenario("valkey-stop", "Valkey stopped (SIGSTOP)", _valkey_stop, limits={"recovery_s": 5, "submit_p99_s": 1.1}),
    Scenario("valkey-flush", "Valkey flushed every 2 s", _valkey_flush, limits={"recovery_s": 5}),
    Scenario(
        "valkey-half-open",
        "connections to Valkey cut without RST",
        _valkey_half_open,
        setting=Setting(proxied_broker=True),
        limits={"recovery_s": 15, "submit_p99_s": 1.1},
    ),
    Scenario("no-broker", "no broker at all", _none, setting=Setting(broker=False), limits={"repeated": 0}),
    Scenario(
        "postgresql-restarts",
        "PostgreSQL killed and started",
        _postgresql_restarts,
        limits={"recovery_s": 5},
        at_least={"held_at_kills": 1},
    ),
    Scenario(
        "overdue",
        "all checks overdue at the start",
        _overdue,
        setting=Setting(started=False, batch=200, latency=0.02),
        limits={"repeated": 0},
    ),
)
BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in ALL}
