"""Runs a fleet against sources with limits, a scenario at a time, and gives its figures."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bench.flow.figures import full_rate_after, most_above, most_in, share_used
from bench.flow.limited_fleet import CONSULTATIONS, LATENCY, LimitedFleet, running
from bench.rig.figures import Figure, percentile
from bench.rig.registry import number_of
from bench.rig.servers import Rig
from bench.rig.source import Mood
from bench.rig.unit import clock
from config.limits import TRAVEL
from config.sources import SimulatedSource
from jurat import Priority

USED = 0.97
"""The share of a quota that is to be used while work waits: of what its burst leaves of it, as lint reports."""

_CROWD, _VILLAGE = CONSULTATIONS


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: the seconds that a quota is watched and that a source is down, the checks that wait, the
    workers of the scenario `quota`.
    """

    seconds: float = 600.0
    checks: int = 5000
    workers: int = 8


@dataclass(frozen=True, slots=True)
class Scenario:
    """`run` gives the figures; it raises TimeoutError when the fleet does not start."""

    name: str
    title: str
    run: Callable[[Rig, Size], list[Figure]]


def _quota(rig: Rig, size: Size) -> list[Figure]:
    rate, burst = 17.0, 5
    prefixes = [clock("+2h")] if clock("+2h") else []
    limits = {"towns": {"rate": "17/s", "burst": burst}}
    with running(rig, limits, workers=size.workers, slots=8, prefixes=prefixes) as fleet:
        fleet.ask("towns", math.ceil(rate * (size.seconds + 30)))
        for victim in (fleet.units[1], fleet.units[-1]):
            time.sleep(size.seconds / 3)
            victim.signal(signal.SIGKILL)
        time.sleep(size.seconds / 3 + 2)
        skewed = len(prefixes)
        killed = sum(unit.ends[-signal.SIGKILL] for unit in fleet.units)
        return [
            *_quota_figures(fleet, "towns", rate, burst, size.seconds),
            Figure("workers killed", killed, least=2),
            Figure("lookups given back, their start was missed", fleet.given_back()),
            Figure("workers whose clock is 2 h ahead", skewed, least=1),
        ]


def _rates(rig: Rig, size: Size) -> list[Figure]:
    rates = {"one": (1.0, 1), "three": (3.0, 1), "ten": (10.0, 1), "forty": (40.0, 11)}
    limits = {name: {"rate": f"{rate:g}/s", "burst": burst} for name, (rate, burst) in rates.items()}
    seconds = min(120.0, max(30.0, size.seconds))
    with running(rig, limits, workers=2, slots=64) as fleet:
        for name, (rate, _) in rates.items():
            fleet.ask(name, math.ceil(rate * (seconds + 30)))
        time.sleep(seconds + 2)
        figures = [
            figure
            for name, (rate, burst) in rates.items()
            for figure in _quota_figures(fleet, name, rate, burst, seconds, f"{rate:g}/s, burst {burst}: ")
        ]
        return [*figures, Figure("lookups given back, their start was missed", fleet.given_back())]


def _redis(rig: Rig, size: Size) -> list[Figure]:
    rate, burst = 17.0, 5
    seconds = max(20.0, size.seconds / 5)
    with running(rig, {"towns": {"rate": "17/s", "burst": burst}}, workers=2, slots=32) as fleet:
        fleet.ask("towns", math.ceil(rate * (seconds + 30)))
        end, flushed = time.monotonic() + seconds / 2, 0
        while time.monotonic() < end:
            flushed += _flushed(rig)
            time.sleep(0.5)
        rig.valkey.kill()
        try:
            time.sleep(seconds / 2 + 2)
            absent = not _flushed(rig)
            figures = _quota_figures(fleet, "towns", rate, burst, seconds)
        finally:
            rig.valkey.restart()
    return [*figures, Figure("flushes of Redis", flushed, least=5), Figure("then it was absent", absent, least=1)]


def _flushed(rig: Rig) -> bool:
    try:
        with Redis(port=rig.valkey.port, socket_timeout=1.0) as connection:
            return bool(connection.flushall())
    except RedisError:
        return False


