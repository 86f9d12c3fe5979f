"""A desk on each engine. PostgreSQL's is cleared before each test, for a new one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.conftest import ENGINES, copy_of
from tests.rigs.servers import Databases
from tests.store.desk import DOCUMENT, Desk
from tests.store.full_desk import TWO, fill
from tests.store.verified import ACCEPTED, REFUSED


@pytest.fixture(scope="session")
def _desk_postgresql(postgresql_server: Databases, _migrated_postgresql: str) -> Iterator[Desk]:
    url = postgresql_server.create(template=_migrated_postgresql)
    desk = Desk(url)
    yield desk
    desk.close()
    postgresql_server.drop(url)


@pytest.fixture
def postgresql(_desk_postgresql: Desk) -> Desk:
    """A desk on PostgreSQL, for what only a server with many writers can get wrong."""
    _desk_postgresql.clear()
    _desk_postgresql.apply(DOCUMENT)
    return _desk_postgresql


@pytest.fixture(scope="session")
def _desk_sqlite(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("desk") / "template.db"
    Desk(copy_of(_migrated_sqlite, template)).close()
    return template


@pytest.fixture
def sqlite(_desk_sqlite: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk on SQLite."""
    desk = Desk(copy_of(_desk_sqlite, tmp_path / "jurat.db"), applied=True)
    yield desk
    desk.close()


@pytest.fixture(params=ENGINES)
def desk(request: pytest.FixtureRequest) -> Desk:
    """A desk on each engine, with `DOCUMENT` applied and no one at it."""
    desk: Desk = request.getfixturevalue(request.param)
    return desk


@pytest.fixture
def decided(desk: Desk) -> Desk:
    """p-1 has access by an address and a code, p-2 was refused, and p-3 waits."""
    desk.look_up(desk.held("p-1"), ACCEPTED)
    (code,) = desk.add_codes()
    desk.look_up(desk.held("p-1", "code"), desk.code_valid(code))
    desk.look_up(desk.held("p-2"), REFUSED)
    desk.submit("p-3")
    return desk


@pytest.fixture(scope="session")
def _filled(postgresql_server: Databases, _migrated_postgresql: str) -> str:
    """It takes twenty seconds of computing; a copy of it hardly any."""
    url = postgresql_server.create(template=_migrated_postgresql)
    desk = Desk(url, TWO)
    fill(desk)
    desk.close()
    return url


@pytest.fixture(scope="module")
def _full(postgresql_server: Databases, _filled: str) -> Iterator[Desk]:
    url = postgresql_server.create(template=_filled)
    desk = Desk(url, TWO, applied=True)
    yield desk
    desk.close()
    postgresql_server.drop(url)


@pytest.fixture
def full(_full: Desk) -> Desk:
    """A desk with many waiting and many settled checks, for the tests of a file one after the other."""
    _full.sql("UPDATE jurat_sources SET paused_until = NULL, next_start_at = NULL, opened_at = NULL, used = 0")
    return _full


@pytest.fixture
def plain_logs() -> Iterator[None]:
    """Whatever another test has configured, here every event is seen."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)
