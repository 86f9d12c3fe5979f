"""Every page in every state: axe, names, the Tab key, narrow screens; and a decision by keyboard, without a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from jurat import Reason
from jurat.seal import Unseal
from store.upkeep.upkeep import Upkeep
from tests.console.test_reviews import a_minute_later, two_persons, waiting
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import examine
from tests.examples.platform.browser.test_keyboard import Fingers
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


@pytest.mark.parametrize("language", ["en", "fr"])
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


@pytest.mark.parametrize("width", [360, 1280])
def test_a_reviewer_decides_without_a_mouse(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.answers.WAIT_S", 0.0)
    base, site = address
    check = waiting(desk)
    page = browse(viewport={"width": width, "height": 800})
    fingers = Fingers(page)
    page.goto(base + site.link("clerk-7", "reviewer"))
    fingers.press("main .button")
    fingers.press(".top a[href$='/reviews/']")
    fingers.press(f".queue a[href$='/{check}']")
    fingers.press(OPENS)
    open_all(desk)
    fingers.press("#answer ~ [role=status] a")
    expect(page.locator(".answer dd")).to_have_text("accept")
    fingers.to("#reason")
    page.keyboard.press("Space")
    fingers.press(".decision .button")
    fingers.press("#decision .button")
    expect(page.locator(".notice")).to_be_visible()
    fingers.to("#reason")
    page.keyboard.press("Space")
    fingers.press(".decision .button")
    expect(page.locator("#decision")).to_be_visible()
    assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == [("accepted", "person_accepted")]


def test_all_of_it_without_a_script(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site]) -> None:
    base, _ = address
    check = waiting(desk)
    page = signed_in(browse, address, java_script_enabled=False)
    page.goto(f"{base}/en/reviews/")
    page.locator("summary").click()
    page.select_option("#consultation", "budget")
    page.get_by_role("button", name="Show").click()
    page.locator(f".queue a[href$='/{check}']").click()
    page.check("#reason-person_refused")
    page.locator(".decision .button").click()
    page.locator("#decision .button").click()
    expect(page.locator(".notice")).to_be_visible()
    page.check("#reason-person_refused")
    page.locator(".decision .button").click()
    assert a_minute_later(desk) == 1
    assert desk.verdicts(check) == [("refused", "person_refused")]
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{base}/en/reviews/")
    assert "/sign-in" in page.url


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
