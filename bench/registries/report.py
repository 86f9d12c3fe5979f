"""What the presets came to, as tables in Markdown, and their place in how-registries-are-tested.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.speed.report import markdown, wrapped
from examples.sources import Mood
from jurat.vocabulary import Outcome

BEGIN, END = "<!-- made: registries -->", "<!-- end -->"

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


def tables(run: Run) -> str:
    """A table of the moods, and one of all else by preset."""
    return (
        f"### Every preset in every mood\n\n{_moods(run['moods'])}\n\n"
        f"### Each preset with tests, other shapes, real answers, and time\n\n{_by_preset(run)}"
    )


def _moods(felt: Sequence[Mapping[str, Any]]) -> str:
    columns = dict.fromkeys((each["preset"], each["step"]) for each in felt)
    steps = Counter(preset for preset, _ in columns)
    by_mood: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in felt:
        where = each["preset"] if steps[each["preset"]] == 1 else f"{each['preset']} ({each['step']})"
        by_mood[each["mood"]][_cell(each)].append(where)
    by_result: dict[str, list[str]] = defaultdict(list)
    for mood, results in by_mood.items():
        by_result[_results(results)].append(mood)
    asked = [each for each in felt if each["mood"] != Mood.OK]
    decided = sum(not each["found"].startswith(_UNDETERMINED) for each in asked)
    said = f"{len(asked)} look-ups in a bad mood, {decided} of them accepted or refused. Each is undetermined, for:"
    return f"{said}\n\n{markdown(['reason', 'moods'], [[result, ', '.join(of)] for result, of in by_result.items()])}"


def _results(results: Mapping[str, Sequence[str]]) -> str:
    """What most presets come to, and each other result with the presets that come to it."""
    most = max(results, key=lambda result: len(results[result]))
    others = (f"; {result} for {', '.join(where)}" for result, where in results.items() if result != most)
    return most + "".join(others)


def _cell(felt: Mapping[str, Any]) -> str:
    """The reason where nothing is decided; else all of it, so that it stands out where it is wrong."""
    found = str(felt["found"]).removeprefix(_UNDETERMINED)
    return found if felt["is_right"] else f"**WRONG: {felt['found']}**"


def _by_preset(run: Run) -> str:
    costs = {cost["preset"]: cost for cost in run["costs"]}
    lines = []
    for each in run["offline"]:
        preset, faults = each["preset"], len(each["faults"]) + each["failed"]
        real = [shown["is_right"] for shown in run["payloads"] if shown["preset"] == preset]
        right = f"{sum(real)}/{len(real)}" if real else "–"
        lines.append([preset, str(each["tests"]), f"{each['acted']:,}", str(faults), right, *_cost(costs.get(preset))])
    heads = ["preset", "tests", "moods and shapes", "wrong", "real answers right", "p50 ms", "to be"]
    notes = [] if run["payloads"] else ["Real answers were not run: the files are not beside the repository."]
    if run["foreign_share"] >= _BUSY:
        notes.append(f"Other processes had {run['foreign_share']:.0%} of the machine meanwhile.")
    return "\n\n".join([*notes, markdown(heads, lines)])


def _cost(cost: Mapping[str, Any] | None) -> tuple[str, str]:
    if cost is None:
        return "–", "–"
    return f"{cost['p50_ms']:.3f}", f"≤ {cost['limit_ms']:g}{'' if cost['is_kept'] else ' **MISSED**'}"


def filled_in(page: str, run: Run) -> str:
    """The text of a page with the results between its marks made anew.

    Raises ValueError where there are no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} with an {END} after it")
    head = wrapped(f"Commit {run['revision']}, {run['at'][:10]}, by `{run['command']}`. {run['machine']}.")
    return f"{before}{BEGIN}\n{head}\n\n{tables(run)}\n{END}{after}"


def write(file: Path, run: Run) -> None:
    """Fill in the page in `file`. Raises as `filled_in`."""
    file.write_text(filled_in(file.read_text("utf-8"), run), encoding="utf-8")
