"""The pictures of the README and the docs, taken on the way: `make pictures` writes docs/pictures/*.png.

Without the option they are taken all the same, and thrown away: a page that cannot be reached is noticed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pages.server import beside, listen
from tests.console.visitor import Site
from tests.examples.platform.browser.office_states import (
    ask,
    begin,
    choose,
    describe,
)
from tests.examples.platform.browser.stage import Fleet
from tests.examples.platform.browser.walking import BORDER, INSIDE, OUTSIDE, TWO_PLACES, UNKNOWN, Walk
from tests.examples.stacks.runtimes import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PICTURES = ROOT / "docs" / "pictures"
DESK = {"width": 960, "height": 800}
PHONE = {"width": 360, "height": 720}
HEAVIEST = 60 * 1024
COLOURS = 64

Take = Callable[..., None]
"""`take(page, name)`, or `take(page, name, at=".map")` to see that part of a long page."""


@pytest.fixture
def take(request: pytest.FixtureRequest, tmp_path: Path) -> Take:
    """Takes a picture of what a window shows, always of the same size, and small."""
    folder = PICTURES if request.config.getoption("--pictures", default=False) else tmp_path

    def taken(page: Any, name: str, at: str = "body") -> None:
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.locator(at).evaluate(
            "each => each.scrollIntoView({ block: 'center' })" if at != "body" else "scrollTo(0, 0)"
        )
        small = _small(page.screenshot(animations="disabled"))
        assert len(small) <= HEAVIEST, f"{name}: {len(small)} bytes"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.png").write_bytes(small)

    return taken


def _small(picture: bytes) -> bytes:
    """The same with a palette: text and plain colours need no more."""
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as opened:
        reduced = opened.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    reduced.save(written, "PNG", optimize=True)
    return written.getvalue()


def test_the_way_of_a_participant(browse: Callable[..., Any], embedded: Fleet, take: Take) -> None:
    walk = Walk(browse(viewport=DESK), embedded.web.address)
    walk.sign_up("Ada Vigie")
    walk.go("consultations/budget")
    take(walk.page, "consultation")
    walk.go("consultations/budget/access/residence")
    walk.fill(INSIDE)
    take(walk.page, "question")
    walk.press()
    take(walk.page, "confirm")
    walk.confirm()
    walk.hears("accepted")
    take(walk.page, "accepted")
    walk.answer("budget", "code", {"code": embedded.ground.code()}, "accepted")
    walk.go("consultations/budget/access")
    take(walk.page, "granted")


def test_the_way_of_who_is_blocked_and_of_who_is_asked_which(
    browse: Callable[..., Any], embedded: Fleet, take: Take
) -> None:
    walk = Walk(browse(viewport=DESK), embedded.web.address)
    walk.sign_up("Ben Criée")
    walk.answer("budget", "residence", OUTSIDE, "refused")
    take(walk.page, "blocked")
    walk.answer("hill", "home", TWO_PLACES, "undetermined")
    take(walk.page, "picker")


def test_the_way_on_a_phone(browse: Callable[..., Any], embedded: Fleet, take: Take) -> None:
    walk = Walk(browse(viewport=PHONE, color_scheme="dark"), embedded.web.address)
    walk.sign_up("Cleo Remparts")
    walk.answer("budget", "residence", UNKNOWN, "review")
    take(walk.page, "phone")


def test_the_office(browse: Callable[..., Any], embedded: Fleet, take: Take) -> None:
    walk = Walk(browse(viewport=DESK), embedded.web.address)
    begin(walk)
    describe(walk)
    choose(walk, {"lives-in": "1"})
    ask(walk, "lives-in", zone="old-town")
    take(walk.page, "zones", at=".areas")


@pytest.fixture
def console(embedded: Fleet) -> Iterator[tuple[str, Site]]:
    """Where a console is beside the platform, and what makes links to it."""
    with (
        closing(Site(embedded.ground.environment["JURAT_DATABASE_URL"])) as site,
        closing(listen("127.0.0.1", 0)) as at,
        beside(site.app, at),
    ):
        yield f"http://127.0.0.1:{at.getsockname()[1]}", site


def sign_in(page: Any, console: tuple[str, Site], name: str, *roles: str) -> str:
    """Somebody signs in; the address of the first page."""
    address, site = console
    page.goto(address + site.link(name, *roles))
    page.locator("main .button").click()
    return f"{address}/en/"


def test_the_console_of_a_reviewer(
    browse: Callable[..., Any], embedded: Fleet, console: tuple[str, Site], take: Take
) -> None:
    walk = Walk(browse(viewport=DESK), embedded.web.address)
    name = walk.sign_up()
    walk.answer("budget", "residence", BORDER, "review")
    page = browse(viewport=DESK)
    first = sign_in(page, console, "rhea", "reviewer")
    page.goto(f"{first}reviews/")
    take(page, "queue")
    page.goto(f"{first}reviews/{embedded.ground.review_of(name)}")
    page.locator("#answer ~ form .button").click()
    page.locator(".answer dd").first.wait_for()
    take(page, "review", at=".sides")


def test_the_console_of_an_administrator(
    browse: Callable[..., Any], embedded: Fleet, console: tuple[str, Site], take: Take
) -> None:
    walk = Walk(browse(viewport=DESK), embedded.web.address)
    name = walk.sign_up()
    walk.answer("budget", "residence", OUTSIDE, "refused")
    page = browse(viewport=DESK)
    first = sign_in(page, console, "omar", "administrator")
    page.goto(f"{first}participants/")
    page.fill("#participant", embedded.ground.participant(name))
    page.locator("main .button").click()
    page.locator("main table a").first.click()
    page.locator("main .card a").first.click()
    take(page, "explained", at=".rules")
    page.goto(f"{first}sources/towns")
    take(page, "source")
    page.goto(f"{first}configuration/edit")
    page.fill("#text", page.input_value("#text").replace("rounds: 3", "rounds: 5"))
    page.locator("[value=apply]").click()
    take(page, "change")
