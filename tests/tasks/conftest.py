"""Desks and sources, as tests of the store and of the adapters have them."""

from __future__ import annotations

from tests.adapters.conftest import sources
from tests.store.conftest import _desk_postgresql, _desk_sqlite, desk, plain_logs, postgresql, sqlite

__all__ = ["_desk_postgresql", "_desk_sqlite", "desk", "plain_logs", "postgresql", "sources", "sqlite"]
