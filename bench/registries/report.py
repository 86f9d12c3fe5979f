"""Writes what the presets decide and cost as tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.rig.report import MISSED, Report, Rows, head, markdown
from examples.sources import Mood
from jurat.vocabulary import Outcome

REPORT = Report("bench-registries", "contributors/how-registries-are-tested.md", "registries", "bench-registries.json")

Run = Mapping[str, Any]
"""One run: when, where and by which command, and its parts `moods`, `offline`, `payloads` and `costs`."""

_UNDETERMINED = f"{Outcome.UNDETERMINED}/"

_BUSY = 0.05
"""A share of the machine that shows in times."""


def wrong(run: Run) -> list[str]:
    """Everything that is wrong in a run."""
    found = [
        f"{felt['preset']}, step {felt['step']}, {felt['mood']}: {felt['found']}"
        for felt in run["moods"]
        if not felt["is_right"]
    ]
    found += [f"{each['preset']}: {fault}" for each in run["offline"] for fault in each["faults"]]
    found += [
        f"{shown['file']}, {shown['about']}: {shown['found']} and not {shown['expected']}"
        for shown in run["payloads"]
        if not shown["is_right"]
    ]
    found += [
        f"{cost['preset']}: p50 {cost['p50_ms']:.3f} ms and not {cost['limit_ms']:g} ms"
        for cost in run["costs"]
        if not cost["is_kept"]
    ]
    return found


def tables(runs: Rows) -> str:
    """The tables of the only run."""
    (run,) = runs
    return (
        f"### Every preset in every mood\n\n{_moods(run['moods'])}\n\n"
        f"### Each preset with tests, other shapes, real answers, and time\n\n{_presets(run)}"
    )


def page(runs: Rows) -> str:
    """What the docs have of the only run."""
    return f"{head(runs)}\n\n{tables(runs)}"


def _moods(felt: Sequence[Mapping[str, Any]]) -> str:
    """The moods that came to the same, in one line. Presets that came to something else are named."""
    steps = Counter((each["preset"], each["mood"]) for each in felt)
    by_mood: dict[str, dict[str, list[str]]] = {}
    for each in felt:
        preset = each["preset"] if steps[each["preset"], each["mood"]] == 1 else f"{each['preset']} ({each['step']})"
        by_mood.setdefault(each["mood"], {}).setdefault(_reason(each), []).append(preset)
    moods: dict[str, list[str]] = {}
    for mood, found in by_mood.items():
        usual, *others = sorted(found.items(), key=lambda pair: -len(pair[1]))
        reasons = [usual[0], *(f"{reason} for {', '.join(presets)}" for reason, presets in others)]
        moods.setdefault("; ".join(reasons), []).append(mood)
    asked = [each for each in felt if each["mood"] != Mood.OK]
    decided = sum(not each["found"].startswith(_UNDETERMINED) for each in asked)
    count = f"{len(asked)} lookups in a bad mood, {decided} of them accepted or refused. Each is undetermined, for:"
    return f"{count}\n\n{markdown(['reason', 'moods'], [[reasons, ', '.join(of)] for reasons, of in moods.items()])}"


def _reason(felt: Mapping[str, Any]) -> str:
    """The reason if nothing is decided, otherwise the whole verdict; marked if it is wrong."""
    found = str(felt["found"]).removeprefix(_UNDETERMINED)
    return found if felt["is_right"] else f"**WRONG: {felt['found']}**"


def _presets(run: Run) -> str:
    costs = {cost["preset"]: cost for cost in run["costs"]}
    lines = []
    for each in run["offline"]:
        shown = [one["is_right"] for one in run["payloads"] if one["preset"] == each["preset"]]
        cost = costs[each["preset"]]
        limit = f"≤ {cost['limit_ms']:g}"
        lines.append(
            [
                *(each["preset"], str(each["tests"]), f"{each['acted']:,}", str(len(each["faults"]))),
                f"{sum(shown)}/{len(shown)}" if shown else "–",
                *(f"{cost['p50_ms']:.3f}", limit if cost["is_kept"] else f"{limit} {MISSED}"),
            ]
        )
    heads = ["preset", "tests", "moods and shapes", "wrong", "real answers right", "p50 ms", "to be"]
    table = markdown(heads, lines)
    if run["foreign_share"] < _BUSY:
        return table
    return f"Other processes had {run['foreign_share']:.0%} of the machine meanwhile.\n\n{table}"
