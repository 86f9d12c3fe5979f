"""Participants' pages: every state for axe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_participants import answered
from tests.console.test_reviews import two_persons, waiting
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def found(page: Any, base: str, consultation: str = "budget", participant: str = "p-1") -> str:
    """Find a participant, and stay on their page."""
    page.goto(f"{base}/en/participants/")
    page.select_option("#consultation", consultation)
    page.fill("#participant", participant)
    page.locator("main .button").click()
    expect(page.locator(".answer dd").first).to_have_text(participant)
    return str(page.url)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str
) -> None:
    base, site = address
    check, near, _ = answered(desk), waiting(desk), two_persons(desk)
    page = browse()
    page.goto(base + site.link("clerk-7", "reviewer", "administrator"))
    page.locator("main .button").click()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    shown = found(page, base).replace("/en/", f"/{language}/")
    handle = shown.removesuffix("/in/budget")
    paths = [handle, shown, f"{shown}/{check}", f"{shown}/{near}", f"{handle}/erase"]
    for path in [f"{base}/{language}/participants/", *paths, *(f"{shown}/{act}" for act in ("revoke", "restore"))]:
        page.goto(path)
        examine(page)
    for path in (f"{base}/{language}/participants/", *(f"{shown}/{act}" for act in ("reopen", "transfer"))):
        page.goto(path)
        page.locator("main form .button").click()
        expect(page.locator(".problems")).to_be_focused()
        examine(page)
    page.goto(f"{shown}/revoke")
    page.locator("main form .button").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    assert max(sizes) <= HEAVIEST
