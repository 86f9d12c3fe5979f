"""A browser that watches what its pages do: one in each process of a run, for Playwright runs once in a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the whole run; each test has contexts of its own in it."""
    from tests.conftest import missing
    from tests.examples.platform.browser.chromium import ARGUMENTS, binary, lacking

    if reason := lacking():
        missing(reason)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=binary(), headless=True, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture
def browse(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser of its own: `browse(java_script_enabled=False)`.

    No page may write an error to the console, run into one, or ask another host for anything.
    """
    from tests.examples.platform.browser.watching import Watched

    opened: list[Watched] = []

    def open_page(**options: Any) -> Any:
        watched = Watched(chromium, PATIENCE_MS, **options)
        opened.append(watched)
        return watched.page

    yield open_page
    for watched in opened:
        watched.close()
    assert [fault for watched in opened for fault in watched.faults] == []
