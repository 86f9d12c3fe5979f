"""Checks the files of a configuration. Reports every problem, with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError

from config import presets
from config.addresses import AddressFileSource
from config.configuration import Configuration
from config.document import Document, Parameter
from config.problems import Complaint, InvalidConfiguration, Path, Position, Positions, Problem, Severity
from config.references import KnownNames, check_fit, check_names, check_use
from config.registry import RegistrySource
from config.registry.implied import Filled, fill_in
from config.secrets import ForbiddenSecretError, SecretError, check_place, resolve
from config.slips_of_pen import SECTIONS, misplaced_sections
from config.sources import CodesSource, secrets_of
from config.suggestions import did_you_mean
from config.validation_messages import complaints_of
from config.yaml_reader import WrittenConfig, read, read_text

CHOOSE: Final = "CHOOSE"
"""What a draft has in the place of what a person must choose."""

MOST_SHOWN: Final = 100
"""Problems that are shown, at most."""


@dataclass(frozen=True, slots=True)
class Report:
    """The problems, by place. `configuration` is None if there is an error.

    `document` has the well-formed parts, `positions` their places. `implied` has the sources that imply something.
    """

    problems: tuple[Problem, ...]
    configuration: Configuration | None
    document: Document = field(default_factory=Document, repr=False)
    positions: Positions = field(default_factory=Positions, repr=False)
    implied: Mapping[str, Filled] = field(default_factory=dict, repr=False)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def lint(
    paths: Iterable[FilePath | str],
    *,
    zones: Collection[str] | None = None,
    environ: Mapping[str, str] | None = None,
    base_dir: FilePath | None = None,
) -> Report:
    """Check the configuration in `paths` (files, or folders of them).

    `zones` are the names of the imported zones; None leaves them unchecked. With `environ`, the secrets and files that
    the configuration refers to are looked for on this machine, relative to `base_dir` (default: the current folder).
    """
    return _lint(partial(read, paths), zones, environ, base_dir or FilePath.cwd())


def lint_text(text: str, file: str, *, zones: Collection[str] | None = None) -> Report:
    """The same for a text, which problems call `file`. Nothing of this machine is looked for."""
    return _lint(partial(read_text, text, file), zones, None, FilePath())


def _lint(
    read_all: Callable[[], WrittenConfig],
    zones: Collection[str] | None,
    environ: Mapping[str, str] | None,
    base_dir: FilePath,
) -> Report:
    try:
        written = read_all()
        data: dict[str, Any] = written.data
        complaints: list[Complaint] = []
        filled: dict[str, Filled] = {}
        if isinstance(data.get("sources"), dict):
            sources, complaints = presets.expand(data["sources"])
            filled = {name: fill_in(source) for name, source in sources.items()}
            data = {**data, "sources": {name: each.source for name, each in filled.items()}}
    except InvalidConfiguration as error:
        return Report(tuple(sorted(error.problems)), None)
    positions = replace(written.positions, brought=_brought(written))
    for name, each in filled.items():
        if each.rules:
            positions = positions.moved(("sources", name, "rules"), each.written_rules)
    if astray := misplaced_sections(written.data):
        return Report(tuple(complaint.placed(positions) for complaint in astray), None, positions=positions)
    readable, sound, misshapen = _validate(data, positions.texts)
    complaints += misshapen
    complaints += check_names(readable, _known(written.data, zones))
    complaints += check_fit(sound)
    if all(complaint.severity is Severity.WARNING for complaint in complaints):
        complaints += check_use(sound)
    complaints += _unconfirmed(sound)
    complaints += _unsendable(sound, environ, base_dir)
    if environ is not None:
        complaints += _unreachable(sound, base_dir)
    problems = tuple(sorted({complaint.placed(positions) for complaint in complaints}))
    usable = all(problem.severity is Severity.WARNING for problem in problems)
    implied = {name: each for name, each in filled.items() if str(each)}
    return Report(problems, Configuration.of(sound) if usable else None, sound, positions, implied)


def unknown_lists(report: Report, lists: Collection[str]) -> list[Problem]:
    """Lists without codes: an error for a source, a warning for a question, whose codes may still be made."""
    named: list[tuple[Path, str, Severity]] = [
        (("sources", name, "list"), source.list, Severity.ERROR)
        for name, source in report.document.sources.items()
        if isinstance(source, CodesSource) and source.list is not None
    ]
    for name, consultation in report.document.consultations.items():
        for question, asked in consultation.questions.items():
            if code_list := asked.named(Parameter.LIST):
                place = ("consultations", name, "questions", question, "with", "list")
                named.append((place, code_list, Severity.WARNING))
    problems = []
    for path, code_list, severity in named:
        if code_list not in lists:
            near = did_you_mean(code_list, lists)
            hint = f"{near} Otherwise run" if near else "run"
            hint += (
                f": bin/jurat codes generate {code_list} --count N, or codes import {code_list} FILE if it has codes"
            )
            complaint = Complaint(path, f"the list '{code_list}' has no codes", hint, severity)
            problems.append(complaint.placed(report.positions))
    return problems


def most_serious(problems: Sequence[Problem], most: int = MOST_SHOWN) -> list[Problem]:
    """The problems that are shown of many, by place: errors go first."""
    return sorted(sorted(problems, key=lambda problem: problem.severity is not Severity.ERROR)[:most])


def _brought(written: WrittenConfig) -> dict[Path, Position]:
    """The sources with a preset, and the place of its name."""
    sources, keys = written.data.get("sources"), written.positions.keys
    paths: list[Path] = [("sources", name) for name in sources] if isinstance(sources, dict) else []
    return {path: keys[*path, "preset"] for path in paths if (*path, "preset") in keys}


def _validate(data: dict[str, Any], texts: Mapping[Path, str]) -> tuple[Document, Document, list[Complaint]]:
    """The document twice, and what is wrong with its shape.

    The first lacks only the malformed values, so that its names can be checked; the second lacks every entry with such
    a value, so that nothing is reported as missing that was only left out.
    """
    complaints = list(_unchosen(data))
    drafts = {complaint.path[:2] for complaint in complaints}
    try:
        whole = Document.model_validate(data)
        if not drafts:
            return whole, whole, []
    except ValidationError as error:
        complaints += (each for each in complaints_of(error, data, texts) if each.path[:2] not in drafts)
    sound = _without(data, {complaint.path[:2] for complaint in complaints})
    readable = _without(data, {complaint.path for complaint in complaints})
    try:
        return Document.model_validate(readable), Document.model_validate(sound), complaints
    except ValidationError as error:
        readable = _without(readable, {complaint.path[:2] for complaint in complaints_of(error, readable)})
    return Document.model_validate(readable), Document.model_validate(sound), complaints


def _unchosen(data: Mapping[str, Any]) -> Iterator[Complaint]:
    """What a draft left open. Anything else about its source would be premature."""
    waiting: list[tuple[Path, Any]] = [((section,), data.get(section)) for section in ("sources", "criteria")]
    while waiting:
        path, part = waiting.pop()
        parts = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        waiting += [((*path, key), value) for key, value in parts]
        if isinstance(part, str) and CHOOSE in part:
            yield Complaint(path, f"is a draft's {CHOOSE}", "write what the registry's documentation says")


def _without(data: dict[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    copy = deepcopy(data)
    for path in paths:
        holder: Any = copy
        *above, last = takewhile(lambda part: isinstance(part, str), path)
        for part in above:
            holder = holder.get(part, {}) if isinstance(holder, dict) else {}
        if isinstance(holder, dict):
            holder.pop(last, None)
    return copy


def _known(data: Mapping[str, Any], zones: Collection[str] | None) -> KnownNames:
    def names_in(part: Any, *, absent: Collection[str] | None = ()) -> Collection[str] | None:
        return tuple(part) if isinstance(part, dict) else absent if part is None else None

    # A missing section may be there under a wrong name.
    absent = None if data.keys() - set(SECTIONS) else ()
    consultations = data.get("consultations")
    questions = {
        name: names_in(part.get("questions"))
        for name, part in (consultations.items() if isinstance(consultations, dict) else ())
        if isinstance(part, dict)
    }
    sources, criteria = (names_in(data.get(section), absent=absent) for section in ("sources", "criteria"))
    return KnownNames(sources, criteria, questions, zones)


def _unsendable(document: Document, environ: Mapping[str, str] | None, base_dir: FilePath) -> Iterator[Complaint]:
    """Secrets that no source may get: errors. With `environ`, warnings for those that are missing here."""
    for name, source in document.sources.items():
        for path, reference in secrets_of(source):
            try:
                check_place(reference)
                if environ is not None:
                    resolve(reference, environ, base_dir)
            except SecretError as error:
                severity = Severity.ERROR if isinstance(error, ForbiddenSecretError) else Severity.WARNING
                yield Complaint(("sources", name, *path), str(error), error.hint, severity)


def _unreachable(document: Document, base_dir: FilePath) -> Iterator[Complaint]:
    """Files that are missing here: warnings, as workers may run elsewhere."""
    for name, source in document.sources.items():
        if isinstance(source, AddressFileSource) and source.path and not (base_dir / source.path).is_file():
            said, hint = "there is no such file here", "a path is relative to the folder where the worker runs"
            yield Complaint(("sources", name, "path"), said, hint, Severity.WARNING)


def _unconfirmed(document: Document) -> Iterator[Complaint]:
    """Registries that say that they have everyone, and name no record to prove that they have anyone: warnings."""
    for name, source in document.sources.items():
        if isinstance(source, RegistrySource) and source.refuses_absence and source.control is None:
            said = "without a control record, nobody is refused because the registry has no record: they go to review"
            hint = "add control: { input: {…} } with a record that it is known to have"
            yield Complaint(("sources", name), said, hint, Severity.WARNING)
