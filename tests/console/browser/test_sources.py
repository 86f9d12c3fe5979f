"""The pages of sources in every state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_sources import SUSPECT, count, registry
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import DOCUMENT, Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def operator(browse: Callable[..., Any], address: tuple[str, Site]) -> Callable[..., Any]:
    """Signs an operator in."""
    base, site = address

    def sign_in(**options: Any) -> Any:
        page = browse(**options)
        page.goto(base + site.link("ann", "operator"))
        page.locator("main .button").click()
        return page

    return sign_in


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    operator: Callable[..., Any], desk: Desk, address: tuple[str, Site], tmp_path: Path, language: str
) -> None:
    base, _ = address
    described = {**registry(tmp_path), "daily": 1000}
    desk.apply({**DOCUMENT, "sources": {**DOCUMENT["sources"], "professionals": described}})
    count(desk, "professionals", record_matches=40, name_differs=12)
    desk.sql(f"{SUSPECT}, drift = 'lookup: body.person is gone' WHERE name = 'professionals'")
    desk.sql("UPDATE jurat_sources SET opened_at = NOW, failures = 7, last_failure = 'source_unavailable'")
    desk.sql("UPDATE jurat_sources SET opened_at = NULL WHERE name <> 'ban'")
    desk.sources.pause("professionals", 3600, "source_throttled")
    desk.submit()
    page = operator()
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    for path in ("", "professionals", "ban", "towns", "professionals/trust"):
        page.goto(f"{base}/{language}/sources/{path}")
        examine(page)
    assert max(sizes) <= HEAVIEST
    page.goto(f"{base}/{language}/sources/professionals")
    page.locator("summary").click()
    examine(page)
    page.locator(".decision .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.goto(f"{base}/{language}/sources/professionals")
    page.locator("form[action$='/tests'] button").click()
    examine(page)
