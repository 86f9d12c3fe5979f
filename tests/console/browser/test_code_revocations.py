"""The pages that revoke codes: in every state, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.browser.clerk import Clerk
from tests.console.browser.test_codes import address
from tests.console.browser.test_zones import signed_in
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

__all__ = ["address"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str
) -> None:
    base, _ = address
    codes = desk.add_codes(4)
    page = signed_in(browse, address, "administrator")
    page.goto(f"{base}/{language}/codes/")
    examine(page)
    page.locator("th a").click()
    examine(page)
    for typed in ("", "AB-12\n!\n"):
        page.fill("#codes", typed)
        page.locator("main form .button").first.click()
        expect(page.locator(".problems")).to_be_focused()
        examine(page)
    page.fill("#codes", f"{codes[0]}\n{codes[1].lower()}\n")
    page.locator("main form .button").first.click()
    expect(page.locator(".answer")).to_contain_text("2")
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    page.locator("#revoke").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#again", "spring")
    page.locator("#revoke").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    assert desk.queries.code_lists()["spring"].revoked == 4


@pytest.mark.parametrize("width", [360, 1280])
def test_codes_are_revoked_by_keyboard_alone_without_scripts(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int, tmp_path: Path
) -> None:
    codes = desk.add_codes(3)
    window = {"viewport": {"width": width, "height": 800}, "java_script_enabled": False}
    clerk = Clerk(signed_in(browse, address, "administrator", **window), desk, tmp_path)
    clerk.open("codes")
    clerk.press("th a")
    clerk.type({"#codes": codes[0]})
    clerk.press("main form .button")
    clerk.press("main form .button")
    clerk.says("1 code is revoked.")
    clerk.type({"#again": "spring"})
    clerk.press("#revoke")
    clerk.says("2 codes are revoked.")
    assert desk.queries.code_lists()["spring"].revoked == 3
