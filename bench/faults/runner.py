"""Runs one scenario and turns its history into a row."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.faults import moves
from bench.faults.checker import Kind, repeated, violations
from bench.faults.history import History
from bench.faults.scenario import Scenario
from bench.faults.scenarios import BY_NAME
from bench.faults.stage import Stage
from bench.rig.figures import percentile
from bench.rig.report import now, revision

_SHOWN = 10
_STOPPING = 20.0
"""Seconds in which a worker with nothing to do must have ended after SIGTERM."""


_ASKED = {0, -signal.SIGKILL, -signal.SIGTERM}
"""Exit codes of workers that were asked to end; SIGTERM if one was still starting."""


@dataclass(frozen=True, slots=True)
class _Course:
    """How a scenario went, in seconds: until the recovery, until all was settled, and in all."""

    recovery_s: float | None
    drained_s: float | None
    spent_s: float
    gave_up: list[str]
    stubborn: list[str]
    """Workers that did not end when they were asked to."""


def run_named(name: str, *, checks: int, seed: int, short: bool, slack: float, kept: Path) -> dict[str, Any]:
    """The row of a scenario by its name, which another process can be sent. Says on standard error that it begins."""
    print(f"{name}, seed {seed} …", file=sys.stderr, flush=True)
    row = run(BY_NAME[name], checks=checks, seed=seed, short=short, slack=slack, kept=kept)
    return {**row, "wanted": checks}


def run(scenario: Scenario, *, checks: int, seed: int, short: bool, slack: float, kept: Path) -> dict[str, Any]:
    """The row of one run. If a promise was broken or a figure missed, its logs and its database stay in `kept`."""
    begun = time.monotonic()
    with Stage(scenario.setting, checks, seed, short=short) as stage:
        set_up_s = time.monotonic() - begun
        course = _play(scenario, stage, 240 if short else 600)
        history = stage.history(scenario.undetermined)
        row: dict[str, Any] = {
            "scenario": scenario.name,
            "title": scenario.title,
            "seed": seed,
            **_promises(history),
            "recovery_s": _rounded(course.recovery_s),
            "drained_s": _rounded(course.drained_s),
            "rate": round(len(history.dump.verdicts) / course.spent_s, 1),
            **_submits(stage),
            **_workers(stage),
            "stubborn": course.stubborn,
            "gave_up": course.gave_up,
            **_leases(stage),
            **stage.notes,
            "short": short,
            "slack": slack,
            "set_up_s": round(set_up_s, 1),
            "spent_s": round(time.monotonic() - begun, 1),
            "revision": revision(),
            "at": now(),
        }
        if stage.kills:
            row["repeated_a_slot"] = round(row["repeated"] / (len(stage.kills) * scenario.setting.slots), 2)
        row["missed"] = missed(scenario, row, slack)
        if row["missed"]:
            folder = kept / f"{scenario.name}-{seed}"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(stage.folder, folder, ignore=shutil.ignore_patterns("*.sock", "jurat-*"))
            row["logs"] = str(folder)
    return row


def _play(scenario: Scenario, stage: Stage, patience: float) -> _Course:
    """Play a scenario, wait up to `patience` seconds until all is settled, and end the workers."""
    begun = time.monotonic()
    recovery_s, gave_up = None, []
    try:
        recovery_s = scenario.run(stage)
    except TimeoutError as error:
        gave_up = [str(error)]
    drained_s = stage.drain(patience)
    spent_s = time.monotonic() - begun
    stage.remember()
    for unit in stage.units:
        unit.retire()
    end = time.monotonic() + _STOPPING
    stubborn = [unit.name for unit in stage.units if not unit.ended(max(0.0, end - time.monotonic()))]
    for unit in stage.units:
        unit.kill()
    return _Course(recovery_s, drained_s, spent_s, gave_up, stubborn)


def _promises(history: History) -> dict[str, Any]:
    """How often each promise was broken, and the first violations."""
    found = violations(history)
    kinds = Counter(kind for kind, _ in {(violation.kind, violation.subject) for violation in found})
    return {
        "checks": len(history.submits),
        "lost": kinds[Kind.LOST],
        "doubled": kinds[Kind.DOUBLED],
        "stale": kinds[Kind.STALE],
        "other": kinds.total() - kinds[Kind.LOST] - kinds[Kind.DOUBLED] - kinds[Kind.STALE],
        "undetermined": sum(verdict.outcome == "undetermined" for verdict in history.dump.verdicts),
        "repeated": repeated(history),
        "violations": [f"{one.kind} {one.subject}: {one.detail}" for one in found[:_SHOWN]],
    }


def _submits(stage: Stage) -> dict[str, Any]:
    seconds = stage.submit_seconds()
    return {
        "submit_p99_s": round(percentile(seconds, 0.99), 3) if seconds else None,
        "submit_max_s": round(seconds[-1], 3) if seconds else None,
        "submit_errors": stage.web.errors + len(stage.web.bugs),
        "bugs": (stage.web.bugs + stage.source.failures)[:_SHOWN],
    }


def _workers(stage: Stage) -> dict[str, Any]:
    units = stage.units
    return {
        "refused_writes": sum(unit.said("write refused") for unit in units),
        "thread_failures": sum(unit.said("engine thread failed") for unit in units),
        "tracebacks": sum(unit.said("Traceback") for unit in units),
        "restarts": sum(unit.ends.total() for unit in units) - len(units),
        "exits": {unit.name: dict(unit.ends) for unit in units},
        "crashes": sum(count for unit in units for code, count in unit.ends.items() if code not in _ASKED),
    }


def missed(scenario: Scenario, row: Mapping[str, Any], slack: float = 1.0) -> list[str]:
    """What is wrong, as sentences.

    `slack` prolongs limits of time (`…_s`) and lowers shares of a rate (`…_share`), for a machine that does other
    things as well. What was lost or doubled, and every other count, has none.
    """
    found = [f"{name} {row[name]}" for name in ("lost", "doubled", "stale", "other") if row[name]]
    found += row["gave_up"] + row["bugs"][:1]
    if row["crashes"]:
        found.append(f"{row['crashes']} times a worker ended without being asked to")
    found += [f"{name} does not end" for name in row["stubborn"]]
    if row["drained_s"] is None:
        found.append("not everything was settled in time")
    for name, strict in scenario.limits.items():
        limit = strict * slack if name.endswith("_s") else strict
        if row.get(name) is None or row[name] > limit:
            found.append(f"{name} {row.get(name)}, at most {limit:g}")
    for name, strict in scenario.at_least.items():
        if name.endswith("_share"):
            if row.get(name, 0) < strict / slack:
                found.append(f"{name} {row.get(name)}, at least {strict / slack:.2g}")
        elif row.get(name, 0) < strict:
            found.append(f"{name} {row.get(name, 0)}, at least {strict:g} or the fault does not bite")
    return found


def _leases(stage: Stage) -> dict[str, float]:
    """What became of the leases of killed workers, and of those held at the beginning of an outage."""
    made = moves.read(stage.service.database)
    figures: dict[str, float] = {"leases_lost": moves.lost_leases(made, 0.0)}
    if stage.kills:
        again = moves.claimed_again(made, stage.kills)
        figures |= {"kills": len(stage.kills), "leases_cut": len(again)}
        figures["leased_again_s"] = round(max(again, default=0.0), 2)
    if stage.outages:
        figures["outages"] = len(stage.outages)
        figures["held_at_outages"] = sum(moves.held(made, at) for at in stage.outages)
        figures["stampede"] = moves.stampede(made, stage.outages)
    return figures


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