def _quota_figures(
    fleet: LimitedFleet, source: str, rate: float, burst: int, seconds: float, before: str = ""
) -> list[Figure]:
    times = [asked.at for asked in fleet.source.asked(source)]
    # A burst of one has no room for requests that are longer under way than the one before.
    most = burst if burst > 1 else burst + rate * TRAVEL
    usable = SimulatedSource.model_validate({"type": "simulated", "rate": f"{rate:g}/s", "burst": burst}).used
    used = share_used(times, rate, seconds) * 100
    return [
        Figure(f"{before}most requests beyond rate × window, in any window", most_above(times, rate), most=most),
        Figure(f"{before}share of the quota used", used, least=USED * usable * 100, unit="%"),
    ]


def _breaker(rig: Rig, size: Size) -> list[Figure]:
    rate, probe = 40.0, 1.0
    with running(rig, {"towns": {"rate": "40/s"}}, workers=2, slots=64) as fleet:
        fleet.ask("towns", size.checks)
        time.sleep(5)
        fleet.source.set("towns", Mood.DOWN, LATENCY)
        time.sleep(size.seconds)
        (opened_at,) = fleet.column(
            "SELECT extract(epoch FROM opened_at)::float8 FROM jurat_sources WHERE name = 'towns'"
        )
        back = fleet.source.set("towns", Mood.WELL, LATENCY)
        drained = fleet.drained("towns", size.checks / rate + 180)
        asked = fleet.source.asked("towns")
        verdicts = fleet.verdicts()
        failed = [one.at for one in asked if one.status == 503]
        # Between the opening and the first probe nothing may begin: what comes then had begun before.
        since = math.inf if opened_at is None else opened_at - time.time() + time.monotonic()
        probes = [at for at in failed if at > since + 0.8 * probe]
        times = [one.at for one in asked]
        lost = fleet.unsettled("towns") + sum(one.outcome == "undetermined" for one in verdicts)
        full = full_rate_after([at for at in times if at < back + 30], back, rate)
        return [
            Figure("failures before the breaker opens", len(failed) - len(probes), most=10),
            Figure("probes while it is open", len(probes), least=1),
            Figure("most probes in an interval", most_in(probes, probe - 0.02), most=1),
            Figure("back to the full rate after", full, most=2, unit="s"),
            Figure("checks lost or undetermined", lost, most=0),
            Figure("all settled", drained, least=1),
            Figure("most requests beyond rate × window, in any window", most_above(times, rate), most=11),
        ]


def _bulkhead(rig: Rig, size: Size) -> list[Figure]:
    seconds = max(20.0, size.seconds / 10)
    alone, _ = _nine(rig, seconds, hanging=False)
    hindered, hung = _nine(rig, seconds, hanging=True)
    change = {share: percentile(hindered, share) / percentile(alone, share) * 100 - 100 for share in (0.5, 0.99)}
    return [
        Figure("time to verdict of the nine, p50, without one that hangs", percentile(alone, 0.5) * 1000, unit="ms"),
        Figure("p50, change by the one that hangs", change[0.5], least=-20, most=20, unit="%"),
        Figure("p99 without it", percentile(alone, 0.99) * 1000, unit="ms"),
        Figure("p99, change by the one that hangs", change[0.99], least=-20, most=20, unit="%"),
        Figure("lookups that hung at once", hung, least=10),
    ]


