"""The pages that import lists of addresses as zones: in every state, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.cli.commands.test_zone_lists import REGISTER
from tests.console.browser.clerk import Clerk
from tests.console.browser.test_zones import signed_in
from tests.console.test_list_imports import COLUMNS
from tests.console.test_zones import versions
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WRITTEN = {"#zone": "BUREAU", "#title": "TITRE", **{f"#column-{name}": column for name, column in COLUMNS.items()}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str, tmp_path: Path
) -> None:
    base, _ = address
    page = signed_in(browse, address, "administrator")
    page.goto(f"{base}/{language}/zones/")
    examine(page)
    page.locator("main .button.second[href$='/import-addresses']").click()
    examine(page)
    page.locator("summary").click()
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
    for text, shown in ((f"{REGISTER}north;;8;;;\n", "#faults"), (REGISTER, ".warning")):
        (tmp_path / "register.csv").write_text(text)
        page.set_input_files("#file", tmp_path / "register.csv")
        if not page.locator("details[open]").count():
            page.locator("summary").click()
        page.select_option("#language", "fr")
        for field, value in WRITTEN.items():
            page.fill(field, value)
        page.locator("main form .button").click()
        expect(page.locator(shown)).to_be_visible()
        examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".notice")).to_be_visible()
    examine(page)
    page.goto(f"{base}/{language}/zones/north/")
    examine(page)
    assert versions(desk) == {"north": 1, "south": 1}


@pytest.mark.parametrize("width", [360, 1280])
def test_lists_are_imported_by_keyboard_alone_without_scripts(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], width: int, tmp_path: Path
) -> None:
    window = {"viewport": {"width": width, "height": 800}, "java_script_enabled": False}
    clerk = Clerk(signed_in(browse, address, "administrator", **window), desk, tmp_path)
    clerk.open("zones")
    clerk.press("main .button[href$='/import-addresses']")
    named = REGISTER.replace("BUREAU;TITRE;NUMERO;RUE;CP;COMMUNE", "zone;title;n;street;p;city")
    clerk.attach("register.csv", named.replace("10 bis", "10"))
    clerk.choose("summary", "Enter")
    clerk.type({"#zone": "zone", "#column-number": "n", "#column-street": "street"})
    clerk.type({"#column-postcode": "p", "#column-city": "city"})
    clerk.send()
    clerk.says("2 zones were imported.")
    assert versions(desk) == {"north": 1, "south": 1}
