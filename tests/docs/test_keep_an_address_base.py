"""How to keep an address base: its commands work as shown, its configuration is taken, its figures have a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.address.street_names import LONG_WORD
from bench.rig.data_import import LIKE_PRODUCTION
from config.lint import lint
from tests.docs.pages import ROOT, block
from tests.docs.terminal import Terminal

FIGURES = ROOT / "docs" / "contributors" / "performance.md"
PAGE = ROOT / "docs" / "administrators" / "keep-an-address-base.md"


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "jurat.yaml"
    file.write_text(block(PAGE, "yaml"), "utf-8")
    assert lint([file]).problems == ()


def test_the_pages_tell_what_the_search_and_the_bench_do() -> None:
    assert LONG_WORD == 8
    rules = FIGURES.with_name("how-an-address-is-decided.md").read_text("utf-8")
    assert "only if it has eight letters or more" in " ".join(rules.split())
    text = FIGURES.read_text("utf-8")
    for name, value in LIKE_PRODUCTION.items():
        assert f"`{name}` of {value.removesuffix('MB').removesuffix('GB')} {value[-2:]}" in text


@pytest.mark.slow
def test_the_commands_work_as_shown(terminal: Terminal) -> None:
    terminal.follow(PAGE)
    code, said = terminal.run("bin/jurat datasets list")
    assert code == 0
    assert [line.split()[:3] for line in said.splitlines()[1:]] == [
        ["towns", "1", "active"],
        ["valmont", "1", "active"],
    ]