def _nine(rig: Rig, seconds: float, *, hanging: bool) -> tuple[list[float], int]:
    """Seconds to the verdict of each check of nine sources, and how many lookups of the tenth hung together at most.

    Its breaker never opens: it would end what is to be measured.
    """
    names = [f"town{number}" for number in range(9)]
    limits: dict[str, Mapping[str, Any]] = {name: {"timeout": "8s"} for name in names}
    limits["stuck"] = {"timeout": "8s", "breaker": {"failures": 1000}}
    with running(rig, limits, workers=2, slots=32) as fleet:
        hung = 0
        if hanging:
            fleet.source.set("stuck", Mood.SILENT, LATENCY)
            fleet.ask("stuck", 1000)
            time.sleep(3)
            hung = len(fleet.source.asked("stuck"))
        numbers: list[str] = []
        begun = time.monotonic()
        pause = 0.05
        for turn in range(int(seconds / pause)):
            time.sleep(max(0.0, begun + turn * pause - time.monotonic()))
            numbers += fleet.ask(names[turn % len(names)])
        for name in names:
            fleet.drained(name, 60)
        settled_at = {number_of(one.index): one.at for one in fleet.verdicts()}
        settle = [settled_at.get(number, math.inf) for number in numbers]
        return [at - fleet.submitted_at[number] for at, number in zip(settle, numbers, strict=True)], hung


def _fairness(rig: Rig, size: Size) -> list[Figure]:
    rate, singles = 17.0, 12
    limits = {name: {"rate": "17/s", "burst": 5} for name in ("towns", "cities", "idle")}
    with running(rig, limits, workers=2, slots=32) as fleet:
        crowd = set(fleet.ask("towns", size.checks * 10))
        both = max(size.checks, math.ceil(rate * 120))  # more than is done in the time that this takes
        slow = set(fleet.ask("cities", both, priority=Priority.BULK))
        fleet.ask("cities", both)
        time.sleep(3)
        since = len(fleet.source.asked("cities"))
        alone, behind, urgent = [], [], []
        for turn in range(singles):
            time.sleep(1.0 + 0.37 * turn % 1.0)  # at any point of the workers' own rhythm
            alone.append(_submitted_and_asked(fleet, "idle"))
            behind.append(_submitted_and_asked(fleet, "towns"))
            urgent.append(_submitted_and_asked(fleet, "cities"))
        least = median(wait for wait, _ in alone)
        asked = [one.number for one in fleet.source.asked("cities", since)]
        served = [one.number for one in fleet.source.asked("towns")]
        return [
            Figure("checks of one consultation that wait", len(crowd) - len(served)),
            Figure("lookups of it before a single check of another, most", max(n for _, n in behind), most=rate),
            Figure("longest wait beyond that at an idle source", max(w for w, _ in behind) - least, most=1, unit="s"),
            Figure("the same with bulk checks waiting as well", max(w for w, _ in urgent) - least, most=1, unit="s"),
            Figure("wait at an idle source, median", least, unit="s"),
            Figure("bulk among interactive", _share(asked, slow) * 100, least=100 / 10, most=100 / 6.5, unit="%"),
            Figure("lookups left to the one with the backlog", _share(served, crowd) * 100, least=80, unit="%"),
        ]


def _submitted_and_asked(fleet: LimitedFleet, source: str) -> tuple[float, int]:
    """Submit one check of the small consultation; the seconds until its source is asked, and the lookups before it."""
    before = len(fleet.source.asked(source))
    (number,) = fleet.ask(source, consultation=_VILLAGE)
    submitted = fleet.submitted_at[number] - time.time() + time.monotonic()
    end = submitted + 30
    while time.monotonic() < end:
        asked = fleet.source.asked(source, before)
        for place, one in enumerate(asked):
            if one.number == number:
                return one.at - submitted, sum(submitted <= other.at for other in asked[:place])
        time.sleep(0.02)
    return math.inf, len(fleet.source.asked(source, before))


def _share(numbers: Sequence[str], wanted: Collection[str]) -> float:
    return sum(number in wanted for number in numbers) / len(numbers) if numbers else math.nan


SCENARIOS = (
    Scenario("quota", "8 workers at one source, 17/s with a burst of 5", _quota),
    Scenario("rates", "other rates and bursts, 2 workers", _rates),
    Scenario("redis", "17/s with a burst of 5, Redis flushed and then absent", _redis),
    Scenario("breaker", "a source that is down while checks wait, 40/s", _breaker),
    Scenario("bulkhead", "10 sources, one takes requests and never answers", _bulkhead),
    Scenario("fairness", "one consultation with ten times as many checks waiting", _fairness),
)
