"""The platform's side: an invented town with three questions, and a client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from jurat import Client
from jurat.sealing import generate, key_to_text
from tests.jurat.consultations import CODE_SCHEMA, FREE_SCHEMA, WAYS, Town

PRIVATE_KEY, PUBLIC_KEY = generate()


@pytest.fixture
def seal_key() -> str:
    return key_to_text(PUBLIC_KEY)



def furnish(url: str) -> Town:
    """A town with a consultation, and a table that is the platform's own."""
    town = Town(url)
    town.ask("budget", "residence", position=1)
    town.ask("budget", "profession", position=2, schema=FREE_SCHEMA, source="rpps")
    town.ask("budget", "code", position=3, schema=CODE_SCHEMA, rounds=3, source="spring")
    town.ask("budget-2027", "residence")
    town.write("CREATE TABLE notes (body text)")
    return town


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    town = furnish(database_url)
    yield town
    town.close()


@pytest.fixture
def client(town: Town) -> Iterator[Client]:
    client = Client(town.url, seal_key=key_to_text(PUBLIC_KEY))
    yield client
    client.close()


class Platform:
    """A platform with one kind of connection: `transaction()` opens, commits or rolls back."""

    def __init__(self, town: Town, opened: Callable[[str], AbstractContextManager[Any]]) -> None:
        self.town = town
        self.client = Client(town.url, seal_key=key_to_text(PUBLIC_KEY))
        self._opened = opened

    def transaction(self) -> AbstractContextManager[Any]:
        return self._opened(self.town.url)

    @property
    def notes(self) -> list[str]:
        return [row[0] for row in self.town.read("SELECT body FROM notes ORDER BY body")]


@pytest.fixture(params=WAYS)
def platform(request: pytest.FixtureRequest) -> Iterator[Platform]:
    """A platform of each kind, on its engine."""
    engine = request.param.partition(":")[0]
    town = furnish(request.getfixturevalue(f"{engine}_url"))
    platform = Platform(town, WAYS[request.param])
    yield platform
    platform.client.close()
    town.close()
