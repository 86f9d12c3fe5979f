"""Checks a configuration here: its registries, by their tests and when they fail, and its lists of codes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.output import CheckupStep, StepMark, count_text, fields_of
from config.document import Parameter
from config.lint import Report, lint
from config.problems import Complaint, Positions, Problem, Severity, dotted
from config.problems import Path as Place
from config.registry import RegistrySource, RosterSource
from config.sources import CodesSource
from config.suggestions import did_you_mean
from jurat.vocabulary import Outcome

if TYPE_CHECKING:
    from adapters.registry_tests.conformance import MoodResult
    from adapters.registry_tests.examination import Examination
    from config.registry.trial_files import TrialFiles


MOST_PROBLEMS: Final = 100
"""Problems that are printed, at most."""


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """The problems as lines, by place. If there are too many, errors go first, and the rest is counted."""
    shown = problems
    if len(problems) > MOST_PROBLEMS:
        shown = sorted(sorted(problems, key=lambda problem: problem.severity != Severity.ERROR)[:MOST_PROBLEMS])
    yield from map(str, shown)
    if left := len(problems) - len(shown):
        yield f"… and {left:,} more: fix these first, and run it again"


def lint_here(paths: Iterable[Path], zones: Collection[str] | None = None) -> Report:
    """Lint files with the secrets and files of this machine."""
    return lint(paths, zones=zones, environ=os.environ)


def registry_problems(report: Report) -> list[Problem]:
    """What is wrong with the tests and moods of all registries in a configuration, each at its place."""
    problems: set[Problem] = set()
    for name, source in report.document.sources.items():
        if isinstance(source, RegistrySource | RosterSource):
            for fault in examine_source(name, source, report.positions).faults:
                complaint = Complaint(("sources", name, *fault.place), fault.problem, fault.hint)
                problems.add(complaint.placed(report.positions))
    return sorted(problems)


def unknown_lists(report: Report, lists: Collection[str]) -> list[Problem]:
    """Lists without codes: an error for a source, a warning for a question, whose codes may still be made."""
    named: list[tuple[Place, str, Severity]] = [
        (("sources", name, "list"), source.list, Severity.ERROR)
        for name, source in report.document.sources.items()
        if isinstance(source, CodesSource) and source.list is not None
    ]
    for name, consultation in report.document.consultations.items():
        for question, asked in consultation.questions.items():
            if code_list := asked.parameters.get(Parameter.LIST):
                path = ("consultations", name, "questions", question, "with", "list")
                named.append((path, code_list, Severity.WARNING))
    problems = []
    for place, code_list, severity in named:
        if code_list not in lists:
            near = did_you_mean(code_list, lists)
            hint = f"{near} Otherwise run" if near else "run"
            hint += (
                f": bin/jurat codes generate {code_list} --count N, or codes import {code_list} FILE if it has codes"
            )
            complaint = Complaint(place, f"the list '{code_list}' has no codes", hint, severity)
            problems.append(complaint.placed(report.positions))
    return problems


def examine_source(name: str, source: RegistrySource | RosterSource, positions: Positions | None = None) -> Examination:
    """Run the tests and moods of a registry, or the tests of a roster. `positions` are those of its parts in files."""
    from adapters.registry_tests.examination import examine, examine_roster

    files = trial_files(name, source, positions)
    return examine(source, files.read) if isinstance(source, RegistrySource) else examine_roster(source, files.read)


def trial_files(name: str, source: RegistrySource | RosterSource, positions: Positions | None) -> TrialFiles:
    """The files of its tests; see `examine_source`."""
    from config.registry.trial_files import TrialFiles

    written = {} if positions is None else positions.values
    return TrialFiles(name, [trial.name for trial in source.tests], written, Path.cwd())


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
