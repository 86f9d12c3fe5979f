"""Checks workers, limits of requests, and the clock."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from cli.output import CheckupStep, StepMark, count_text, time_text
from store.history.sealer import unsealed_since
from store.monitoring.alarms import Alarm
from store.monitoring.conditions import findings
from store.monitoring.fleet_reader import FleetReader
from store.queries import Queries
from store.requests.allowances import reached_limits
from worker import health
from worker.service import Service

CLOCKS_APART = 5.0
"""Seconds between this machine's clock and the database's that are too much: logs and certificates suffer."""


def worker_steps(here: str | None) -> Iterator[CheckupStep]:
    """The workers that run on this machine, for the database `here`; None is any."""
    found = health.workers()
    beats = [beat for beat in found if here is None or beat.is_of(here)]
    if not beats:
        yield CheckupStep("workers", StepMark.NOTE, "none of this user and database runs on this machine")
    for beat in beats:
        if problem := beat.trouble:
            yield CheckupStep("workers", StepMark.PROBLEM, problem, "restart it")
        elif unready := beat.unready:
            mark = StepMark.PROBLEM if beat.facts.strange else StepMark.NOTE
            yield CheckupStep("workers", mark, f"alive, but {unready}")
        else:
            held = f"holds {beat.facts.held} with {count_text(beat.facts.slots, 'slot')}"
            yield CheckupStep("workers", StepMark.OK, f"worker {beat.pid} is alive and ready, {held}")


def fleet_step(queries: Queries) -> CheckupStep:
    """How many workers of the database are live, on all machines."""
    live = [each for each in queries.workers() if each.live]
    if not live:
        return CheckupStep(
            "fleet", StepMark.NOTE, "no worker of this database was seen in the last 30 s", "run `bin/jurat worker`"
        )
    names = ", ".join(each.name for each in live[:5]) + (" …" if len(live) > 5 else "")
    return CheckupStep("fleet", StepMark.OK, f"{count_text(len(live), 'worker')} seen in the last 30 s: {names}")


def finding_steps(service: Service, alarms: Collection[Alarm] = tuple(Alarm)) -> Iterator[CheckupStep]:
    """What `jurat now` finds. That no worker runs is no problem while nothing waits: `fleet_step` says so."""
    seen = FleetReader(service.database).observe()
    idle = seen.fleet is not None and not seen.fleet.live and not any(each.unsettled for each in seen.fleet.sources)
    for each in findings(seen):
        if each.alarm in alarms and not (idle and each.alarm is Alarm.NOBODY_WORKS):
            name = f"source {each.source}" if each.source else each.alarm.removeprefix("Jurat")
            yield CheckupStep(name, StepMark.PROBLEM, each.found, f"{each.advice} ({each.runbook})")


def allowance_steps(service: Service) -> Iterator[CheckupStep]:
    """A problem for each database user that reached its hourly limit in the last day: its password may be stolen."""
    for each in reached_limits(service.database):
        found = (
            f"{each.login} asked for {each.per_hour} transfers and erasures within an hour, which is its limit, the "
            f"last at {time_text(each.at)}"
        )
        advice = (
            "check whether the platform intended them (jurat_requests); if not, lock that user out. If it needs more, "
            "raise its per_hour in jurat_allowances"
        )
        yield CheckupStep("requests", StepMark.PROBLEM, found, advice)


def history_steps(service: Service) -> Iterator[CheckupStep]:
    """A problem if nobody seals a history that has begun."""
    if (found := unsealed_since(service.database)) is not None:
        count, since = found
        waiting = f"{count_text(count, 'row')} wait to be sealed, the first since {time_text(since)}"
        yield CheckupStep("history", StepMark.PROBLEM, waiting, "run `bin/jurat history seal`, and see its log")


def clock_step(queries: Queries) -> CheckupStep:
    """Whether this machine's clock agrees with the database's."""
    begun = time.monotonic()
    apart = (queries.clock() - datetime.now(UTC)).total_seconds()
    rough = time.monotonic() - begun + 0.002
    if abs(apart) - rough > CLOCKS_APART:
        found = f"the database is {abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} this machine"
        return CheckupStep("clock", StepMark.PROBLEM, found, "let both machines take their time from the network (NTP)")
    return CheckupStep("clock", StepMark.OK, f"the database's time is this machine's to {max(abs(apart), rough):.2f} s")
