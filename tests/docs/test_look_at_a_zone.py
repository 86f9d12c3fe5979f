"""How to look at a zone: its commands work as shown, and its words are those of the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "administrators" / "look-at-a-zone.md"


@pytest.mark.slow
def test_the_commands_work_as_shown(terminal: Terminal, clone: Path) -> None:
    (clone / "valmont.yaml").write_text(block(PAGE, "yaml"), "utf-8")
    terminal.follow(PAGE)
    picture = (clone / "near.svg").read_text("utf-8")
    for word in ("near_border", "Vieille Ville", "margin of 20 m", "other zones", "Close-up: 150 m across"):
        assert word in picture
