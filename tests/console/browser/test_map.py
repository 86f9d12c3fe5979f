"""A review with its map in a browser: each state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.browser.test_pages import OPENS, signed_in
from tests.console.test_places import FAR, INSIDE, OUTSIDE, found, old_town
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_map_in_every_state(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str
) -> None:
    base, _ = address
    old_town(desk)
    checks = found(desk, INSIDE, OUTSIDE, FAR), found(desk, participant="p-2")
    page = signed_in(browse, address)
    for check, maps in zip(checks, (2, 1), strict=True):
        page.goto(f"{base}/{language}/reviews/{check}")
        expect(page.locator("svg.map")).to_have_count(1)
        examine(page)
        page.locator(OPENS).click()
        expect(page.locator(".answer dd")).to_have_text("accept")
        expect(page.locator("svg.map")).to_have_count(maps)
        examine(page)
