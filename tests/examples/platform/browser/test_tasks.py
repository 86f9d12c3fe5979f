"""Ten tasks of a participant with Tab, Enter, Space and typing alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.examples.platform.browser.stage import Fleet, Ground
from tests.examples.platform.browser.walking import INSIDE, PASSWORD, TWO_PLACES, Walk
from tests.rigs.keyboard import WAYS, Fingers, Tasks, in_both_ways, options

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

participant = Tasks("participant")


class Typist(Walk):
    """A walk without a mouse."""

    def __init__(self, page: Any, fleet: Fleet, way: str) -> None:
        super().__init__(page, fleet.web.address, scripted=WAYS[way] > 360)
        self.fingers = Fingers(page)
        self.ground: Ground = fleet.ground

    def press(self) -> None:
        self.fingers.press("main .actions .button:not(.second)", "Space" if "/confirm" in self.page.url else "Enter")

    def begin(self, consultation: str) -> None:
        """From any page to the first question that is open."""
        self.fingers.press("header .brand")
        for selector in (f".card a[href$='/{consultation}']", ".call .button", "#next .button"):
            self.fingers.press(selector)

    def write(self, answer: Mapping[str, str]) -> None:
        """Type an answer, and press Enter in its last field, as one does."""
        self.fingers.type({f"[name='answer-{field}']": value for field, value in answer.items()})
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")


@in_both_ways
def test_ten_tasks_without_a_mouse(
    browse: Callable[..., Any], embedded: Fleet, way: str, record_property: Callable[[str, object], None]
) -> None:
    assert len(participant.tasks) == 10
    participant.do_all(Typist(browse(**options(WAYS[way])), embedded, way), way, record_property)


@participant
def read(walk: Typist) -> None:
    """Find a consultation and read its proposals."""
    walk.go()
    walk.fingers.press(".card a[href$='/budget']")
    expect(walk.page.locator(".cards .card")).to_have_count(4)


@participant
def sign_up(walk: Typist) -> None:
    """Make an account."""
    walk.fingers.press(".call .button")
    walk.fingers.press(".actions a:not(.button)")
    walk.name = f"without a mouse {id(walk)}"
    walk.fingers.type({"#name": walk.name, "#password": PASSWORD})
    walk.press()
    assert walk.path == "consultations/budget/access"


@participant
def answer(walk: Typist) -> None:
    """Answer with an address, and confirm it."""
    walk.fingers.press("#next .button")
    walk.write(INSIDE)
    walk.confirm()
    walk.hears("accepted")
    assert walk.ground.checks(walk.name) == [("residence", "settled", "accepted")]


@participant
def mend(walk: Typist) -> None:
    """Mend a code that was mistyped."""
    walk.fingers.press("#next .button")
    walk.write({"code": "ABCD-EFGH-JKLM"})
    expect(walk.page.locator(".problems")).to_be_focused()
    walk.fingers.choose(".problems a", "Enter")
    expect(walk.page.locator("[name='answer-code']")).to_be_focused()
    walk.page.keyboard.press("Control+a")
    walk.page.keyboard.type(walk.ground.code())
    walk.press()
    walk.confirm()
    walk.hears("accepted")


@participant
def vote(walk: Typist) -> None:
    """Vote."""
    walk.fingers.press("#next .button")
    walk.fingers.choose("#proposal-2")
    walk.press()
    expect(walk.page.locator(".notice")).to_be_visible()
    expect(walk.page.locator(".card", has_text="you voted for this")).to_have_count(1)


@participant
def change(walk: Typist) -> None:
    """Change the vote."""
    walk.fingers.press(".call .button")
    walk.fingers.choose("#proposal-3")
    walk.press()
    expect(walk.page.locator(".card", has_text="you voted for this")).to_have_count(2)


@participant
def pick(walk: Typist) -> None:
    """Choose the address that is meant from a list."""
    walk.begin("hill")
    walk.write(TWO_PLACES)
    walk.confirm()
    walk.hears("undetermined")
    walk.fingers.choose(".picker [type=radio]", "ArrowDown")
    expect(walk.page.locator(".picker [type=radio]").nth(1)).to_be_checked()
    walk.fingers.press(".picker .button", "Space")
    walk.confirm()
    assert walk.path.startswith("consultations/hill/answers/")


@participant
def contest(walk: Typist) -> None:
    """Ask a person to look at a refusal."""
    walk.begin("trial")
    walk.write({"answer": "refuse"})
    walk.confirm()
    walk.hears("refused")
    walk.fingers.press("#next a[href$='/contest']")
    walk.fingers.type({"#note": "Look at the map of 1923."})
    walk.press()
    expect(walk.page.locator("#next a[href$='/contest']")).to_have_count(0)


@participant
def overview(walk: Typist) -> None:
    """See how all answers stand."""
    walk.fingers.press("#next .actions a[href$='/access']")
    walk.fingers.press(".questions a")
    assert re.match("consultations/trial/answers/", walk.path)


@participant
def come_back(walk: Typist) -> None:
    """Sign out, and in again."""
    walk.fingers.press("header form button")
    walk.fingers.press("header a[href$='/sign-in']")
    walk.fingers.type({"#name": walk.name, "#password": PASSWORD})
    walk.press()
    expect(walk.page.locator("header form button")).to_contain_text(walk.name)
