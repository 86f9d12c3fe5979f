"""A review with its map in a browser: each state, and decisions in four actions, without a mouse or a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from jurat.vocabulary import Outcome, Reason
from tasks.checks import Settle
from tests.console.browser.test_pages import OPENS, signed_in
from tests.console.test_places import FAR, INSIDE, OUTSIDE, found, old_town
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import examine
from tests.rigs.keyboard import Fingers, options
from tests.store.desk import Desk
from tests.store.verified import contested

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


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
def test_answer_map_and_note_are_read_and_decided_in_four_actions(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site]
) -> None:
    base, _ = address
    old_town(desk)
    desk.look_up(desk.held("p-2"), Settle(Outcome.REFUSED, Reason.OUTSIDE_ZONE, {"zone": "old-town"}))
    noted, mapped = contested(desk), found(desk, INSIDE, OUTSIDE)
    page = signed_in(browse, address, **options(360))
    for check, said in ((mapped, "accept"), (noted, "I moved in May.")):
        page.goto(f"{base}/en/reviews/")
        fingers = Fingers(page)
        fingers.press(f".queue a[href$='/{check}']")
        fingers.press(OPENS)
        expect(page.locator(".answer dd")).to_have_text(said)
        expect(page.locator("svg.map").first).to_be_visible()
        fingers.choose("#reason")
        fingers.press(".decision .button")
        expect(page.locator("#decision [role=status]")).to_be_visible()
        assert fingers.actions <= 4
