"""A tier above the others: the schema is made, upgraded and attacked on both engines each time, by `make test-all`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """What is in this folder takes long as a whole."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database with our tables, on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
