"""Breaks the source, and submits checks that kill the worker that looks them up."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.faults.scenario import Scenario
from bench.faults.stage import Setting, Stage
from bench.rig.registry import number_of
from bench.rig.source import Mood
from jurat.vocabulary import Reason

POISONED = (31, 77)
"""The submits whose lookup kills the worker that makes it."""


def _in_mood(mood: Mood, seconds: float) -> Callable[[Stage], float | None]:
    def run(stage: Stage) -> float | None:
        stage.over(1.0, end=0.2)
        stage.registry.mood = mood
        stage.over(5.0 if stage.short else seconds, begin=0.2, end=0.9)
        stage.registry.mood = Mood.WELL
        took = stage.all_settle()
        stage.notes["troubled"] = stage.registry.troubled
        return took

    return run


def _poison(stage: Stage) -> float | None:
    def kill(port: int) -> None:
        for unit in stage.units:
            if unit.holds_port(port):
                stage.kill(unit)

    stage.registry.poison = {number_of(index) for index in POISONED}
    stage.registry.on_poison = kill
    stage.throughput(1.0)
    ids = [submit.check for submit in stage.web.submits if submit.number in stage.registry.poison]
    end = time.monotonic() + 120
    while len(ids) < len(POISONED) and time.monotonic() < end:
        time.sleep(0.1)
        ids = [submit.check for submit in stage.web.submits if submit.number in stage.registry.poison]
    stage.drain(120)
    lost = "SELECT count(*) FROM jurat_verdicts WHERE reason = 'worker_lost'"
    mine = " AND check_id IN ({})".format(", ".join(f"'{check}'" for check in ids))
    stage.notes["poison_given_up"] = stage.scalar(lost + mine)
    stage.notes["innocent_given_up"] = stage.scalar(lost) - stage.notes["poison_given_up"]
    stage.notes["most_lost_leases"] = stage.scalar("SELECT max(lost_leases) FROM jurat_checks")
    return stage.all_settle()


SCENARIOS = (
    Scenario(
        "source-down",
        "the source is down",
        _in_mood(Mood.DOWN, 130),
        at_least={"troubled": 10},
        limits={"recovery_s": 5, "submit_errors": 0},
        short=False,
    ),
    Scenario(
        "source-silent",
        "the source takes requests and never answers",
        _in_mood(Mood.SILENT, 75),
        setting=Setting(timeout="2s"),
        at_least={"troubled": 10},
        limits={"recovery_s": 5, "submit_errors": 0},
        short=False,
    ),
    Scenario(
        "source-garbage",
        "the source answers garbage",
        _in_mood(Mood.GARBAGE, 30),
        at_least={"troubled": 10},
        limits={"submit_errors": 0},
    ),
    Scenario(
        "poison",
        "two checks that kill the worker that looks them up",
        _poison,
        setting=Setting(needs_all=True),
        undetermined=frozenset({Reason.WORKER_LOST}),
        limits={"innocent_given_up": 0, "most_lost_leases": 3},
        at_least={"poison_given_up": len(POISONED)},
    ),
)
