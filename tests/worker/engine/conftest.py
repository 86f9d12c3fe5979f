"""An engine with sources that a test steers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.desk import Desk
from tests.worker.engine.works import SELDOM, Steered, Works
from worker.engine import wake_schedule


@pytest.fixture
def steered() -> Iterator[Steered]:
    """A source that answers, waits or fails as the test says."""
    source = Steered()
    yield source
    source.let_go()


@pytest.fixture
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claimers that look by themselves once in a long time: what they do sooner, something woke them for."""
    monkeypatch.setattr(wake_schedule, "IDLE", SELDOM)


@pytest.fixture
def works(postgresql: Desk, steered: Steered) -> Iterator[Works]:
    """An engine on PostgreSQL. Not started."""
    made = Works(postgresql, steered)
    yield made
    made.close()


@pytest.fixture
def each_works(desk: Desk, steered: Steered) -> Iterator[Works]:
    """An engine on each kind of database. Not started."""
    made = Works(desk, steered)
    yield made
    made.close()
