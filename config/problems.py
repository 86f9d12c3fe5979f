"""A problem of a configuration, and its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic_core import PydanticCustomError

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the document, such as ("sources", "ban", "timeout")."""


class Severity(StrEnum):
    """An error keeps a configuration from being published; a warning does not."""

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
    """Where each key and each value of a document stands.

    `texts` has the spelling of values that YAML reads as something else than text (`01`, `1e5`, `true`, dates).
    `brought` has maps whose content is not all written there, each with the line that brings the rest: `preset: …`.
    """

    keys: Mapping[Path, Position]
    values: Mapping[Path, Position]
    texts: Mapping[Path, str] = field(default_factory=dict)
    brought: Mapping[Path, Position] = field(default_factory=dict)

    def of_key(self, path: Path) -> Position:
        """The place of the last key in `path`; of the nearest part above it that is written in a file."""
        return self.keys.get(path) or self.values.get(path) or self._above(path)

    def of_value(self, path: Path) -> Position:
        """The place of the value at `path`; of the nearest part above it that is written in a file."""
        return self.values.get(path) or self._above(path)

    def _above(self, path: Path) -> Position:
        return self.brought.get(path[:-1]) or self.of_key(path[:-1]) if path else Position("configuration")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a check of a document has to say, by path; `at_key` where the key is wrong rather than its value."""

    path: Path
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    at_key: bool = False

    def placed(self, positions: Positions) -> Problem:
        """This complaint with the file, line and column that it is about."""
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
        # Names that an administrator wrote are quoted in messages, whatever they hold: a problem stays one line.
        shown = "".join(character if character.isprintable() else "?" for character in said + hint)
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {shown}"


class InvalidConfiguration(Exception):
    """A configuration that cannot be used, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def value_error(message: str) -> PydanticCustomError:
    """What a validator raises. The message is a value and no template: what an administrator wrote may hold braces."""
    return PydanticCustomError("invalid", "{message}", {"message": message})


def dotted(path: Path) -> str:
    """A path as people write it, `sources.ban.steps[0]`, with nothing in it that a terminal would obey."""
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in path)
    return written.removeprefix(".")


def printable(text: str, limit: int = 80) -> str:
    """At most `limit` characters of `text` without control characters, fit for one line."""
    clean = re.sub(r"[^\w\s\-.,:;/*&!?@#%=+<>(){}\[\]'\"|~$^`\\]|[\r\n\t\f\v]", "?", text)
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"
