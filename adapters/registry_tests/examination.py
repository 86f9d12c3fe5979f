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
from config.registry.model.rules import NameRule, Then
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
    return Examination(results, moods, (*_missing(source), *_failed(results, source), *untested, *_misread(moods)))


def examine_roster(source: RosterSource, read_file: ReadFile) -> Examination:
    """Run the tests of a roster. A lookup in the database has no moods."""
    results = tuple(run_roster_trials(source, read_file))
    return Examination(results, (), (*_missing(source), *_failed(results)))


def refuses(source: RecordSource) -> bool:
    """Whether anything in the description can refuse a participant."""
    steps = source.steps if isinstance(source, RegistrySource) else ()
    return (
        source.record.absent == "refused"
        or any(rule.refuses for rule in source.rules if not isinstance(rule, NameRule))
        or any(outcome.then is Then.REFUSED for step in steps for outcome in step.outcomes)
    )


def _missing(source: RecordSource) -> Iterator[Fault]:
    """A description that refuses no one needs no test that is refused."""
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


def _failed(results: Sequence[TrialResult], source: RegistrySource | None = None) -> Iterator[Fault]:
    """A fault for each test that failed; one for all that fail because of the same expression that finds nothing."""
    reported: set[Path] = set()
    for test in results:
        if test.passed:
            continue
        line = None if source is None else find_line(source, test)
        if line is None:
            problem, _, hint = test.problem.partition(" — ")
            yield Fault(test.place, problem, hint)
        elif line.place not in reported:
            reported.add(line.place)
            yield line


def _misread(moods: Sequence[MoodResult]) -> Iterator[Fault]:
    """One fault for each option that takes a mood for a verdict, with the first mood that shows it."""
    groups: dict[tuple[Path, str], list[MoodResult]] = {}
    for each in moods:
        if each.place is not None:
            groups.setdefault((each.place, each.hint), []).append(each)
    for (place, hint), (first, *others) in groups.items():
        more = f", and in {len(others)} more" if others else ""
        yield Fault(place, f"{first.problem}{more}", hint)
