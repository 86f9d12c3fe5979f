"""Towns with real servers behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from examples.sources import Sources
from tests.acceptance.town import Town
from tests.adapters.conftest import listen  # noqa: F401 - a fixture
from tests.rigs.servers import Databases


@pytest.fixture(scope="session")
def sources() -> Iterator[Sources]:
    """The outside world."""
    with Sources() as made:
        yield made
    assert made.failures == []


MakeTown = Callable[..., Town]


@pytest.fixture(scope="module")
def make_town(
    postgresql_server: Databases, _migrated_postgresql: str, valkey_server: str, sources: Sources
) -> Iterator[MakeTown]:
    """Makes a town on a database of its own. Its broker is the one for the whole run, emptied, or the one given."""
    towns: list[Town] = []
    urls: list[str] = []

    def make(broker_url: str | None = None, database_url: str | None = None) -> Town:
        if broker_url is None:
            with Redis.from_url(valkey_server) as connection:
                connection.flushdb()
        if database_url is None:
            database_url = postgresql_server.create(template=_migrated_postgresql)
            urls.append(database_url)
        towns.append(Town(database_url, broker_url or valkey_server, sources))
        return towns[-1]

    yield make
    for town in towns:
        town.close()
    for url in urls:
        postgresql_server.drop(url)
