"""The platform in both ways to run it, and a browser that watches what its pages do."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from examples.sources.server import Sources
from tests.examples.platform.processes import missing
from tests.rigs.servers import NoServer

collect_ignore_glob = ["test_*.py"] if find_spec("playwright") is None or find_spec("flask_wtf") is None else []
"""`make test` collects without the browser's lock; `make test-browser` has it."""

TYPED = ("Tanneurs", "tanneurs", "Criée", "slow:", "99002")
"""Words of the answers that tests confirm."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make pictures` asks for."""
    parser.addoption("--pictures", action="store_true", help="write the pictures of the platform to docs/pictures")


@pytest.fixture(scope="session")
def sources() -> Iterator[Sources]:
    """The invented registry."""
    with Sources() as made:
        yield made


@pytest.fixture(scope="session")
def embedded(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One process on SQLite."""
    from tests.examples.platform.browser.stage import Fleet

    with Fleet.embedded(tmp_path_factory.mktemp("valmont")) as fleet:
        yield fleet
        _looked_through(fleet)


@pytest.fixture(scope="session")
def separate(
    chromium: Any, tmp_path_factory: pytest.TempPathFactory, valkey_server: str, sources: Sources
) -> Iterator[Any]:
    """PostgreSQL, Valkey, a worker and a web process."""
    from tests.examples.platform.browser.stage import Fleet

    try:
        made = Fleet.separate(tmp_path_factory.mktemp("valmont"), valkey_server, sources)
    except NoServer as error:
        missing(str(error))
    with made as fleet:
        yield fleet
        _looked_through(fleet)


def _looked_through(fleet: Any) -> None:
    """No log has a word of what was typed, nor a traceback."""
    assert [word for word in TYPED if word in fleet.log] == []
    assert "Traceback" not in fleet.log


@pytest.fixture(params=["embedded", "separate"])
def fleet(request: pytest.FixtureRequest) -> Any:
    """Both of them, one after the other."""
    return request.getfixturevalue(request.param)
