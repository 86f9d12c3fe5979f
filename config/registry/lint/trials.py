"""Checks that the tests of a description fit it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from config.problems import Fault, Path, printable
from config.registry.model.demands import demands_of, misfit
from config.registry.model.source import Control, RecordSource
from config.registry.model.trials import PRESET_FILE, Trial
from config.suggestions import did_you_mean

_PRESET_ANSWER = re.compile(r"[a-z0-9-]+(/[A-Za-z0-9_-]+)*/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def trial_problems(source: RecordSource, steps: Sequence[str]) -> Iterator[Fault]:
    """Everything in the tests that does not fit the description. They may answer `steps`."""
    names: set[str] = set()
    for index, trial in enumerate(source.tests):
        path: Path = ("tests", index)
        if trial.name in names:
            yield (*path, "name"), "another test has this name — give it one of its own"
        names.add(trial.name)
        yield from lookup_problems(path, trial, source)
        for name, response in trial.responses.items():
            below: Path = (*path, "responses", name)
            if name not in steps:
                yield below, _unknown("step", name, steps)
            file = (response.file or "").removeprefix(PRESET_FILE)
            if file != (response.file or "") and not _PRESET_ANSWER.fullmatch(file):
                yield (*below, "file"), f"this is no file of a preset — write {PRESET_FILE}NAME/FILE"


def lookup_problems(path: Path, lookup: Trial | Control, source: RecordSource) -> Iterator[Fault]:
    """What does not fit the description in the inputs and requirements of a lookup."""
    for name in lookup.input:
        if name not in source.inputs:
            yield (*path, "input", name), _unknown("input", name, source.inputs)
    missing = [name for name, field in source.inputs.items() if field.required and name not in lookup.input]
    if missing:
        said = f"the form requires {', '.join(missing)}"
        yield (*path, "input"), f"{said} — add {'it' if len(missing) == 1 else 'them'}"
    demands = demands_of(source)
    for name, value in lookup.require.items():
        if name not in demands:
            yield (*path, "require", name), _unknown("requirement in the rules", name, demands)
        elif wrong := misfit(demands[name], name, value):
            yield (*path, "require", name), " — ".join(wrong)


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    listed = ", ".join(known)
    hint = did_you_mean(name, known) or (f"there is {listed}" if listed else "remove it")
    return f"there is no {what} '{printable(name)}' — {hint}"
