"""The way of an administrator, and what participants see of it; with and without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.examples.platform.browser.office_states import make_codes, publish
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import INSIDE, OUTSIDE, Walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(params=["script", "no script"])
def pair(request: pytest.FixtureRequest, browse: Callable[..., Any], fleet: Fleet) -> tuple[Walk, Walk]:
    """Who works in the office, and a participant, each with a browser of their own."""
    scripted = request.param == "script"
    office, participant = (
        Walk(browse(java_script_enabled=scripted), fleet.web.address, scripted=scripted) for _ in range(2)
    )
    return office, participant


def test_an_administrator_makes_a_consultation_that_people_take_part_in(pair: tuple[Walk, Walk], fleet: Fleet) -> None:
    office, participant = pair
    name = publish(office)
    participant.go()
    participant.page.locator(f".card a[href$='/{name}']").click()
    participant.sign_up()
    participant.answer(name, "lives-in", OUTSIDE, "accepted")  # the harbour is outside of the old town
    participant.press()
    assert participant.path == f"consultations/{name}/vote"
    participant.page.get_by_role("checkbox").first.check()
    participant.press()
    office.go(f"office/consultations/{name}")
    expect(office.page.locator("dl.figures dd").first).to_have_text("1")


def test_codes_that_an_administrator_prints_open_the_door(pair: tuple[Walk, Walk], fleet: Fleet) -> None:
    office, participant = pair
    code = make_codes(office)[0]
    participant.sign_up()
    participant.answer("budget", "residence", INSIDE, "accepted")
    participant.answer("budget", "code", {"code": code}, "accepted")
    assert participant.go("consultations/budget/vote").status == 200
    assert participant.path == "consultations/budget/vote"
