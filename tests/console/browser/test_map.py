"""A review with its map in a browser: each state, and a decision in four actions, without a mouse or a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from jurat.seal import Unseal
from store.upkeep.upkeep import Upkeep
from tests.console.browser.test_pages import OPENS, signed_in
from tests.console.test_places import FAR, INSIDE, OUTSIDE, found, old_town
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import examine
from tests.examples.platform.browser.test_keyboard import Fingers
from tests.store.desk import PRIVATE_KEY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def worker(desk: Desk) -> Iterator[None]:
    """Opens answers for as long as the test lasts."""
    over, upkeep = threading.Event(), Upkeep(desk.engine, unseal=Unseal([PRIVATE_KEY]))

    def work() -> None:
        while not over.wait(0.2):
            upkeep.open_answers()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("language", ["en", "fr"])
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


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("width", [360, 1280])
def test_an_answer_is_decided_with_its_map_in_four_actions(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int
) -> None:
    base, _ = address
    old_town(desk)
    check = found(desk, INSIDE, OUTSIDE)
    page = signed_in(browse, address, viewport={"width": width, "height": 800}, java_script_enabled=False)
    page.goto(f"{base}/en/reviews/")
    fingers = Fingers(page)
    fingers.press(f".queue a[href$='/{check}']")
    fingers.press(OPENS)
    expect(page.locator("svg.map .number")).to_have_count(4)
    fingers.to("#reason")
    page.keyboard.press("Space")
    fingers.press(".decision .button")
    expect(page.locator("#decision [role=status]")).to_be_visible()
