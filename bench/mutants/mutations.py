"""The list of mutations in `mutants.toml`: one line of the product replaced by a mistake that someone could make."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

LIST = Path(__file__).with_name("mutants.toml")


class NoMatch(Exception):
    """A mutation does not fit the code: its line is not there, or more than once. Says where."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mutation.

    Args:
        area: the part of the service, which is its table in the list.
        breaks: what goes wrong with it, in words.
        file: below the root of the project.
        old: a whole line of that file without its indentation; no other line may be equal.
        new: what replaces it.
        tests: the arguments of pytest that should find it: files, folders, `-k WORDS`.
    """

    area: str
    breaks: str
    file: str
    old: str
    new: str
    tests: str

    @property
    def name(self) -> str:
        """As it is shown, and chosen by."""
        return f"{self.area}: {self.breaks}"

    @property
    def targets(self) -> tuple[str, ...]:
        """The arguments of pytest, one by one."""
        return tuple(shlex.split(self.tests))

    def is_called(self, pattern: str) -> bool:
        """Whether `pattern` is its area, or a glob for its name."""
        return pattern == self.area or fnmatchcase(self.name, pattern)

    def mutated(self, root: Path) -> str:
        """The text of its file below `root` with the mutation.

        Raises NoMatch.
        """
        try:
            lines = (root / self.file).read_text("utf-8").splitlines(keepends=True)
        except OSError as error:
            raise NoMatch(f"{self.file} cannot be read: {error.strerror}") from None
        found = [number for number, line in enumerate(lines) if line.strip() == self.old]
        if len(found) != 1:
            raise NoMatch(f"{self.file} has this line {len(found)} times, not once: {self.old}")
        (number,) = found
        lines[number] = lines[number].replace(self.old, self.new)
        return "".join(lines)


def read(file: Path = LIST) -> Sequence[Mutation]:
    """The mutations of a list, in its order. Raises ValueError or TypeError where it is not written as above."""
    areas = tomllib.loads(file.read_text("utf-8"))
    return [Mutation(area, breaks, **entry) for area, entries in areas.items() for breaks, entry in entries.items()]
