"""How to import zones: the commands of the page do what it shows, and its figures are those of the code."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from adapters.address import outlines, zone_features, zone_layers, zone_projection, zone_reader, zone_sets
from adapters.address.zone_files import read_zones
from jurat.database import open_engine
from tasks.ledger import Publishing
from tasks.ledger.publishing import NewZone
from tests.docs.pages import ROOT, block, blocks
from tests.docs.terminal import Terminal

PAGE = ROOT / "docs" / "administrators" / "import-zones.md"
TOWN = ROOT / "examples" / "town" / "zones.geojson"
QUICKSTART = ROOT / "docs" / "platforms" / "quickstart.md"


@pytest.mark.slow
def test_zones_are_imported_refused_and_dated_as_shown(terminal: Terminal) -> None:
    terminal.run_block(blocks(QUICKSTART, "sh")[1], {})
    terminal.follow(PAGE)


def test_a_page_draws_them(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    engine = open_engine(database_url)
    zones = [NewZone(each.id, each.title, each.digest, each.wkb) for each in read_zones(TOWN)]
    Publishing(engine).import_zones(zones, "an administrator")
    names: dict[str, Any] = {"database_url": database_url}
    exec(compile(block(PAGE, "python"), PAGE.name, "exec"), names)
    names["client"].close()
    assert capsys.readouterr().out.splitlines()[0] == "harbour Le Port 13"
    with engine.begin() as connection:
        rows = connection.execute(text(block(PAGE, "sql"))).all()
    assert [(row.name, row.version) for row in rows] == [("harbour", 1), ("hill", 1), ("old-town", 1)]
    engine.dispose()


def test_the_names_are_those_that_a_configuration_can_use() -> None:
    said = " ".join(PAGE.read_text("utf-8").split())
    assert "lower-case letters, digits, `-` and `_`, at most 63, a letter or digit first" in said
    assert zone_layers.ZONE_ID.fullmatch("0" + "a-_" * 20 + "aa")
    assert not zone_layers.ZONE_ID.fullmatch("a" * 64)


def test_the_limits_are_those_of_the_reader() -> None:
    said = " ".join(PAGE.read_text("utf-8").split())
    limits = (
        f"{zone_layers.LARGEST_FILE // 1024**2} MiB, {zone_layers.MOST_VERTICES:,} vertices and "
        f"{zone_layers.MOST_FEATURES:,} features"
    )
    assert limits in said
    assert f"at most {zone_features.MOST_CHANGED:.0%}".replace("%", " %") in said
    assert f"a gap of at most {zone_sets.SLIVER_M:g} m" in said
    assert f"within {zone_projection.CLOSE_M * 100:g} cm" in said
    assert f"some {outlines.POINTS} points" in said
    assert f"more than {outlines.RINGS} rings" in said
    assert f"{zone_reader.MOST_MEMORY // 1024**3} GiB of memory, {zone_reader.MOST_SECONDS} s" in said
