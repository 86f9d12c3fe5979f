"""A console under way on a loopback port, and a browser that watches what its pages do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from jurat.seal import Unseal
from store.upkeep.upkeep import Upkeep
from tests.console.visitor import Site
from tests.store.desk import PRIVATE_KEY, Desk

collect_ignore_glob = ["test_*.py"] if find_spec("playwright") is None else []


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    from tests.console.conftest import DOCUMENT

    desk = Desk(sqlite_url, DOCUMENT)
    yield desk
    desk.close()


@pytest.fixture
def address(desk: Desk, opened: Callable[..., Site]) -> Iterator[tuple[str, Any]]:
    """Where the console is, and what makes links to it."""
    from pages.server import beside, listen

    site = opened(desk.url)
    listening = listen("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with beside(site.app, listening):
        yield base, site


@pytest.fixture
def worker(desk: Desk) -> Iterator[None]:
    """Opens answers for as long as the test lasts."""
    over, upkeep = threading.Event(), Upkeep(desk.engine, unseal=Unseal([PRIVATE_KEY]))

    def work() -> None:
        while not over.wait(0.2):
            upkeep.open_answers()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()
