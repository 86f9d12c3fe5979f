"""Every page in every state: axe, names, the Tab key, narrow screens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from jurat import Reason
from jurat.seal import Unseal
from store.upkeep.upkeep import Upkeep
from tests.console.test_reviews import two_persons, waiting
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import PRIVATE_KEY, Desk
from tests.store.reviews import ReviewDecisions

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HEAVIEST = 60_000

OPENS = "#answer ~ form .button"


def open_all(desk: Desk) -> None:
    """A worker's turn."""
    assert Upkeep(desk.engine, unseal=Unseal([PRIVATE_KEY])).open_answers() == 1


def signed_in(browse: Callable[..., Any], address: tuple[str, Site], name: str = "clerk-7", **options: Any) -> Any:
    base, site = address
    page = browse(**options)
    page.goto(base + site.link(name, "reviewer"))
    page.locator("main .button").click()
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any],
    desk: Desk,
    address: tuple[str, Site],
    language: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.answers.WAIT_S", 0.0)
    base, site = address
    check, two, gone = waiting(desk), two_persons(desk), waiting(desk, "p-2")
    decisions = ReviewDecisions(desk.engine)
    decisions.decide(two, Reason.PERSON_ACCEPTED, "clerk-8")
    decisions.decide(gone, Reason.PERSON_REFUSED, "clerk-8")
    page = browse()
    for path in ("sign-in", site.link("clerk-7").removeprefix("/en/"), "sign-in/link/nothing"):
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    page = signed_in(browse, address)
    paths = ["", "reviews/", "reviews/?overdue=1", f"reviews/{check}", f"reviews/{two}", f"reviews/{gone}"]
    for path in [*paths, "runbooks/JuratNobodyWorks", "nothing"]:
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    page.goto(f"{base}/{language}/reviews/{check}")
    page.locator(OPENS).click()
    examine(page)
    open_all(desk)
    page.reload()
    expect(page.locator(".answer dd")).to_have_text("accept")
    examine(page)
    page.locator(".decision .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.check("#reason")
    page.locator(".decision .button").click()
    expect(page.locator("#decision [role=status]")).to_be_visible()
    examine(page)
    page.goto(f"{base}/{language}/reviews/")
    expect(page.locator(".coming .button")).to_be_visible()
    examine(page)
    page.locator(".coming .button").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    page.check("#reason")
    page.locator(".decision .button").click()
    other = signed_in(browse, address, "clerk-9")
    other.goto(f"{base}/{language}/reviews/{check}")
    expect(other.locator("#decision")).to_be_visible()
    examine(other)


def test_a_page_is_light(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site]) -> None:
    base, _ = address
    for number in range(25):
        waiting(desk, f"p-{number}")
    page = signed_in(browse, address)
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.goto(f"{base}/en/reviews/")
    page.wait_for_load_state("networkidle")
    assert sum(sizes) <= HEAVIEST
