"""Every page in every state: axe-core, order, width, weight; any two of its language, scheme and width together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.examples.platform.browser import examining
from tests.examples.platform.browser.office_states import OFFICE_STATES
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.states import STATES, State
from tests.examples.platform.browser.walking import Walk
from tests.examples.platform.browser.watching import Watched
from tests.rigs.browsers import PATIENCE_MS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

HEAVIEST = 60 * 1024
"""Bytes of a page over the wire, with all that it asks for, on a first visit."""


@pytest.fixture(scope="module")
def windows(chromium: Any) -> Iterator[list[Watched]]:
    """One for each language, for all states: a new one costs as much as some pages."""
    opened = [Watched(chromium, PATIENCE_MS) for _ in range(2)]
    yield opened
    for watched in opened:
        watched.close()


@pytest.fixture(scope="module", params=[*STATES, *OFFICE_STATES], ids=lambda state: state.name)
def pages(request: pytest.FixtureRequest, windows: list[Watched]) -> Iterator[list[Any]]:
    """The page in this state, in each language."""
    state: State = request.param
    fleet: Fleet = request.getfixturevalue("separate" if state.separate else "embedded")
    english, french = windows
    walks = [Walk(english.page, fleet.web.address, "en"), Walk(french.page, fleet.web.address, "fr")]
    try:
        state.reach(walks[0], fleet.ground)
        if state.sent:
            fleet.ground.thaw()
            state.reach(walks[1], fleet.ground)
        else:
            french.context.add_cookies(english.context.cookies())
            french.page.goto(english.page.url.replace("/en/", "/fr/"))
        yield [walk.page for walk in walks]
    finally:
        fleet.ground.thaw()
        faults = english.empty() + french.empty()
    assert faults == []


def test_axe_finds_nothing(pages: list[Any]) -> None:
    english, french = pages
    assert [page.get_attribute("html", "lang") for page in pages] == ["en", "fr"]
    assert examining.violations(english, examining.LOOKS[:2]) == []
    assert examining.violations(french, examining.LOOKS[2:]) == []


def test_every_control_has_a_name_and_the_page_its_parts(pages: list[Any]) -> None:
    assert [examining.nameless(page) for page in pages] == [[], []]


def test_tab_goes_where_one_reads_and_is_seen(pages: list[Any]) -> None:
    assert examining.misplaced(pages[0]) == []


def test_nothing_sticks_out_when_it_is_narrow_or_large(pages: list[Any]) -> None:
    assert [examining.too_wide(page) for page in pages] == [[], []]


def test_it_is_light(pages: list[Any], windows: list[Watched]) -> None:
    """A page that answers a form weighs what its address does, which is asked for here as on a first visit."""
    page, asked = pages[0], windows[0].requests
    session = page.context.new_cdp_session(page)
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    before = len(asked)
    page.goto(page.url)
    session.detach()
    # A request of the page before it is cut off, and has no answer.
    answered = [each for each in asked[before:] if each.url.startswith("http") and each.response() is not None]
    sizes = [each.sizes() for each in answered]
    assert len(sizes) >= 3, "the page, its stylesheet and the emblem"
    assert sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes) <= HEAVIEST
