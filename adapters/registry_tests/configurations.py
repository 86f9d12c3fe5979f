"""Checks whole configurations: their registries by the tests of each and when they fail, and their lists of codes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from adapters.registry.trial_replies import ReadFile
from adapters.registry_tests.examination import Examination, examine, examine_roster
from config.lint import Report, unknown_lists
from config.problems import Complaint, Positions, Problem
from config.registry import RegistrySource, RosterSource
from config.registry.trial_files import TrialFiles


def all_problems(
    report: Report,
    lists: Collection[str] | None = None,
    *,
    read_file: ReadFile | None = None,
    untested: Collection[str] = (),
) -> list[Problem]:
    """What lint found, and what is wrong with the registries; with the `lists` that have codes, also which do not.

    `read_file` reads the answers of tests, by default those beside the configuration. Sources that are `untested` are
    left out.
    """
    found = [*report.problems, *registry_problems(report, read_file, untested)]
    if lists is not None and report.configuration is not None:
        found += unknown_lists(report, lists)
    return sorted(found)


def registry_problems(
    report: Report, read_file: ReadFile | None = None, untested: Collection[str] = ()
) -> list[Problem]:
    """What is wrong with the tests and moods of all registries in a configuration, each at its place."""
    problems: set[Problem] = set()
    for name, source in report.document.sources.items():
        if isinstance(source, RegistrySource | RosterSource) and name not in untested:
            for fault in examine_source(name, source, report.positions, read_file).faults:
                complaint = Complaint(("sources", name, *fault.place), fault.problem, fault.hint)
                problems.add(complaint.placed(report.positions))
    return sorted(problems)


def examine_source(
    name: str,
    source: RegistrySource | RosterSource,
    positions: Positions | None = None,
    read_file: ReadFile | None = None,
) -> Examination:
    """Run the tests and moods of a registry, or the tests of a roster. `positions` are those of its parts in files."""
    read_file = read_file or trial_files(name, source, positions).read
    return examine(source, read_file) if isinstance(source, RegistrySource) else examine_roster(source, read_file)


def trial_files(name: str, source: RegistrySource | RosterSource, positions: Positions | None) -> TrialFiles:
    """The files of its tests; see `examine_source`."""
    written = {} if positions is None else positions.values
    return TrialFiles(name, [trial.name for trial in source.tests], written, Path.cwd())
