"""Reads the answers that the tests of a description have in separate files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from config.problems import Path, Position
from config.registry.model.trials import PRESET_FILE
from config.regular_files import read_regular

ANSWERS: Final = FilePath(__file__).parent.parent / "presets" / "answers"
"""The folder with the files of presets."""

LARGEST: Final = 16 << 20


class NoFile(Exception):
    """A file of a test cannot be read. The message says why and, after ` — `, what to do."""


@dataclass(frozen=True, slots=True)
class TrialFiles:
    """The files of the tests of one source, by the tests' names. `written` has the places of its parts.

    A path is relative to the file that names it, or to `base_dir` if that file is unknown.
    """

    source: str
    tests: Sequence[str]
    written: Mapping[Path, Position]
    base_dir: FilePath
    answers: FilePath = ANSWERS

    def read(self, place: Path, name: str) -> bytes:
        """The file that is named at `place` below the source. Raises NoFile: unreadable, or larger than 16 MiB."""
        if name.startswith(PRESET_FILE):
            return _read(self.answers, name, "see config/presets/answers")
        if position := self._position(place):
            return _read(FilePath(position.file).parent, name, "a path is relative to the file with the test")
        return _read(self.base_dir, name, "run it with --config and the file with the test")

    def _position(self, place: Path) -> Position | None:
        """Tests of a preset are changed by name; all others are in a list."""
        above: Path = ("sources", self.source)
        if found := self.written.get((*above, *place)):
            return found
        tests, index, *below = place
        return self.written.get((*above, tests, self.tests[int(index)], *below))


def read_shipped(_: Path, name: str) -> bytes:
    """A file that comes with jurat. Raises NoFile for any other."""
    if not name.startswith(PRESET_FILE):
        raise NoFile(f"the file {name} does not come with jurat — run it with --config and the file with the test")
    return _read(ANSWERS, name, "see config/presets/answers")


def _read(folder: FilePath, name: str, hint: str) -> bytes:
    try:
        content = read_regular(folder / name.removeprefix(PRESET_FILE), LARGEST + 1)
    except OSError as error:
        raise NoFile(f"the file {name} cannot be read: {error.strerror} — {hint}") from None
    if len(content) > LARGEST:
        raise NoFile(f"the file {name} is larger than 16 MiB — shorten it, as an answer is read as a whole")
    return content
