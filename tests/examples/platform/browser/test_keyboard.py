"""The whole way with Tab, Enter and Space alone, and what high contrast leaves of the colours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, PASSWORD, TWO_PLACES, UNKNOWN, Walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FARTHEST = 60
"""Presses of the Tab key after which someone gives up."""


class Fingers:
    """Someone who has no mouse."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def to(self, selector: str) -> None:
        """Tab until this has the focus."""
        for _ in range(FARTHEST):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not come to {selector} on {self.page.url}")

    def press(self, selector: str, key: str = "Enter") -> None:
        """Tab to it and press it, which opens another page."""
        self.to(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def type(self, fields: Mapping[str, str]) -> None:
        """Tab to each field and type into it."""
        for selector, value in fields.items():
            self.to(selector)
            self.page.keyboard.type(value)


def answer_fields(answer: Mapping[str, str]) -> dict[str, str]:
    return {f"[name='answer-{field}']": value for field, value in answer.items()}


@pytest.fixture
def walk(browse: Callable[..., Any], embedded: Fleet) -> Walk:
    return Walk(browse(), embedded.web.address)


def test_from_the_first_page_to_the_vote_without_a_mouse(walk: Walk, embedded: Fleet) -> None:
    page, fingers = walk.page, Fingers(walk.page)
    walk.go()
    fingers.press(".card a[href$='/budget']")
    fingers.press(".call .button")
    fingers.press(".actions a:not(.button)")
    walk.name = f"without a mouse {id(page)}"
    fingers.type({"#name": walk.name, "#password": PASSWORD})
    fingers.press("main .button")
    fingers.press("#next .button")
    fingers.type(answer_fields(INSIDE))
    page.keyboard.press("Enter")  # in a field, as one does
    expect(page).to_have_url(re.compile("/confirm$"))
    fingers.press("main .button", "Space")
    walk.hears("accepted")
    fingers.press("#next .button")
    fingers.type({"[name='answer-code']": embedded.ground.code()})
    fingers.press("main .button", "Space")
    fingers.press("main .button")
    walk.hears("accepted")
    fingers.press("#next .button")
    fingers.to("#proposal-2")
    page.keyboard.press("Space")
    fingers.press("main .button", "Space")
    expect(page.locator(".notice")).to_be_visible()
    assert page.locator(".card", has_text="you voted for this").count() == 1


def test_the_picker_and_contesting_without_a_mouse(walk: Walk, embedded: Fleet) -> None:
    fingers = Fingers(walk.page)
    walk.sign_up()
    walk.answer("hill", "home", TWO_PLACES, "undetermined")
    fingers.to(".picker [type=radio]")
    walk.page.keyboard.press("ArrowDown")
    expect(walk.page.locator(".picker [type=radio]").nth(1)).to_be_checked()
    fingers.press(".picker .button", "Space")
    fingers.press("main .button")
    assert walk.path.startswith("consultations/hill/answers/")
    walk.answer("budget", "residence", OUTSIDE, "refused")
    fingers.press("#next a[href$='/contest']")
    fingers.type({"#note": "Look at the map of 1923."})
    fingers.press("main .button")
    expect(walk.page.locator("#next a[href$='/contest']")).to_have_count(0)


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
