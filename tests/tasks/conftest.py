"""Desks, as tests of the store have them."""

from __future__ import annotations

from tests.store.conftest import _desk_postgresql, desk, plain_logs, postgresql, sqlite

__all__ = ["_desk_postgresql", "desk", "plain_logs", "postgresql", "sqlite"]
