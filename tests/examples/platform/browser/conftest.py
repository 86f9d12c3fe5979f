"""The platform in both ways to run it, and a browser that watches what its pages do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, NoReturn

import pytest

from examples.sources.server import Sources
from tests.examples.platform.browser.chromium import ARGUMENTS, binary, lacking
from tests.rigs.servers import Databases

collect_ignore_glob = ["test_*.py"] if find_spec("playwright") is None or find_spec("flask_wtf") is None else []
"""`make test` collects without the browser's lock; `make test-browser` has it."""

PATIENCE_MS = 20_000
TYPED = ("Tanneurs", "tanneurs", "Criée", "slow:", "99002")
"""Words of the answers that tests confirm."""


def missing(reason: str) -> NoReturn:
    """Something that this machine has not. CI must have it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have it: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for the whole run; each test has contexts of its own in it."""
    if reason := lacking():
        missing(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=binary(), headless=True, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def sources() -> Iterator[Sources]:
    """The invented register."""
    with Sources() as made:
        yield made


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory, sources: Sources) -> Iterator[Any]:
    """One process on SQLite."""
    from tests.examples.platform.browser.stage import Fleet

    with Fleet.embedded(tmp_path_factory.mktemp("valmont"), sources) as fleet:
        yield fleet
        assert [word for word in TYPED if word in fleet.web.log] == []
        assert "Traceback" not in fleet.web.log


@pytest.fixture(scope="session")
def separate(postgresql_server: Databases, valkey_server: str, sources: Sources) -> Iterator[Any]:
    """PostgreSQL, Valkey, a worker and a web process."""
    from tests.examples.platform.browser.stage import Fleet

    with Fleet.separate(postgresql_server, valkey_server, sources) as fleet:
        yield fleet
        assert [word for word in TYPED if word in fleet.web.log + fleet.worker.log] == []
        assert "Traceback" not in fleet.web.log


@pytest.fixture(params=["embedded", "separate"])
def fleet(request: pytest.FixtureRequest) -> Any:
    """Both of them, one after the other."""
    return request.getfixturevalue(request.param)


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
