"""A clone for each page, and a terminal in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.terminal import Terminal


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a clone in which `make demo` has run. What is written there touches no other."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in {file.parts[0] for file in committed()}:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def committed() -> list[Path]:
    """What is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture
def terminal(clone: Path) -> Iterator[Terminal]:
    """A terminal in the clone, with nothing set."""
    with Terminal(clone, {"TMPDIR": str(clone.parent)}) as opened:
        yield opened
