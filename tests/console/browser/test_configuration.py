"""The configuration in a browser: each state examined, and a change made by keyboard alone, without a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from store.requests.code_lists import add_codes
from tests.console.browser.test_pages import HEAVIEST
from tests.console.conftest import DOCUMENT
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import examine
from tests.examples.platform.browser.test_keyboard import Fingers
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


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_state(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str) -> None:
    base, _ = address
    page = signed_in(browse, address)
    pages = f"{base}/{language}/configuration"
    page.goto(f"{pages}/edit")
    examine(page)
    text = page.input_value("#text")
    page.fill("#text", text.replace("type: codes", "type: codez"))
    press(page, "check")
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.locator(".problems a").click()
    expect(page.locator("#line-8")).to_be_focused()
    page.fill("#text", text.replace("The budget", "Money"))
    press(page, "check")
    expect(page.locator("[role=status]")).to_be_focused()
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


@pytest.mark.parametrize("width", [360, 1280])
def test_a_change_is_made_by_keyboard_alone_and_without_a_script(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int
) -> None:
    base, site = address
    page = browse(viewport={"width": width, "height": 800}, java_script_enabled=False)
    fingers = Fingers(page)
    page.goto(base + site.link("admin-1", "administrator"))
    fingers.press("main .button")
    fingers.press(".menu a[href$='/configuration/']")
    fingers.press("main a[href$='/edit']")
    fingers.to("#text")
    page.keyboard.press("Control+Home")
    page.keyboard.type("# written by hand\nunknown: 1\n")
    fingers.press("button[value=check]")
    expect(page.locator(".problems")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".problems a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#line-2")).to_be_focused()
    fingers.press("main > .wide > p > a[href='#text']")
    fingers.to("#text")
    for key in ("Control+Home", "Shift+ArrowDown", "Shift+ArrowDown", "Delete", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.type("  proofs:\n    type: manual\n")
    fingers.press("button[value=apply]")
    expect(page.locator(".lines")).to_contain_text('+ sources.proofs: {"type": "manual"}')
    fingers.press("main form .button")
    expect(page.locator(".notice")).to_be_visible()
    assert desk.queries.applied(2).applied_by == "admin-1"


def test_a_page_is_light(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site]) -> None:
    base, _ = address
    page = signed_in(browse, address)
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.goto(f"{base}/en/configuration/edit")
    page.wait_for_load_state("networkidle")
    assert sum(sizes) <= HEAVIEST
