"""The pages of consultations in every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_consultations import NEAR
from tests.console.test_reviews import waiting
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import ACCEPTED, REFUSED, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def answered(desk: Desk) -> Desk:
    for number, decision in enumerate([ACCEPTED, ACCEPTED, NEAR, REFUSED]):
        desk.look_up(desk.held(f"p-{number}"), decision)
    waiting(desk, "p-8")
    desk.submit("p-9")
    return desk


def signed_in(browse: Callable[..., Any], address: tuple[str, Site], **options: Any) -> Any:
    base, site = address
    page = browse(**options)
    page.goto(base + site.link("ann", "administrator"))
    page.locator("main .button").click()
    return page


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], address: tuple[str, Site], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, _ = address
    page = signed_in(browse, address)
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    for path in ("", "?after=budget", "?after=care", "budget", "care"):
        page.goto(f"{base}/{language}/consultations/{path}")
        examine(page)
    monkeypatch.setattr("store.monitoring.consultations.MOST", 3)
    page.goto(f"{base}/{language}/consultations/budget")
    examine(page)
    assert max(sizes) <= HEAVIEST
