"""The audit for axe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from store.history.sealer import Sealer, begin
from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_audit import note
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str, tmp_path: Path
) -> None:
    base, site = address
    page = browse()
    page.goto(base + site.link("clerk-7", "operator"))
    page.locator("main .button").click()
    page.goto(f"{base}/{language}/audit/?actor=nobody")
    examine(page)
    begin(desk.engine, "Ada")
    Sealer(desk.engine, SigningKey.generate(), tmp_path / "heads").turn()
    for number in range(60):
        note(desk, subject=f"list-{number}", words="long " * 80)
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))
    page.goto(f"{base}/{language}/audit/")
    examine(page)
    assert max(sizes) <= HEAVIEST
