"""The audit for axe, and filtered by keyboard alone, without a script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey
from playwright.sync_api import expect

from store.history.sealer import Sealer, begin
from tests.console.browser.test_pages import HEAVIEST
from tests.console.test_audit import note
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import examine
from tests.examples.platform.browser.test_keyboard import Fingers
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.parametrize("language", ["en", "fr"])
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


@pytest.mark.parametrize("width", [360, 1280])
def test_a_filter_and_a_file_without_a_mouse_and_a_script(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int
) -> None:
    base, site = address
    note(desk)
    note(desk, "Ada", "backup note", "")
    page = browse(viewport={"width": width, "height": 800}, java_script_enabled=False)
    fingers = Fingers(page)
    page.goto(base + site.link("clerk-7", "operator"))
    fingers.press("main .button")
    fingers.press(".top a[href$='/audit/']")
    fingers.to("summary")
    page.keyboard.press("Enter")
    fingers.to("#actor")
    page.keyboard.type("Ada")
    fingers.press(".filters .button")
    expect(page.locator(".log li")).to_have_count(1)
    fingers.to("main a[href*='/csv']")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert "Iris" not in Path(download.value.path()).read_text("utf-8")
