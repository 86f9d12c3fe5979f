"""A console on a database with nothing in it, and on one where answers wait for reviewers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ENGINES
from tests.console.visitor import Site
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
def site(opened: Callable[..., Site], sqlite_url: str) -> Site:
    return opened(sqlite_url)


@pytest.fixture(params=ENGINES)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk on each engine."""
    desk = Desk(request.getfixturevalue(f"{request.param}_url"), DOCUMENT)
    yield desk
    desk.close()


@pytest.fixture
def reviewed(desk: Desk, opened: Callable[..., Site]) -> Site:
    """A console at that desk."""
    return opened(desk.url)
