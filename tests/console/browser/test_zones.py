"""The pages about zones in every state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.cli.commands.test_zones import EAST, LARGER, SQUARE, collection
from tests.console.test_zones import imported
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def file(desk: Desk, tmp_path: Path) -> Path:
    """A file that changes one of the two zones in the database, and has another."""
    imported(desk, ("old-town", SQUARE), ("harbour", EAST))
    made = tmp_path / "zones.geojson"
    made.write_text(json.dumps(collection(("harbour", LARGER), ("old-town", SQUARE))))
    return made


def signed_in(browse: Callable[..., Any], address: tuple[str, Site], *roles: str, **options: Any) -> Any:
    base, site = address
    page = browse(**options)
    page.goto(base + site.link("ada", *roles))
    page.locator("main .button").click()
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], file: Path, desk: Desk, address: tuple[str, Site], language: str, tmp_path: Path
) -> None:
    base, _ = address
    page = signed_in(browse, address, "administrator", "reviewer")
    for path in ("zones/", "zones/old-town/", "zones/import"):
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    wrong = tmp_path / "wrong.geojson"
    wrong.write_text("{}")
    page.set_input_files("#file", wrong)
    page.locator("main form .button").click()
    expect(page.locator("#faults")).to_be_visible()
    examine(page)
    page.set_input_files("#file", file)
    page.locator("main form .button").click()
    expect(page.locator(".warning")).to_be_visible()
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    for path in ("zones/harbour/", "zones/harbour/changes", "zones/harbour/affected"):
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    page.goto(f"{base}/{language}/zones/")
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#latitude", "48.005")
    page.fill("#longitude", "2.005")
    page.locator("main form .button").click()
    expect(page.locator("main li")).to_have_count(1)
    examine(page)
