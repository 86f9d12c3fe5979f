"""What the Tab key comes to first, and what high contrast leaves of the colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, UNKNOWN, Walk
from tests.rigs.keyboard import Fingers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def walk(browse: Callable[..., Any], embedded: Fleet) -> Walk:
    return Walk(browse(), embedded.web.address)


def test_the_first_stop_skips_to_the_content(walk: Walk) -> None:
    page, fingers = walk.page, Fingers(walk.page)
    walk.go("consultations/budget")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    fingers.to("a")
    assert page.evaluate("document.activeElement.closest('main') !== null"), "the links of the header lie behind"


def test_what_is_wrong_is_said_first_and_leads_to_its_field(walk: Walk) -> None:
    page, fingers = walk.page, Fingers(walk.page)
    walk.sign_up()
    walk.go("consultations/budget/access/residence")
    walk.press()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    assert page.title().startswith("Error:")
    links = summary.get_by_role("link")
    assert links.count() >= 1
    for number in range(links.count()):
        target = str(links.nth(number).get_attribute("href")).removeprefix("#")
        field = page.locator(f"[id='{target}']")
        expect(field).to_have_attribute("aria-invalid", "true")
        described = str(field.get_attribute("aria-describedby")).split()
        assert any(page.locator(f"[id='{name}']").inner_text() for name in described)
    fingers.to(".problems a")
    page.keyboard.press("Enter")
    expect(page.locator(f"[id='{str(links.first.get_attribute('href')).removeprefix('#')}']")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_high_contrast_still_tells_states_apart(browse: Callable[..., Any], embedded: Fleet, scheme: str) -> None:
    """Colours are the system's then: what is left are words, marks and borders."""
    walk = Walk(browse(forced_colors="active", color_scheme=scheme), embedded.web.address)
    page = walk.page
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    shown = {}
    for answer, word in ((INSIDE, "accepted"), (OUTSIDE, "refused"), (UNKNOWN, "review")):
        walk.page.context.clear_cookies()
        walk.sign_up()
        walk.answer("budget", "residence", answer, word)
        state = page.locator("#said .state")
        mark = state.evaluate("each => getComputedStyle(each, '::before').content")
        shown[word] = (state.inner_text(), mark.split("/")[0])
        assert _border(page, "#said .word") >= 1
    assert len({words for words, _ in shown.values()}) == len({mark for _, mark in shown.values()}) == 3, shown
    walk.go("consultations/budget/access/code")
    assert _border(page, "main .button") >= 1, "a button without its colour is a button by its border"
    walk.press()
    assert _border(page, ".problems") >= 1
    page.keyboard.press("Tab")
    assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2


def _border(page: Any, selector: str) -> float:
    width = "each => parseFloat(getComputedStyle(each).borderTopWidth)"  # 0 where there is none
    return float(page.locator(selector).first.evaluate(width))
