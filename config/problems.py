"""A problem of a configuration, and its place; the models whose problems have one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the document, such as ("sources", "ban", "timeout")."""

Fault = tuple[Path, str]
"""Where in a part of the document something is wrong; what it is and, behind ` — `, what to do."""


class Severity(StrEnum):
    """An error prevents publishing a configuration; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Positions:
    """The place of each key and each value of a document.

    `texts` has the spelling of values that YAML does not read as text (`01`, `1e5`, `true`, dates). `brought` has the
    maps with a preset, each with the place of its name: the rest of their content comes from there.
    """

    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    brought: Mapping[Path, Position] = field(default_factory=dict)

    def over(self, below: Positions) -> Positions:
        """These places, and those of `below` where there are none."""
        return Positions(below.keys | self.keys, below.values | self.values, below.texts | self.texts)

    def moved(self, above: Path, to: Sequence[int]) -> Positions:
        """These places, with the entries of the list at `above` at the indexes `to`."""

        def new(path: Path) -> Path:
            before, index, after = path[: len(above)], path[len(above) :][:1], path[len(above) + 1 :]
            match index:
                case (int(number),) if before == above and number < len(to):
                    return (*above, to[number], *after)
            return path

        keys, values = ({new(path): place for path, place in part.items()} for part in (self.keys, self.values))
        return replace(self, keys=keys, values=values, texts={new(path): text for path, text in self.texts.items()})

    def of_key(self, path: Path) -> Position:
        """The place of the last key in `path`, or of the nearest part above it that is in a file."""
        return self.keys.get(path) or self.values.get(path) or self._above(path)

    def of_value(self, path: Path) -> Position:
        """The place of the value at `path`, or of the nearest part above it that is in a file."""
        return self.values.get(path) or self._above(path)

    def _above(self, path: Path) -> Position:
        return self.brought.get(path[:-1]) or self.of_key(path[:-1]) if path else Position("configuration")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong at a path of a document; `at_key` if it is the key rather than its value."""

    path: Path
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    at_key: bool = False

    def placed(self, positions: Positions) -> Problem:
        place = positions.of_key(self.path) if self.at_key else positions.of_value(self.path)
        return Problem(place.file, place.line, place.column, dotted(self.path), self.message, self.hint, self.severity)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem at its place, printed as `file:line:column: error: path: message — hint`."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        said = f"{self.path}: {self.message}" if self.path else self.message
        hint = f" — {self.hint}" if self.hint else ""
        # Messages quote what an administrator wrote, whatever it contains: a problem stays one line.
        shown = "".join(character if character.isprintable() else "?" for character in said + hint)
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {shown}"


class InvalidConfiguration(Exception):
    """A configuration that cannot be used, with all its problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of(cls, complaints: Iterable[Complaint]) -> Self:
        """What is wrong with a document that is in no file."""
        return cls(complaint.placed(Positions()) for complaint in complaints)


def value_error(message: str) -> PydanticCustomError:
    """The error of a validator. The message is no template: what an administrator wrote may contain braces."""
    return PydanticCustomError("invalid", "{message}", {"message": message})


def matching(pattern: str, otherwise: str) -> AfterValidator:
    """An annotation for texts that must match all of `pattern`; `otherwise` is the message for others."""

    @lru_cache(maxsize=1024)  # hundreds of thousands of texts have the same few languages
    def check(text: str) -> str:
        if re.fullmatch(pattern, text):
            return text
        raise value_error(otherwise)

    return AfterValidator(check)


def misplaced(faults: Iterable[Fault]) -> ValidationError:
    """An error for each fault, at its place below the model that is being validated."""
    errors = [InitErrorDetails(type=value_error(said), loc=path, input=None) for path, said in faults]
    return ValidationError.from_exception_data("Part", errors)


STORED: Final = "stored"
"""The context in which a document is validated that was applied before."""


class Part(BaseModel):
    """A part of the document: unknown keys are refused, and all that is among its `faults`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def faults(self) -> Iterable[Fault]:
        """What does not fit together in options that are each valid."""
        return ()

    def slips(self) -> Iterable[Fault]:
        """What is refused when a document is applied, but not in one that was applied before: a newer release may
        recognise more, and must not stop what runs.
        """
        return ()

    @model_validator(mode="after")
    def _check_whole(self, info: ValidationInfo) -> Self:
        found = list(self.faults())
        if info.context != STORED:
            found += self.slips()
        if found:
            raise misplaced(found)
        return self


def dotted(path: Path) -> str:
    """A path as people write it, `sources.ban.steps[0]`, without control characters."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in path)
    return written.removeprefix(".")


def printable(text: str, limit: int = 80) -> str:
    """At most `limit` characters of `text` without control characters, fit for one line."""
    clean = re.sub(r"[^\w\s\-.,:;/*&!?@#%=+<>(){}\[\]'\"|~$^`\\]|[\r\n\t\f\v]", "?", text)
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"
