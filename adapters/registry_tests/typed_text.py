"""The process that checks a text for `apart`: it reads no file but those that come with jurat, whatever the text names.

A page shows what tests find in an answer. So a text that could name the answer's file could read any file here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from adapters.apart import given_apart
from adapters.registry_tests.configurations import all_problems
from config.as_yaml import parse_stored
from config.lint import Report, lint_text, most_serious
from config.problems import Complaint, Path, Problem, Severity
from config.registry import RegistrySource, RosterSource
from config.registry.model.trials import PRESET_FILE
from config.registry.trial_files import NoFile, read_shipped
from config.sources import SourceModel

NAME = "configuration"
"""What problems call the text."""


def check(text: str, zones: Collection[str], lists: Collection[str], applied: str | None) -> dict[str, Any]:
    """The problems of a text, and its configuration if there is no error.

    Sources whose tests have answers in files of their own can stay as they are in `applied`, where they were tested.
    """
    report = lint_text(text, NAME, zones=zones)
    kept = _kept(report, applied)
    problems = all_problems(report, lists, read_file=_read_shipped, untested=kept)
    said = "its tests were not run, as their answers are in files; it is as it was applied"
    problems += [
        Complaint(("sources", name, "tests"), said, severity=Severity.WARNING).placed(report.positions) for name in kept
    ]
    shown = most_serious(problems)
    sound = report.configuration if not any(map(_is_error, problems)) else None
    return {
        "problems": [asdict(each) for each in shown],
        "more": len(problems) - len(shown),
        "document": None if sound is None else sound.to_json(),
    }


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR


def _kept(report: Report, applied: str | None) -> list[str]:
    before = parse_stored(applied) if applied else None
    known = before.sources if before else {}
    return [
        name for name, source in report.document.sources.items() if source == known.get(name) and _has_files(source)
    ]


def _has_files(source: SourceModel) -> bool:
    tests = source.tests if isinstance(source, RegistrySource | RosterSource) else ()
    named = (response.file or PRESET_FILE for trial in tests for response in trial.responses.values())
    return not all(file.startswith(PRESET_FILE) for file in named)


def _read_shipped(place: Path, name: str) -> bytes:
    if not name.startswith(PRESET_FILE):
        raise NoFile("no file can be named here — write the answer into the test, as json: or text:")
    return read_shipped(place, name)


def main() -> None:
    """Check what comes by standard input, within limits."""
    json.dump(check(**given_apart()), sys.stdout)


if __name__ == "__main__":
    main()
