"""The configuration in a browser: each state examined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from store.requests.code_lists import add_codes
from tests.console.browser.test_pages import HEAVIEST
from tests.console.conftest import DOCUMENT
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import ADMIN, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

ANSWER = '{"number": "10000001", "last_name": "Ashgrove", "first_name": "Linnet", "status": "active"}'


@pytest.fixture
def desk(desk: Desk) -> Desk:
    add_codes(desk.engine, "spring", ["ab" * 32], ADMIN)
    return desk


def signed_in(browse: Callable[..., Any], address: tuple[str, Site], **options: Any) -> Any:
    base, site = address
    page = browse(**options)
    page.goto(base + site.link("admin-1", "administrator"))
    page.locator("main .button").click()
    return page


def press(page: Any, act: str) -> None:
    page.locator(f"button[value={act}]").click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str) -> None:
    base, _ = address
    page = signed_in(browse, address)
    pages = f"{base}/{language}/configuration"
    sizes: list[int] = []

    def weigh(answer: Any) -> None:
        sizes.append(len(answer.body()))

    page.on("response", weigh)
    page.goto(f"{pages}/edit")
    page.wait_for_load_state("networkidle")
    page.remove_listener("response", weigh)
    assert sum(sizes) <= HEAVIEST
    examine(page)
    text = page.input_value("#text")
    page.fill("#text", text.replace("type: codes", "type: codez"))
    press(page, "check")
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#text", text.replace("The budget", "Money"))
    press(page, "check")
    expect(page.locator(".accepted")).to_be_focused()
    examine(page)
    press(page, "draft")
    examine(page)
    page.locator("main form .button").first.click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#name", "board")
    page.fill("#answer", ANSWER)
    page.locator("main form .button").first.click()
    examine(page)
    page.fill("#text", text.replace("The budget", "Money"))
    press(page, "apply")
    examine(page)
    page.locator("main form .button").first.click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    for path in ("versions/1", "versions/2", "differences?old=1&new=2"):
        page.goto(f"{pages}/{path}")
        examine(page)
    page.goto(f"{pages}/versions/1")
    page.locator("main form .button").click()
    examine(page)
    page.goto(f"{pages}/edit")
    desk.apply(DOCUMENT)
    page.fill("#text", text.replace("The budget", "Funds"))
    press(page, "apply")
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.context.clear_cookies()
    press(page, "check")
    expect(page.locator("#text")).to_have_attribute("readonly", "")
    examine(page)
    assert desk.queries.config_version() == 3
