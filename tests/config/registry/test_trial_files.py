"""Where the files of a description's tests are looked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.problems import Position
from config.registry.trial_files import LARGEST, NoFile, TrialFiles

PLACE = ("tests", 0, "responses", "lookup", "file")


def files(folder: Path, *, written: bool = True, place: tuple[str | int, ...] = PLACE) -> TrialFiles:
    position = Position(str(folder / "config" / "jurat.yaml"), 7, 3)
    where = {("sources", "roll", *place): position} if written else {}
    return TrialFiles("roll", ["a physician"], where, folder, folder / "presets")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config/answers", "presets/us-npi", "answers"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "one.json").write_text(name)
    return tmp_path


def test_a_path_counts_from_the_file_in_which_the_test_stands(folder: Path) -> None:
    assert files(folder).read(PLACE, "answers/one.json") == b"config/answers"
    assert files(folder).read(PLACE, str(folder / "answers" / "one.json")) == b"answers"


def test_a_test_of_a_preset_may_be_changed_by_its_name(folder: Path) -> None:
    by_name = ("tests", "a physician", *PLACE[2:])
    assert files(folder, place=by_name).read(PLACE, "answers/one.json") == b"config/answers"


def test_a_pipe_is_told_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "config" / "answers" / "pipe")
    with pytest.raises(NoFile, match="cannot be read: it is a pipe, and no file"):
        files(folder).read(PLACE, "answers/pipe")


def test_a_file_of_a_preset_stands_beside_the_presets(folder: Path) -> None:
    assert files(folder).read(PLACE, "preset:us-npi/one.json") == b"presets/us-npi"


def test_where_nobody_knows_the_file_a_path_counts_from_the_folder(folder: Path) -> None:
    assert files(folder, written=False).read(PLACE, "answers/one.json") == b"answers"


@pytest.mark.parametrize(
    ("name", "written", "said"),
    [
        ("no.json", True, "No such file or directory — a path is relative to the file with the test"),
        ("no.json", False, "No such file or directory — run it with --config and the file with the test"),
        ("answers", True, "Is a directory — a path is relative to the file with the test"),
        ("preset:no/no.json", True, "No such file or directory — see config/presets/answers"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_what_to_do(folder: Path, name: str, written: bool, said: str) -> None:
    with pytest.raises(NoFile) as caught:
        files(folder, written=written).read(PLACE, name)
    assert str(caught.value) == f"the file {name} cannot be read: {said}"


def test_an_endless_file_is_not_read_to_its_end(folder: Path) -> None:
    with (folder / "config" / "large.json").open("wb") as large:
        large.truncate(LARGEST + 1)
    with pytest.raises(NoFile, match="larger than 16 MiB — shorten it"):
        files(folder).read(PLACE, "large.json")
