"""Measures one arm in one part of one round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from bench.rig.figures import percentile
from bench.rig.fleet import Verdict
from bench.rig.machine import Memory, Usage
from bench.rig.registry import number_of, right_outcome
from bench.rig.servers import Rig
from bench.speed.figures import steady_rate
from bench.speed.plan import SLOW, Arm, Part
from bench.speed.platforms import Platform, open_platform
from bench.speed.submitters import Task, crowd
from bench.speed.workers import REGISTRY, Repeats, Workers, workers

PACE = 50.0
"""Submits a second in the paced part."""
STORM = 5000
"""Single submits of the storm, from `_WEB_PROCESSES` with `_WEB_THREADS` each."""
ENQUEUED = 1000
"""Single submits whose cost is measured; ten times as many in bulk."""

_WEB_PROCESSES, _WEB_THREADS = 2, 4
_WARM_S = 3.0
"""Seconds of work at most before the measured work, which also say how much of that there must be."""
_FASTER = 1.4
"""Times that of the warm-up, which is short with a slow source: so fast may the measured work be."""
_IDLE_S = 5.0
"""Seconds for which workers with nothing to do are watched, after `_CALM_S`."""
_CALM_S = 2.0
_WAKING_S = 1.0
"""Seconds at a steady rate that are not judged: workers wake up."""
_PATIENCE = 6.0
"""Times the planned seconds, and 60 s: so long a measurement may take."""

Figures = dict[str, Any]


def measure(part: Part, arm: Arm, rig: Rig, seconds: float, size: float = 1.0) -> Figures:
    """The figures of one arm. `size` scales the counts that do not follow from `seconds`.

    Raises TimeoutError when not everything got its verdict, ImportError when the arm's library is not installed.
    """
    match part:
        case Part.AT_ONCE | Part.LIMITS | Part.PROCESSES | Part.STEPS:
            return _flow(arm, rig, seconds, 0.0)
        case Part.SLOW:
            return _flow(arm, rig, seconds, SLOW)
        case Part.PACED:
            count = round((_WAKING_S + seconds) * PACE)
            return _crowd(arm, rig, seconds, count=count, processes=1, threads=1, rate=PACE)
        case Part.STORM:
            count = round(STORM * size)
            return _crowd(arm, rig, seconds, count=count, processes=_WEB_PROCESSES, threads=_WEB_THREADS, rate=None)
        case Part.ENQUEUE:
            return _enqueue(arm, rig, round(ENQUEUED * size))


class _Run:
    """Running workers with their platform; checks get indexes one after the other."""

    def __init__(self, running: Workers, platform: Platform, rig: Rig) -> None:
        self.workers = running
        self.platform = platform
        self.rig = rig
        self.next = 0

    def submit(self, count: int) -> range:
        """Submit so many, in bulk."""
        indexes = range(self.next, self.next + count)
        self.next = indexes.stop
        self.platform.submit_many(indexes)
        return indexes

    def warm_up(self, latency: float, seconds: float) -> float:
        """Have every slot work, for no longer than what is measured; how many checks a second there will be."""
        self.rig.source.start_over(REGISTRY, latency)
        rate = self._rate_of(2 * self.workers.arm.processes * self.workers.arm.slots + 50)
        return self._rate_of(max(50, round(rate * min(_WARM_S, seconds))))

    def _rate_of(self, count: int) -> float:
        indexes = self.submit(count)
        verdicts = self.settled(indexes, 60.0)
        return steady_rate([verdict.at for verdict in verdicts]) or float(count)

    def settled(self, indexes: range, seconds: float, extra: int = 0) -> list[Verdict]:
        """Wait until each of `indexes` has its verdict. `extra`: others that the source is asked for meanwhile.

        Raises TimeoutError.
        """
        end = time.monotonic() + seconds
        while True:
            # The source is asked first: to count rows costs the database what it would else do for the workers.
            if self.rig.source.counts(REGISTRY)[1] >= len(indexes) + extra:
                found = [verdict for verdict in self.workers.verdicts() if verdict.index in indexes]
                if len(found) >= len(indexes):
                    return found
            if time.monotonic() > end:
                found = [verdict for verdict in self.workers.verdicts() if verdict.index in indexes]
                raise TimeoutError(f"{len(found)} of {len(indexes)} verdicts after {seconds:g} s")
            time.sleep(0.1)

    def usage(self) -> Usage:
        """What is used until now."""
        return Usage.now(
            {
                "workers": self.workers.pids,
                "postgresql": [self.rig.postgresql.pid],
                "valkey": [self.rig.valkey.pid],
                "source": [self.rig.source.pid],
            }
        )

    def idle(self) -> Figures:
        """What the workers and their servers use of a core, in percent, while there is nothing to do."""
        self.rig.settle_down(self.workers.database_url)
        time.sleep(_CALM_S)
        before, begun = self.usage(), time.monotonic()
        time.sleep(_IDLE_S)
        used = (self.usage() - before).parts
        percent = 100 / (time.monotonic() - begun)
        servers = used["postgresql"] + used["valkey"]
        return {"idle_workers": used["workers"] * percent, "idle_servers": servers * percent}

    def figures(self, verdicts: list[Verdict], count: int, used: Usage, before: Repeats | None) -> Figures:
        """What every measurement of running workers has: was all of it done once and rightly, and what did it use.

        `before` is what they had done more than once before it.
        """
        asked, numbers = self.rig.source.counts(REGISTRY)
        repeats = self.workers.repeats()
        more = repeats - before if repeats and before else None
        # Where the database does not know, the source does: it was asked for the same number again.
        retried = more.retried if more else asked - numbers
        wrong = sum(verdict.outcome != right_outcome(number_of(verdict.index)) for verdict in verdicts)
        memory = Memory.of(self.workers.pids)
        return {
            "checks": count,
            "verdicts": len(verdicts),
            "wrong": wrong,
            "given_back": None if more is None else more.given_back / count * 1000,
            "retried": retried / count * 1000,
            "requests": asked,
            "numbers": numbers,
            "ended": self.workers.ended(),
            **{f"cpu_{name}": used.parts[name] / count * 1000 for name in used.parts},
            "foreign_share": used.foreign_share,
            "rss_mb": memory.rss,
            "pss_mb": memory.pss,
        }


def _with_workers(arm: Arm, rig: Rig, body: Callable[[_Run], Figures]) -> Figures:
    with workers(arm, rig) as running:
        platform = open_platform(running.address)
        try:
            return body(_Run(running, platform, rig))
        finally:
            platform.close()


def _flow(arm: Arm, rig: Rig, seconds: float, latency: float) -> Figures:
    """Checks a second while work waits. All of it is there before the workers are released."""

    def body(run: _Run) -> Figures:
        rate = run.warm_up(latency, seconds)
        steps = run.workers.steps()
        run.workers.stop()
        rig.source.start_over(REGISTRY, latency)
        if latency:
            rate = min(arm.ideal, _FASTER * rate)
        count = max(100, round(rate * seconds))
        indexes = run.submit(count)
        rig.settle_down(run.workers.database_url)
        repeats = run.workers.repeats()
        before, begun = run.usage(), time.time()
        run.workers.go_on()
        verdicts = run.settled(indexes, 60 + seconds * _PATIENCE)
        used = run.usage() - before
        times = [verdict.at for verdict in verdicts]
        after = run.workers.steps()
        figures = run.figures(verdicts, count, used, repeats)
        return {
            **figures,
            "rate": count / (max(times) - begun),
            "steady": steady_rate(times),
            "steps": {name: (seconds - steps[name]) / count * 1000 for name, seconds in after.items()},
            "ok": _whole(figures, count),
        }

    return _with_workers(arm, rig, body)


def _crowd(
    arm: Arm, rig: Rig, seconds: float, *, count: int, processes: int, threads: int, rate: float | None
) -> Figures:
    """Time to the verdict of single submits, each with its bell or message, from processes of a web tier."""

    def body(run: _Run) -> Figures:
        run.warm_up(0.0, seconds)
        idle = {} if rate is None else run.idle()
        rig.source.start_over(REGISTRY)
        repeats = run.workers.repeats()
        share = count // processes
        begin = run.next
        tasks = [
            Task(run.workers.address, begin + number * share, share, threads, rate and rate / processes)
            for number in range(processes)
        ]
        before = run.usage()
        committed, submits = crowd(tasks)
        indexes = range(begin, begin + share * processes)
        extra = submits - len(committed)
        verdicts = run.settled(indexes, 120 + count / 50, extra)
        used = run.usage() - before
        at = {verdict.index: verdict.at for verdict in verdicts}
        late = [index for index in indexes if rate is None or index >= begin + rate * _WAKING_S]
        waits = [(at[index] - committed[index]) * 1000 for index in late]
        figures = run.figures(verdicts, len(indexes), used, repeats)
        first = min(committed.values())
        return {
            **figures,
            **idle,
            "p50_ms": percentile(waits, 0.5),
            "p99_ms": percentile(waits, 0.99),
            "submitted_s": max(committed.values()) - first,
            "settled_s": max(at.values()) - first,
            "rate": len(indexes) / (max(at.values()) - first),
            "ok": _whole(figures, len(indexes), extra),
        }

    return _with_workers(arm, rig, body)


def _enqueue(arm: Arm, rig: Rig, count: int) -> Figures:
    """What the platform pays. Workers would take cores from it, so there are none."""
    with workers(arm, rig, started=False) as idle:
        platform = open_platform(idle.address)
        try:
            for index in range(100):
                platform.submit_one(index)
            before = Usage.now({})
            costs = [platform.submit_one(index).cost * 1000 for index in range(100, 100 + count)]
            begun = time.perf_counter()
            platform.submit_many(range(100 + count, 100 + count * 11))
            many_s = time.perf_counter() - begun
            used = Usage.now({}) - before
        finally:
            platform.close()
    return {
        "checks": count,
        "submit_p50_ms": median(costs),
        "submit_p99_ms": percentile(costs, 0.99),
        "rate": count * 10 / many_s,
        "foreign_share": used.foreign_share,
        "ok": True,
    }


def _whole(figures: Mapping[str, Any], count: int, extra: int = 0) -> bool:
    """Whether each check was asked for and has its one right verdict, and no worker ended."""
    return bool(
        figures["verdicts"] == count
        and figures["numbers"] == count + extra
        and figures["wrong"] == 0
        and figures["ended"] == 0
    )
