"""Desks and shells, as tests of the store and of the commands have them."""

from __future__ import annotations

from tests.cli.conftest import bare_shell, keys, shell
from tests.store.conftest import _desk_postgresql, _desk_sqlite, desk, plain_logs, postgresql, sqlite

__all__ = [
    "_desk_postgresql",
    "_desk_sqlite",
    "bare_shell",
    "desk",
    "keys",
    "plain_logs",
    "postgresql",
    "shell",
    "sqlite",
]
