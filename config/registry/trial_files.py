"""Reads the answers that tests of a description keep in files of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final

from config.problems import Path, Position
from config.registry.model.trials import PRESET_FILE
from config.regular_files import read_regular

ANSWERS: Final = FilePath(__file__).parent.parent / "presets" / "answers"
"""Where the files of presets stand."""

LARGEST: Final = 16 << 20


class NoFile(Exception):
    """A file of a test cannot be read. The message says why, and what to do behind ` — `."""


class TrialFiles:
    """The files of the tests of one source, by the tests' names. `written` says where its parts stand.

    A relative path counts from the file that names it; from `base_dir` where nobody knows which that is.
    """

    def __init__(
        self,
        source: str,
        tests: Sequence[str],
        written: Mapping[Path, Position],
        base_dir: FilePath,
        answers: FilePath = ANSWERS,
    ) -> None:
        self._source = source
        self._tests = tests
        self._written = written
        self._base_dir = base_dir
        self._answers = answers

    def read(self, place: Path, name: str) -> bytes:
        """The content of the file that is named at `place` below the source.

        Raises:
            NoFile: it is not there, cannot be read, or is larger than 16 MiB.
        """
        position = self._position(place)
        if name.startswith(PRESET_FILE):
            folder, inner, hint = self._answers, name.removeprefix(PRESET_FILE), "see config/presets/answers"
        elif position is not None:
            folder, inner = FilePath(position.file).parent, name
            hint = "a path counts from the file in which the test stands"
        else:
            folder, inner = self._base_dir, name
            hint = "run it with --config and the file in which the test stands"
        try:
            content = read_regular(folder / inner, LARGEST + 1)
        except OSError as error:
            raise NoFile(f"the file {name} cannot be read: {error.strerror} — {hint}") from None
        if len(content) > LARGEST:
            raise NoFile(f"the file {name} is larger than 16 MiB — shorten it, an answer has to be read in whole")
        return content

    def _position(self, place: Path) -> Position | None:
        """Tests of a preset are changed by name, all others stand in a list."""
        above: Path = ("sources", self._source)
        if found := self._written.get((*above, *place)):
            return found
        tests, index, *below = place
        return self._written.get((*above, tests, self._tests[int(index)], *below))
