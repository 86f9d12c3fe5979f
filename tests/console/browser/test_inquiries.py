"""A source is tried in a browser: every state for axe, and the way there by keyboard alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from examples.sources import Sources
from jurat.seal import Seal
from pages.server import beside, listen
from store.datasets.zones import import_zones
from tests.acceptance.town import INSIDE, PHYSICIAN
from tests.console.browser.clerk import Clerk
from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_inquiries import document, outside, work, zones  # noqa: F401 - fixtures
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.rigs.keyboard import options
from tests.store.desk import ADMIN, PUBLIC_KEY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def address(desk: Desk, opened: Callable[..., Site], outside: Sources) -> Iterator[tuple[str, Site]]:  # noqa: F811
    """Where a console is that can seal, with sources to try."""
    import_zones(desk.engine, zones(), ADMIN)
    desk.apply(document(outside))
    site, listening = opened(desk.url, seal=lambda _: Seal(PUBLIC_KEY)), listen("127.0.0.1", 0)
    with beside(site.app, listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", site


@pytest.fixture
def operator(browse: Callable[..., Any], address: tuple[str, Site]) -> Callable[..., Any]:
    """Signs an operator in."""
    base, site = address

    def sign_in(**given: Any) -> Any:
        page = browse(**given)
        page.goto(base + site.link("night-watch", "operator"))
        page.locator("main .button").click()
        return page

    return sign_in


@contextmanager
def working(turn: Callable[[], None]) -> Iterator[None]:
    """A worker for as long as the block runs."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.2):
            turn()

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    over.set()
    thread.join()


def fill(page: Any, answer: dict[str, str]) -> None:
    for name, text in answer.items():
        page.fill(f"#answer-{name}", text)
    page.locator("main form .button").click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state(
    operator: Callable[..., Any],
    desk: Desk,
    address: tuple[str, Site],
    work: Callable[[], None],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    monkeypatch.setattr("console.inquiries.LOOKS_S", 600)
    base, page = address[0], operator()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(0 if 300 <= answer.status < 400 else len(answer.body())))
    for source, answer in (("geocoder", INSIDE), ("professionals", PHYSICIAN), ("away", PHYSICIAN)):
        page.goto(f"{base}/{language}/sources/{source}/ask")
        if source != "away":
            examine(page)
        page.locator("main form .button").click()
        expect(page.locator(".problems")).to_be_focused()
        if source == "geocoder":
            examine(page)
        fill(page, answer)
        if source == "geocoder":
            examine(page)
        work()
        page.reload()
        examine(page)
    for path in ("zones/", "sources/geocoder"):
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    desk.sources.pause("geocoder", 3600, "announced", ADMIN)
    page.goto(f"{base}/{language}/sources/geocoder/ask")
    examine(page)
    assert max(sizes) <= HEAVIEST


def test_a_source_is_tried_without_a_mouse_and_without_a_script(
    operator: Callable[..., Any],
    desk: Desk,
    work: Callable[[], None],  # noqa: F811
    tmp_path: Path,
) -> None:
    page = operator(**options(360))
    watch = Clerk(page, desk, tmp_path)
    watch.open("zones")
    watch.press("main li a[href$='/geocoder/ask']")
    watch.type({f"#answer-{name}": INSIDE[name] for name in ("number", "street", "postcode", "city")})
    watch.press("main form .button")
    with working(work):
        expect(page.locator(".word.accepted")).to_be_visible()  # the page looks by itself
    expect(page.locator("main")).to_contain_text("rue des Tanneurs")
