"""How to import zones: the commands of the page do what it shows, and its figures are those of the code."""

from __future__ import annotations

import pytest

from adapters.address import zone_features, zone_layers, zone_projection, zone_reader, zone_sets
from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "how-to" / "import-zones.md"
QUICKSTART = ROOT / "docs" / "quickstart.md"


@pytest.mark.slow
def test_zones_are_imported_refused_and_dated_as_shown(terminal: Terminal) -> None:
    terminal.run_block(blocks(QUICKSTART, "sh")[1], {})
    terminal.follow(PAGE)


def test_the_names_are_those_that_a_configuration_can_use() -> None:
    assert "lower-case letters, digits, `-` and `_`,\nat most 63, a letter or digit first" in PAGE.read_text("utf-8")
    assert zone_layers.ZONE_ID.fullmatch("0" + "a-_" * 20 + "aa")
    assert not zone_layers.ZONE_ID.fullmatch("a" * 64)


def test_the_limits_are_those_of_the_reader() -> None:
    text = PAGE.read_text("utf-8")
    limits = (
        f"{zone_layers.LARGEST_FILE // 1024**2} MiB, {zone_layers.MOST_VERTICES:,} vertices and "
        f"{zone_layers.MOST_FEATURES:,} features"
    )
    assert limits in text
    assert f"at most {zone_features.MOST_CHANGED:.0%}".replace("%", " %") in text
    assert f"a gap of at most {zone_sets.SLIVER_M:g} m" in text
    assert f"within {zone_projection.CLOSE_M * 100:g} cm" in text
    assert f"{zone_reader.MOST_MEMORY // 1024**3} GiB of memory, {zone_reader.MOST_SECONDS} s" in text
