"""The pages that import address bases and remove datasets: in every state, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from store.datasets.imports import DatasetImport, Versions
from tests.console.browser.clerk import Clerk
from tests.console.browser.test_zones import signed_in
from tests.console.test_address_imports import HEADER, houses, is_over
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.rigs.waiting import until
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def written(folder: Path, *rows: str) -> Path:
    made = folder / "addresses.csv"
    made.write_text("\n".join([HEADER, *rows, ""]))
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any],
    desk: Desk,
    address: tuple[str, Site],
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, site = address
    page = signed_in(browse, address, "administrator")
    page.goto(f"{base}/{language}/datasets/addresses")
    examine(page)
    page.locator("summary").click()
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#name", "valmont")
    page.set_input_files("#file", written(tmp_path, "8;;;;;;x;y"))
    page.locator("main form .button").click()
    expect(page.locator("#faults")).to_be_visible()
    examine(page)
    page.set_input_files("#file", written(tmp_path, *houses(30)))
    page.locator("main form .button").click()
    expect(page.locator(".answer")).to_be_visible()
    examine(page)
    switch = DatasetImport.switch
    monkeypatch.setattr(DatasetImport, "switch", lambda *given: until(lambda: bool(shown), 60.0) and switch(*given))
    shown: list[bool] = []
    page.locator("main form .button").click()
    page.goto(f"{base}/{language}/datasets/under-way?still=1")
    examine(page)
    page.goto(f"{base}/{language}/datasets/under-way")
    shown.append(True)
    expect(page.locator(".notice")).to_be_visible(timeout=20_000)  # nobody pressed anything
    examine(page)
    page.goto(f"{base}/{language}/datasets/")
    page.locator("th a").click()
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    page.fill("#again", "valmont")
    page.locator("main form .button").click()
    assert until(lambda: is_over(site), 20.0)
    page.goto(f"{base}/{language}/datasets/under-way?still=1")
    examine(page)
    assert Versions(desk.engine).versions() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_a_base_is_imported_and_removed_by_keyboard_alone_without_scripts(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int, tmp_path: Path
) -> None:
    _, site = address
    window = {"viewport": {"width": width, "height": 800}, "java_script_enabled": False}
    clerk = Clerk(signed_in(browse, address, "administrator", **window), desk, tmp_path)
    clerk.open("datasets")
    clerk.press("main .button[href$='/addresses']")
    clerk.type({"#name": "valmont"})
    clerk.attach("addresses.csv", "\n".join([HEADER, *houses(30), ""]))
    clerk.send()
    clerk.says("30 addresses are in force.")
    clerk.press("main .actions a")
    clerk.press("th a")
    clerk.type({"#again": "valmont"})
    clerk.press("main form .button")
    clerk.says("One version is removed.")
    assert is_over(site)
    assert Versions(desk.engine).versions() == []
