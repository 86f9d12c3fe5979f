"""How to limit a source: its configuration is taken, its commands work as shown, its figures are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.document import Document
from config.limits import LimitedSource
from config.lint import lint
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "how-to" / "limit-a-source.md"
QUICKSTART = ROOT / "docs" / "quickstart.md"


def test_the_configuration_has_every_limit_and_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(block(PAGE, "yaml"), "utf-8")
    assert lint([file]).problems == ()
    source = YAML(typ="safe").load(file.read_text("utf-8"))["sources"]["spring"]
    assert set(LimitedSource.model_fields) <= set(source)
    limits = Document.model_validate(YAML(typ="safe").load(file.read_text("utf-8"))).sources["spring"]
    assert limits.burst == limits.usual_burst == 5


@pytest.mark.slow
def test_a_source_is_paused_and_resumed_as_shown(terminal: Terminal) -> None:
    terminal.run_block(blocks(QUICKSTART, "sh")[1], {})
    terminal.follow(PAGE)
