"""The verification of the seals for axe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.console.test_seal_verification import CHANGED, key_of
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import examine
from tests.store.desk import Desk
from tests.store.history.keeper import Keeper, forge

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_every_state(browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], tmp_path: Path) -> None:
    keeper = Keeper(desk, tmp_path)
    forge(desk, CHANGED)
    base, site = address
    page = browse()
    page.goto(base + site.link("clerk-7", "operator"))
    page.locator("main .button").click()
    page.goto(f"{base}/en/audit/")
    page.set_input_files("#file", keeper.file)
    page.locator("#key").press("Enter")
    page.locator("#key-problem").wait_for()
    examine(page)
    page.set_input_files("#file", keeper.file)
    page.locator("#key").fill(key_of(keeper))
    page.keyboard.press("Enter")
    page.locator("dl.answer").wait_for()
    page.goto(f"{base}/fr/audit/verification")
    page.locator("tbody tr").wait_for()
    examine(page)
