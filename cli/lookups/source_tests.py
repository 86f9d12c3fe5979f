"""Runs `sources test` on applied sources or on those in files, and finds the registry for `sources try`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.registry_tests.configurations import examine_source
from cli.database import open_database, require_configuration
from cli.diagnosis import checkup
from cli.diagnosis.applied_sources import plan_of, require, source_statuses, sources
from cli.output import CheckupStep, Exit, Failure, Output, StepMark
from cli.registry_lint import examination_data, examination_steps, lint_here, problem_lines
from config.lint import Report
from config.problems import Positions
from config.registry import RegistrySource, RosterSource
from config.sources import SourceModel


@dataclass(slots=True)
class Tests:
    """The results so far. `registries` has the tests and moods of each registry as data."""

    every_mood: bool
    steps: list[CheckupStep] = field(default_factory=list)
    registries: list[dict[str, Any]] = field(default_factory=list)

    def examine(self, name: str, model: SourceModel, positions: Positions | None = None) -> bool:
        """Run the tests and moods of a source; False if it is neither a registry nor a roster."""
        if not isinstance(model, RegistrySource | RosterSource):
            return False
        examination = examine_source(name, model, positions)
        self.steps += examination_steps(name, examination, every_mood=self.every_mood)
        self.registries.append(examination_data(name, examination))
        return True


def test_applied(tests: Tests, name: str | None, *, live: bool) -> None:
    """Test one source of the applied configuration, or all."""
    with open_database() as service, plan_of(service) as plan:
        if name:
            require(name, plan.sources)
        for source in [name] if name else plan.sources:
            tests.steps.append(checkup.source_step(source, plan, service.queries))
            tests.examine(source, plan.configuration.sources[source])
            if live:
                (status,) = source_statuses(service, source)
                tests.steps += checkup.reach_steps(status, plan, sources(service), service.settings)


def test_files(tests: Tests, name: str | None, paths: Sequence[Path], out: Output) -> None:
    """Test one source of these files, or all, as far as possible without a database."""
    report = report_of(paths, name, out)
    for source, model in report.document.sources.items():
        if name in (None, source) and not tests.examine(source, model, report.positions):
            found = f"is well formed; sources of type {model.type} have no tests"
            tests.steps.append(CheckupStep(f"source {source}", StepMark.NOTE, found))


def find_registry(name: str, paths: Sequence[Path], out: Output) -> tuple[RegistrySource | RosterSource, bool]:
    """The registry or roster `name` in these files, else the applied one; and whether it may use HTTP on loopback.

    Raises Failure: there is none, or it is not well formed.
    """
    if paths:
        document = report_of(paths, name, out).document
    else:
        with open_database() as service:
            document = require_configuration(service).document
        require(name, document.sources)
    model = document.sources[name]
    if not isinstance(model, RegistrySource | RosterSource):
        raise Failure(f"{name} is of type {model.type}, and only registries and rosters can be tried", Exit.USAGE)
    return model, document.environment == "test"


def report_of(paths: Sequence[Path], name: str | None, out: Output) -> Report:
    """The files' lint. Raises Failure if the source is not in them, or not well formed."""
    report = lint_here(paths)
    if name in report.document.sources or (name is None and not report.errors):
        return report
    for line in problem_lines(report.problems):
        out.say(line)
    if report.errors:
        raise Failure(f"fix this first: {name or 'the configuration'} is not well formed", Exit.USAGE)
    require(str(name), report.document.sources)
    return report
