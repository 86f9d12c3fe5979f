"""The platform's side: an invented town with three questions, and a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from jurat import Client
from jurat.seal import generate, key_to_text
from tests.conftest import ENGINES, copy_of
from tests.jurat.consultations import WAYS, Town
from tests.rigs.servers import Databases

PRIVATE_KEY, PUBLIC_KEY = generate()


@pytest.fixture
def seal_key() -> str:
    return key_to_text(PUBLIC_KEY)


@pytest.fixture(scope="session")
def _sqlite_town(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(copy_of(_migrated_sqlite, tmp_path_factory.mktemp("town") / "jurat.db"))
    yield town
    town.close()


@pytest.fixture(scope="session")
def _postgresql_town(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[Town]:
    url = postgresql_server.create(template=_migrated_postgresql)
    town = Town(url)
    yield town
    town.close()
    postgresql_server.drop(url)


def _town(request: pytest.FixtureRequest, engine: str) -> Town:
    # One database for all tests: to make a new one takes longer than most of them.
    town: Town = request.getfixturevalue(f"_{engine}_town")
    town.furnish()
    return town


@pytest.fixture(params=ENGINES)
def town(request: pytest.FixtureRequest) -> Town:
    """A town with two consultations and nobody in it, on each engine."""
    return _town(request, request.param)


@pytest.fixture
def client(town: Town, seal_key: str) -> Iterator[Client]:
    client = Client(town.url, seal_key=seal_key)
    yield client
    client.close()


class Platform:
    """A platform with one kind of connection: `transaction()` opens, commits or rolls back."""

    def __init__(self, town: Town, client: Client, opened: Callable[[str], AbstractContextManager[Any]]) -> None:
        self.town = town
        self.client = client
        self._opened = opened

    def transaction(self) -> AbstractContextManager[Any]:
        return self._opened(self.town.url)

    @property
    def notes(self) -> list[str]:
        return [row[0] for row in self.town.read("SELECT body FROM notes ORDER BY body")]


@pytest.fixture(params=WAYS)
def platform(request: pytest.FixtureRequest, seal_key: str) -> Iterator[Platform]:
    """A platform of each kind, on its engine."""
    town = _town(request, request.param.partition(":")[0])
    client = Client(town.url, seal_key=seal_key)
    yield Platform(town, client, WAYS[request.param])
    client.close()
