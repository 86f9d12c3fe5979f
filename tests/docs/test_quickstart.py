"""The quickstart, done literally."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.conftest import committed
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "platforms" / "quickstart.md"
PATIENT = {"--wait 30": "--wait 100"}
"""Where readers have had enough, a busy machine may need longer."""


def test_a_verdict_of_ones_own_takes_fewer_than_ten_commands() -> None:
    commands = [command for each in blocks(PAGE, "sh") for command, _ in each.commands]
    first = next(index for index, command in enumerate(commands) if "jurat submit" in command)
    assert first + 1 < 10


@pytest.mark.slow
def test_every_step_does_what_the_page_shows(terminal: Terminal) -> None:
    (terminal.folder / "try.py").write_text(block(PAGE, "python"), "utf-8")
    terminal.follow(PAGE, instead={"make demo": ":", **PATIENT})
    assert (terminal.folder / ".env").stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_step_works_in_a_fresh_clone(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Also `make demo`, which makes the environment: so nothing may be needed that is not committed. By uv, for
    tests/test_install.py does it by pip.
    """
    tools = tmp_path_factory.mktemp("tools")
    (tools / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    for file in committed():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    (tmp_path / "try.py").write_text(block(PAGE, "python"), "utf-8")
    with Terminal(tmp_path, {"TMPDIR": str(tmp_path), "PATH": f"{tools}:{os.environ['PATH']}"}) as terminal:
        terminal.follow(PAGE, instead=PATIENT)
