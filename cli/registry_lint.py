"""Checks files with what is on this machine, and says what was found: problems, tests of registries, their moods."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.output import CheckupStep, StepMark, count_text, fields_of
from config.lint import Report, lint, most_serious, unknown_lists
from config.problems import Problem, dotted
from config.registry import RegistrySource, RosterSource
from jurat.vocabulary import Outcome

if TYPE_CHECKING:
    from adapters.registry_tests.conformance import MoodResult
    from adapters.registry_tests.examination import Examination


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """The problems as lines, by place. If there are too many, errors go first, and the rest is counted."""
    shown = most_serious(problems)
    yield from map(str, shown)
    if left := len(problems) - len(shown):
        yield f"… and {left:,} more: fix these first, and run it again"


def lint_here(paths: Iterable[Path], zones: Collection[str] | None = None) -> Report:
    """Lint files with the secrets and files of this machine."""
    return lint(paths, zones=zones, environ=os.environ)


def all_problems(report: Report, lists: Collection[str] | None = None) -> list[Problem]:
    """What lint found, and what is wrong with the registries; with the `lists` that have codes, also which do not."""
    if not any(isinstance(each, RegistrySource | RosterSource) for each in report.document.sources.values()):
        found = unknown_lists(report, lists) if lists is not None and report.configuration is not None else []
        return sorted([*report.problems, *found])
    from adapters.registry_tests import configurations  # what tests them takes long to load

    return configurations.all_problems(report, lists)


def examination_steps(name: str, examination: Examination, *, every_mood: bool) -> Iterator[CheckupStep]:
    """The tests of a registry one by one, and its moods by step; with `every_mood`, also each mood."""
    for test in examination.results:
        mark, found, advice = StepMark.OK, test.found, ""
        if not test.passed:
            said, _, advice = test.problem.partition(" — ")
            mark, found = StepMark.PROBLEM, f"{dotted(test.place)}: {said}"
        yield CheckupStep(f"{name}: {test.trial.name}", mark, found, advice)
    by_step: dict[str, list[MoodResult]] = {}
    for each in examination.moods:
        by_step.setdefault(each.step, []).append(each)
    for step, acted in by_step.items():
        marks = [StepMark.OK if each.place is None else StepMark.PROBLEM for each in acted]
        if every_mood:
            for mark, each in zip(marks, acted, strict=True):
                yield CheckupStep(f"{name}: {step}", mark, f"{each.mood}: {each.found}")
        mark = StepMark.PROBLEM if StepMark.PROBLEM in marks else StepMark.OK
        yield CheckupStep(f"{name}: moods", mark, f"at step {step}: {_moods_text(acted)}")
    failed = {test.place for test in examination.results if not test.passed}
    for fault in examination.faults:
        if fault.place not in failed:
            yield CheckupStep(f"{name}: {dotted(fault.place)}", StepMark.PROBLEM, fault.problem, fault.hint)


def examination_data(name: str, examination: Examination) -> dict[str, Any]:
    """The same as data."""
    return {
        "source": name,
        "tests": [
            {
                "name": test.trial.name,
                "expected": test.expected,
                "found": test.found or None,
                "passed": test.passed,
                "said": test.problem or None,
                "place": dotted(test.place),
            }
            for test in examination.results
        ],
        "moods": [
            {
                **fields_of(each, "test", "step", "mood", "found"),
                "wrong": each.problem or None,
                "place": None if each.place is None else dotted(each.place),
            }
            for each in examination.moods
        ],
        "faults": [
            {"place": dotted(fault.place), "said": fault.problem, "hint": fault.hint} for fault in examination.faults
        ],
    }


def _moods_text(acted: Sequence[MoodResult]) -> str:
    """How many moods and shapes there were, and their verdicts. Shapes that keep all that counts may accept."""
    shaped = sum(each.mutated for each in acted)
    counts = Counter(each.found for each in acted)
    left = counts.pop(str(Outcome.ACCEPTED), 0)
    kept = f", {count_text(left, 'shape')} with all that is required" if left else ""
    found = ", ".join(f"{count} {verdict.removeprefix('undetermined/')}" for verdict, count in counts.most_common())
    return f"{count_text(len(acted) - shaped, 'mood')}, {count_text(shaped, 'other shape')}: {found}{kept}"
