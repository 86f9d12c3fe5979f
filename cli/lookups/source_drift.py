"""Compares what registries answer about their control records with the tests of their descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters.base import Finding, Query, SourceError, Unreadable
from adapters.registry.shapes import AnswerBodies, Drift, Shapes, note_of
from adapters.registry_tests.configurations import trial_files
from cli.database import open_database, require_configuration
from cli.diagnosis import applied_sources
from cli.lookups.look_up_once import adapter_of, result_of
from cli.lookups.source_tests import report_of
from cli.output import CheckupStep, Exit, Failure, Output, StepMark, count_text
from config.document import Document
from config.problems import Positions
from config.registry import RegistrySource
from config.registry.model.source import Control
from config.registry.trial_files import NoFile
from config.settings import read_settings
from jurat.vocabulary import Outcome

_NO_CONTROL = "names no control record to ask for", "add control: to its description"


def compare(name: str | None, paths: Sequence[Path], out: Output) -> tuple[list[CheckupStep], list[dict[str, Any]]]:
    """Compare the registry `name`, or all, of these files or of the applied configuration: steps, and the same as data.

    Raises Failure: there is no such registry, or it names no control record.
    """
    document, positions = _document(name, paths, out)
    if name:
        applied_sources.require(name, document.sources)
    steps: list[CheckupStep] = []
    registries = []
    for each in [name] if name else document.sources:
        source = document.sources[each]
        control = source.control if isinstance(source, RegistrySource) else None
        if isinstance(source, RegistrySource) and control is not None:
            comparison = _Comparison(each, source, control, positions)
            steps += comparison.run(out, loopback_http=document.environment == "test", from_files=bool(paths))
            registries.append(comparison.as_data())
        elif name:
            raise Failure(f"{name} {_NO_CONTROL[0]} — {_NO_CONTROL[1]}", Exit.USAGE)
        elif isinstance(source, RegistrySource):
            steps.append(CheckupStep(each, StepMark.NOTE, *_NO_CONTROL))
    return steps, registries


def _document(name: str | None, paths: Sequence[Path], out: Output) -> tuple[Document, Positions | None]:
    if paths:
        report = report_of(paths, name, out)
        return report.document, report.positions
    with open_database() as service:
        return require_configuration(service).document, None


class _Comparison:
    """One registry, asked once for its control record."""

    def __init__(self, name: str, source: RegistrySource, control: Control, positions: Positions | None) -> None:
        self._name, self._source, self._control = name, source, control
        self._positions = positions
        self._drifts: list[Drift] = []
        self._verdict: str | None = None

    def run(self, out: Output, *, loopback_http: bool, from_files: bool) -> list[CheckupStep]:
        """Ask and compare."""
        watch, networks = AnswerBodies(), read_settings().private_networks
        query = Query(self._control.input, self._control.require, self._source.timeout, fresh=True)
        try:
            shapes = Shapes(self._source, trial_files(self._name, self._source, self._positions).read)
            with closing(adapter_of(self._source, watch, networks, loopback_http=loopback_http)) as adapter:
                applied_sources.pay_if_applied(self._name, out, from_files=from_files)
                found = result_of(adapter, query)
        except (NoFile, Failure) as trouble:
            is_down = isinstance(trouble, Failure) and trouble.code is Exit.DEPENDENCY
            said, _, hint = str(trouble).partition(" — ")
            return [CheckupStep(self._name, StepMark.DOWN if is_down else StepMark.PROBLEM, said, hint)]
        self._drifts = shapes.compare(watch.bodies, self._control.input)
        if watch.bodies and not from_files:
            with open_database() as service:
                applied_sources.sources(service).note_drift(self._name, note_of(self._drifts))
        return [self._step(found), *map(self._drift_step, self._drifts)]

    def as_data(self) -> dict[str, Any]:
        """What was found, with places and types alone."""
        drifts = [
            {
                "step": drift.step,
                "path": drift.path,
                "found": sorted(drift.found),
                "known": sorted(drift.known),
                "read": drift.is_read,
            }
            for drift in self._drifts
        ]
        return {"source": self._name, "control_record": self._verdict, "drift": drifts}

    def _step(self, found: Finding | SourceError) -> CheckupStep:
        if isinstance(found, Finding) and found.outcome is Outcome.ACCEPTED:
            self._verdict = str(found.outcome)
            said = count_text(len(self._drifts), "difference") if self._drifts else "the answer is as its tests know it"
            return CheckupStep(self._name, StepMark.OK, f"the control record is accepted: {said}")
        outcome = found.outcome if isinstance(found, Finding) else Outcome.UNDETERMINED
        self._verdict = f"{outcome}/{found.reason}"
        said = f"the control record is not accepted, but {self._verdict}"
        if isinstance(found, SourceError) and not isinstance(found, Unreadable):
            return CheckupStep(self._name, StepMark.DOWN, f"{said}: {found.detail}")
        advice = f"run `bin/jurat sources try {self._name}` with the inputs of its control record"
        return CheckupStep(self._name, StepMark.PROBLEM, said, advice)

    def _drift_step(self, drift: Drift) -> CheckupStep:
        mark = StepMark.PROBLEM if drift.is_read else StepMark.NOTE
        return CheckupStep(f"{self._name}: {drift.step}", mark, str(drift))
