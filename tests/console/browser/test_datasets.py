"""The pages about datasets in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from pages.server import beside, listen
from store.datasets.imports import Versions
from tests.cli.commands.test_rosters import HEADER, ROWS
from tests.console.browser.test_zones import signed_in
from tests.console.test_datasets import ROSTERS, people
from tests.console.visitor import Site
from tests.examples.platform.browser.examining import LANGUAGES, examine
from tests.store.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    desk = Desk(sqlite_url, ROSTERS)
    yield desk
    desk.close()


@pytest.fixture
def address(desk: Desk, opened: Callable[..., Site]) -> Iterator[tuple[str, Site]]:
    """A console with the keys that numbers are hashed with."""
    site = opened(desk.url, fingerprints=desk.fingerprints)
    listening = listen("127.0.0.1", 0)
    with beside(site.app, listening):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", site


def written(folder: Path, *rows: str) -> Path:
    file = folder / "doctors.csv"
    file.write_text("\n".join([HEADER, *rows, ""]))
    return file


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_state(
    browse: Callable[..., Any], desk: Desk, address: tuple[str, Site], language: str, tmp_path: Path
) -> None:
    base, _ = address
    page = signed_in(browse, address, "administrator")
    for path in ("datasets/", "datasets/roster"):
        page.goto(f"{base}/{language}/{path}")
        examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)

    def send(*rows: str) -> None:
        page.goto(f"{base}/{language}/datasets/roster")
        page.set_input_files("#file", written(tmp_path, *rows))
        page.locator("main form .button").click()

    send(";Valombre;Iris;Registered;Valmont")
    expect(page.locator("#faults")).to_be_visible()
    examine(page)
    send(*people(10))
    expect(page.locator(".answer")).to_be_visible()
    examine(page)
    page.locator("main form .button").click()
    expect(page.locator(".notice")).to_be_visible()
    Versions(desk.engine).stage("towns", "csv", "fr", "d", date(2026, 11, 1), "ada")
    page.reload()
    examine(page)
    send(*ROWS)
    page.locator("main form .button").click()
    expect(page.locator(".problems")).to_be_focused()
    examine(page)
