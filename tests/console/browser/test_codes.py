"""The pages about codes in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from pages.server import beside, listen
from tests.console.browser.test_zones import signed_in
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def address(desk: Desk, opened: Callable[..., Site]) -> Iterator[tuple[str, Site]]:
    """A console with the keys that codes are hashed with."""
    site = opened(desk.url, fingerprints=desk.fingerprints)
    listening = listen("127.0.0.1", 0)
    with beside(site.app, listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", site


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], address: tuple[str, Site], language: str, tmp_path: Path
) -> None:
    base, _ = address
    page = signed_in(browse, address, "administrator")
    for path in ("codes/", "codes/generate", "codes/import"):
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    file = tmp_path / "codes.txt"
    file.write_text("AB-12\n!\n")
    page.fill("#list", "library")
    page.check("#made-others")
    page.set_input_files("#file", file)
    page.locator("main form .button").click()
    expect(page.locator("#faults")).to_be_visible()
    examine(page)
    file.write_text("AB-12\nAB-13\n")
    page.set_input_files("#file", file)
    page.locator("main form .button").click()
    expect(page.locator(".answer")).to_be_visible()
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    page.goto(f"{base}/{language}/codes/generate")
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#list", "library")
    page.fill("#count", "3")
    page.locator("main form .button").click()
    expect(page.locator(".tickets li")).to_have_count(3)
    examine(page)
