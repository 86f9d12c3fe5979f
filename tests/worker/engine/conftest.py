"""An engine on a database of its own, with sources that a test steers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.tasks.conftest import _desk_postgresql, desk, postgresql, sqlite
from tests.tasks.desk import Desk
from tests.worker.engine.works import Steered, Works

__all__ = ["_desk_postgresql", "desk", "postgresql", "sqlite"]


@pytest.fixture
def steered() -> Iterator[Steered]:
    """A source that answers, waits or fails as the test says."""
    source = Steered()
    yield source
    source.let_go()


@pytest.fixture
def works(desk: Desk, steered: Steered) -> Iterator[Works]:
    """An engine on each database. Not started."""
    made = Works(desk, steered)
    yield made
    steered.let_go()
    made.stop()


@pytest.fixture
def more_works(steered: Steered) -> Iterator[Callable[[Desk], Works]]:
    """Makes further engines."""
    made: list[Works] = []

    def make(desk: Desk) -> Works:
        made.append(Works(desk, steered))
        return made[-1]

    yield make
    steered.let_go()
    for each in made:
        each.stop()
