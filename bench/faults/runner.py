"""Runs one scenario and turns its history into a row."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.faults.checker import Kind, repeated, violations
from bench.faults.scenario import Scenario
from bench.faults.stage import Stage
from bench.faults.supervisor import ROOT

_SHOWN = 10
_STOPPING = 20.0
"""Seconds in which a worker with nothing to do must have ended after SIGTERM."""


def revision() -> str:
    """The commit that runs, with a plus where files differ from it; "unknown" outside of a clone."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


def run(scenario: Scenario, *, checks: int, seed: int, short: bool, kept: Path) -> dict[str, Any]:
    """The row of one run. Where a promise was broken or a figure missed, logs and ledger stay in a folder in `kept`."""
    begun = time.monotonic()
    with Stage(scenario.setting, checks, seed, short=short) as stage:
        set_up_s, working = time.monotonic() - begun, time.monotonic()
        recovery_s = scenario.run(stage)
        drained_s = stage.drain(120 if short else 600)
        spent = time.monotonic() - working
        stage.remember()
        for unit in stage.units:
            unit.retire()
        end = time.monotonic() + _STOPPING
        stubborn = [unit.name for unit in stage.units if not unit.ended(max(0.0, end - time.monotonic()))]
        for unit in stage.units:
            unit.kill()
        history = stage.history(scenario.undetermined)
        found = violations(history)
        kinds = Counter(kind for kind, _ in {(violation.kind, violation.subject) for violation in found})
        seconds = sorted(stage.web.seconds)
        row: dict[str, Any] = {
            "scenario": scenario.name,
            "title": scenario.title,
            "seed": seed,
            "checks": len(history.submits),
            "lost": kinds[Kind.LOST],
            "doubled": kinds[Kind.DOUBLED],
            "stale": kinds[Kind.STALE],
            "other": kinds.total() - kinds[Kind.LOST] - kinds[Kind.DOUBLED] - kinds[Kind.STALE],
            "undetermined": sum(verdict.outcome == "undetermined" for verdict in history.dump.verdicts),
            "repeated": repeated(history),
            "recovery_s": _rounded(recovery_s),
            "drained_s": _rounded(drained_s),
            "rate": round(len(history.dump.verdicts) / spent, 1),
            "submit_p99_s": round(seconds[int(0.99 * len(seconds))], 3) if seconds else None,
            "submit_max_s": round(seconds[-1], 3) if seconds else None,
            "refused_writes": sum(unit.said("write refused") for unit in stage.units),
            "thread_failures": sum(unit.said("engine thread failed") for unit in stage.units),
            "restarts": sum(unit.ends.total() for unit in stage.units) - len(stage.units),
            "exits": {unit.name: dict(unit.ends) for unit in stage.units},
            "stubborn": stubborn,
            **stage.notes,
            "bugs": (stage.web.bugs + stage.register.failures)[:_SHOWN],
            "violations": [f"{one.kind} {one.subject}: {one.detail}" for one in found[:_SHOWN]],
            "short": short,
            "set_up_s": round(set_up_s, 1),
            "spent_s": round(time.monotonic() - begun, 1),
            "revision": revision(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if "kills" in row:
            row["repeated_a_slot"] = round(row["repeated"] / (row["kills"] * scenario.setting.slots), 2)
        row["missed"] = _missed(scenario, row)
        if row["missed"]:
            folder = kept / f"{scenario.name}-{seed}"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(stage.folder, folder, ignore=shutil.ignore_patterns("*.sock", "jurat-*"))
            row["logs"] = str(folder)
    return row


def _missed(scenario: Scenario, row: dict[str, Any]) -> list[str]:
    """What is not as it must be, in words."""
    missed = [f"{name} {row[name]}" for name in ("lost", "doubled", "stale", "other") if row[name]]
    missed += row["bugs"][:1]
    missed += [f"{name} does not end" for name in row["stubborn"]]
    if row["drained_s"] is None:
        missed.append("not everything was settled in time")
    for name, limit in scenario.limits.items():
        if row.get(name) is None or row[name] > limit:
            missed.append(f"{name} {row.get(name)}, at most {limit:g}")
    for name, least in scenario.at_least.items():
        if row.get(name, 0) < least:
            missed.append(f"{name} {row.get(name, 0)}, at least {least:g} or the fault does not bite")
    return missed


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
