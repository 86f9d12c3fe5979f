"""How to keep an address base: its commands work as shown, and its configuration is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.address.base.search import LONG_WORD
from bench.address_register import REPORT
from bench.rig import ROOT
from bench.rig.data_import import LIKE_PRODUCTION
from config.lint import lint
from tests.docs.pages import block
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / REPORT.page


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(block(PAGE, "yaml"), "utf-8")
    assert lint([file]).problems == ()


def test_the_page_tells_what_the_search_and_the_bench_do() -> None:
    text = PAGE.read_text("utf-8")
    assert LONG_WORD == 8
    assert "only if it has eight letters or more" in text
    for name, value in LIKE_PRODUCTION.items():
        assert f"`{name}` of {value.removesuffix('MB').removesuffix('GB')} {value[-2:]}" in text


@pytest.mark.slow
def test_the_commands_work_as_shown(terminal: Terminal) -> None:
    terminal.follow(PAGE)
    code, said = terminal.run("bin/jurat registers list")
    assert code == 0
    assert [line.split()[:3] for line in said.splitlines()[1:]] == [
        ["towns", "1", "active"],
        ["valmont", "1", "active"],
    ]
