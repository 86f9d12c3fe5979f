"""The fleet for axe, with many workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_fleet import runs
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str) -> None:
    base, site = address
    desk.submit_many(2)
    page = browse()
    page.goto(base + site.link("clerk-7", "operator"))
    page.locator("main .button").click()
    page.goto(f"{base}/{language}/fleet/")
    examine(page)
    runs(desk, "worker-0", unseal_keys=(), version="0.4.0")
    for number in range(1, 60):
        runs(desk, f"worker-{number}", unseal_keys=(), hash_keys=("0123456789abcdef",), ready=number > 1)
    site.app.extensions["jurat-console"].watch._last = None
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.reload()
    assert page.locator(".tag.late").count()
    examine(page)
    assert max(sizes) <= HEAVIEST
