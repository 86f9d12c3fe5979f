"""Writes what the presets decide and cost as tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.rig.report import Report, Rows, markdown
from examples.sources import Mood
from jurat.vocabulary import Outcome

REPORT = Report("bench-registries", "contributors/how-registries-are-tested.md", "registries", "bench-registries.json")

Run = Mapping[str, Any]
"""One run: when, where and by which command, and its parts `moods`, `offline`, `payloads` and `costs`."""

_UNDETERMINED = f"{Outcome.UNDETERMINED}/"

_BUSY = 0.05
"""A share of the machine that shows in times."""


def wrong(run: Run) -> list[str]:
    """What is not as it must be."""
    said = [
        f"{felt['preset']}, step {felt['step']}, {felt['mood']}: {felt['found']}"
        for felt in run["moods"]
        if not felt["is_right"]
    ]
    said += [f"{each['preset']}: {fault}" for each in run["offline"] for fault in each["faults"]]
    said += [
        f"{shown['file']}, {shown['about']}: {shown['found']} and not {shown['expected']}"
        for shown in run["payloads"]
        if not shown["is_right"]
    ]
    said += [
        f"{cost['preset']}: p50 {cost['p50_ms']:.3f} ms and not {cost['limit_ms']:g} ms"
        for cost in run["costs"]
        if not cost["is_kept"]
    ]
    return said


def tables(runs: Rows) -> str:
    """A table of each part of the only run."""
    (run,) = runs
    parts = [
        f"### Every preset in every mood\n\n{_moods(run['moods'])}",
        f"### Their own tests, and answers in other shapes\n\n{_offline(run['offline'])}",
        f"### Answers of real registries\n\n{_payloads(run['payloads'])}",
        f"### What a look-up costs without the network\n\n{_costs(run)}",
    ]
    return "\n\n".join(parts)


def _moods(felt: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys((each["preset"], each["step"]) for each in felt))
    steps = Counter(preset for preset, _ in columns)
    heads = [preset if steps[preset] == 1 else f"{preset}: {step}" for preset, step in columns]
    by_mood: dict[str, dict[tuple[str, str], str]] = {}
    for each in felt:
        by_mood.setdefault(each["mood"], {})[each["preset"], each["step"]] = _cell(each)
    lines = [[mood, *(cells.get(column, "–") for column in columns)] for mood, cells in by_mood.items()]
    asked = [each for each in felt if each["mood"] != Mood.OK]
    decided = sum(not each["found"].startswith(_UNDETERMINED) for each in asked)
    said = f"{len(asked)} look-ups in a bad mood, {decided} of them accepted or refused. Each is undetermined, for:"
    return f"{said}\n\n{markdown(['mood', *heads], lines)}"


def _cell(felt: Mapping[str, Any]) -> str:
    """The reason where nothing is decided; else all of it, so that it stands out where it is wrong."""
    found = str(felt["found"]).removeprefix(_UNDETERMINED)
    return found if felt["is_right"] else f"**WRONG: {felt['found']}**"


def _offline(examined: Sequence[Mapping[str, Any]]) -> str:
    heads = ["preset", "tests", "accepted", "refused", "undetermined", "failed", "bad moods and other shapes", "wrong"]
    lines = [
        [
            each["preset"],
            *(str(each[key]) for key in ("tests", *Outcome, "failed")),
            f"{each['acted']:,}",
            str(len(each["faults"])),
        ]
        for each in examined
    ]
    return markdown(heads, lines)


def _payloads(shown: Sequence[Mapping[str, Any]]) -> str:
    if not shown:
        return "Not run: the files are not beside the repository."
    lines = [
        [each["preset"], each["file"], each["about"], each["found"], "right" if each["is_right"] else "**WRONG**"]
        for each in shown
    ]
    return markdown(["preset", "answer", "asked", "verdict", ""], lines)


def _costs(run: Run) -> str:
    lines = [
        [
            cost["preset"],
            f"{cost['p50_ms']:.3f}",
            f"≤ {cost['limit_ms']:g}",
            f"{cost['p99_ms']:.3f}",
            f"{cost['look_ups']:,}",
            "kept" if cost["is_kept"] else "**MISSED**",
        ]
        for cost in run["costs"]
    ]
    said = f"Other processes had {run['foreign_share']:.0%} of the machine meanwhile, which is what most of the p99 is."
    table = markdown(["preset", "p50 ms", "to be", "p99 ms", "look-ups", ""], lines)
    return f"{said}\n\n{table}" if run["foreign_share"] >= _BUSY else table
