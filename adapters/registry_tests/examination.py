"""Examines a description before it is published: its own tests, and the failure cases of every registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.registry.trial_replies import ReadFile
from adapters.registry_tests.conformance import MoodResult, play_moods
from adapters.registry_tests.coverage import find_untested
from adapters.registry_tests.description_tests import TrialResult, run_trials
from adapters.registry_tests.failure_places import find_line
from adapters.registry_tests.offline_run import Fault, OfflineRun, Path
from adapters.registry_tests.roster_tests import run_roster_trials
from config.registry import RegistrySource
from config.registry.model.rules import StatusRule, Then
from config.registry.model.source import RecordSource
from config.registry.roster import RosterSource
from jurat.vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class Examination:
    """The results of one description's tests and moods; without `faults` it may be published."""

    results: tuple[TrialResult, ...]
    moods: tuple[MoodResult, ...]
    faults: tuple[Fault, ...]


def examine(source: RegistrySource, read_file: ReadFile) -> Examination:
    """Run the tests of `source`, then play it in every bad mood. Nothing is sent, and no secret is read."""
    offline_run = OfflineRun(source)
    results = tuple(run_trials(offline_run, read_file))
    moods = tuple(play_moods(offline_run, results))
    untested = find_untested(offline_run, results)
    missing = (*_missing(source), *_without_several(source, results), *_without_pages(source, results))
    return Examination(results, moods, (*missing, *_failed(results, source), *untested, *_misread(moods)))


def examine_roster(source: RosterSource, read_file: ReadFile) -> Examination:
    """Run the tests of a roster. A lookup in the database has no moods."""
    results = tuple(run_roster_trials(source, read_file))
    return Examination(results, (), (*_missing(source), *_without_several(source, results), *_failed(results)))


def refuses(source: RecordSource) -> bool:
    """Whether anything in the description can refuse a participant."""
    steps = source.steps if isinstance(source, RegistrySource) else ()
    return (
        source.record.absent == "refused"
        or any(rule.refuses for rule in source.rules)
        or any(outcome.then is Then.REFUSED for step in steps for outcome in step.outcomes)
    )


def _missing(source: RecordSource) -> Iterator[Fault]:
    """A description that refuses no one needs no test that is refused. A status that no rule looks at ends nothing;
    workers take it all the same, as an earlier release may have published it.
    """
    if source.record.status and not any(isinstance(rule, StatusRule) for rule in source.rules):
        said = "no rule looks at it, so someone whose record has ended would be accepted"
        yield Fault(("record", "status"), said, "write check: status, is: MEANING, or remove it")
    expected = {trial.outcome for trial in source.tests}
    missing = [outcome for outcome in Outcome if outcome not in expected]
    if not refuses(source) and Outcome.REFUSED in missing:
        missing.remove(Outcome.REFUSED)
    if missing:
        listed = " nor ".join(missing)
        hint = (
            "add one to tests: for each, with what the registry answers then; see docs/administrators/add-a-registry.md"
        )
        yield Fault(("tests",), f"no test expects {listed}, and without it nothing is published", hint)


def _without_several(source: RecordSource, results: Sequence[TrialResult]) -> Iterator[Fault]:
    """What `several` says must be seen, where it chooses."""
    chooses = source.record.several_kind != "one"
    if chooses and all(test.passed for test in results) and not any(test.records > 1 for test in results):
        said = "no test has several records of one number"
        yield Fault(("record", "several"), said, "add one that shows what they mean together")


def _without_pages(source: RegistrySource, results: Sequence[TrialResult]) -> Iterator[Fault]:
    """How a second page is asked for must be seen."""
    index, step = len(source.steps) - 1, source.steps[-1]
    passed = all(test.passed for test in results)
    if step.next is not None and passed and not any(step.pages[1] in test.replies for test in results):
        hint = f"add one with responses: {{ {step.pages[0]}: …, {step.pages[1]}: … }}"
        yield Fault(("steps", index, "next"), "no test has a second page", hint)


def _failed(results: Sequence[TrialResult], source: RegistrySource | None = None) -> Iterator[Fault]:
    """A fault for each test that failed; one for all that fail because of the same expression that finds nothing."""
    failed = [test for test in results if not test.passed]
    lines: dict[tuple[str, Path], Fault] = {}
    for test in failed:
        if source is not None and (line := find_line(source, test)):
            lines.setdefault(_cause(test), line)
    reported: set[Path] = set()
    for line in lines.values():
        if line.place not in reported:
            reported.add(line.place)
            yield line
    for test in failed:
        if _cause(test) not in lines:
            problem, _, hint = test.problem.partition(" — ")
            yield Fault(test.place, problem, hint)


def _cause(test: TrialResult) -> tuple[str, Path]:
    """What tests have in common that fail for the same reason."""
    return test.found, test.decided


def _misread(moods: Sequence[MoodResult]) -> Iterator[Fault]:
    """One fault for each option that takes a mood for a verdict, with the first mood that shows it."""
    groups: dict[tuple[Path, str], list[MoodResult]] = {}
    for each in moods:
        if each.place is not None:
            groups.setdefault((each.place, each.hint), []).append(each)
    for (place, hint), (first, *others) in groups.items():
        more = f", and in {len(others)} more" if others else ""
        yield Fault(place, f"{first.problem}{more}", hint)
