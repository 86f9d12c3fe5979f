"""How to import zones: the commands of the page do what it shows, and its figures are those of the code."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from adapters.zone_import import features, layers, outlines, projection, reader, sets
from adapters.zone_import.files import read_zone_file
from jurat.database import open_engine
from store.datasets.zones import NewZone, import_zones
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
    zones = [
        NewZone(each.id, each.title, each.digest, each.wkb, outline=each.outline) for each in read_zone_file(TOWN).zones
    ]
    import_zones(engine, zones, "an administrator")
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
    assert layers.ZONE_ID.fullmatch("0" + "a-_" * 20 + "aa")
    assert not layers.ZONE_ID.fullmatch("a" * 64)


def test_the_limits_are_those_of_the_reader() -> None:
    said = " ".join(PAGE.read_text("utf-8").split())
    limits = (
        f"{layers.LARGEST_FILE // 1024**2} MiB, {layers.MOST_VERTICES:,} vertices and {layers.MOST_FEATURES:,} features"
    )
    assert limits in said
    assert f"at most {features.MOST_CHANGED:.0%}".replace("%", " %") in said
    assert f"a gap of at most {sets.SLIVER_M:g} m" in said
    assert f"within {projection.CLOSE_M * 100:g} cm" in said
    assert f"some {outlines.POINTS} points" in said
    assert f"more than {outlines.RINGS} rings" in said
    assert f"{reader.MOST_MEMORY // 1024**3} GiB of memory, {reader.MOST_SECONDS} s" in said
