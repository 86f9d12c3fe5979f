"""A console on a database with nothing in it, and on one where answers wait for reviewers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ENGINES, copy_of
from tests.console.visitor import Site
from tests.rigs.servers import Databases
from tests.store.desk import DOCUMENT as PLAIN
from tests.store.desk import Desk

DOCUMENT: dict[str, Any] = {
    **PLAIN,
    "consultations": {
        "budget": {**PLAIN["consultations"]["budget"], "title": {"en": "The budget", "fr": "Le budget"}},
        "care": {"four_eyes": True, "questions": {"profession": {"criterion": "is-physician"}}},
    },
}
"""One person decides about the budget, and two about care."""


@pytest.fixture
def opened() -> Iterator[Callable[..., Site]]:
    """Opens consoles, which are closed at the end."""
    sites: list[Site] = []

    def open_site(database: str, **given: Any) -> Site:
        sites.append(Site(database, **given))
        return sites[-1]

    yield open_site
    for site in sites:
        site.close()


@pytest.fixture
def keyed(desk: Desk, opened: Callable[..., Site]) -> Site:
    """A console with the keys that codes and numbers are hashed with."""
    return opened(desk.url, fingerprints=desk.fingerprints)


@pytest.fixture
def site(opened: Callable[..., Site], sqlite_url: str) -> Site:
    return opened(sqlite_url)


@pytest.fixture(scope="session")
def _applied_sqlite(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = tmp_path_factory.mktemp("console") / "template.db"
    Desk(copy_of(_migrated_sqlite, template), DOCUMENT).close()
    return template


@pytest.fixture(scope="session")
def _applied_postgresql(postgresql_server: Databases, _migrated_postgresql: str) -> str:
    template = postgresql_server.create(template=_migrated_postgresql)
    Desk(template, DOCUMENT).close()
    return template


@pytest.fixture(params=ENGINES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk on each engine, with `DOCUMENT` applied: a copy of one to which it was."""
    applied = request.getfixturevalue(f"_applied_{request.param}")
    if request.param == "sqlite":
        desk = Desk(copy_of(applied, tmp_path / "jurat.db"), DOCUMENT, applied=True)
        yield desk
        desk.close()
        return
    databases: Databases = request.getfixturevalue("postgresql_server")
    desk = Desk(databases.create(template=applied), DOCUMENT, applied=True)
    yield desk
    desk.close()
    databases.drop(desk.url)
    desk.close()


@pytest.fixture
def reviewed(desk: Desk, opened: Callable[..., Site]) -> Site:
    """A console at that desk."""
    return opened(desk.url)
