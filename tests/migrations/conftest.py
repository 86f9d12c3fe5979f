"""The schema is made and upgraded on both engines each time."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database with our tables, on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
