"""The shared database, as the least role that each page or act needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine

from jurat.database import as_role, bounded
from store.schema.grants import DatabaseRole
from store.schema.memberships import memberships

FRESH = 30.0
"""Seconds after which the console looks again of which roles its login is a member."""


class Database:
    """One login, which is a member of some roles. Each transaction takes one of them, and has no other rights."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = bounded(engine)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[float, frozenset[DatabaseRole]] | None = None
        self.reader = as_role(self._engine, DatabaseRole.READER)
        self.reviewer = as_role(self._engine, DatabaseRole.REVIEWER)
        self.admin = as_role(self._engine, DatabaseRole.ADMIN)

    def may(self, role: DatabaseRole) -> bool:
        """Whether the login is a member of a role. Raises SQLAlchemy's errors where the database is away."""
        with self._lock:
            if self._known is None or self._clock() - self._known[0] >= FRESH:
                self._known = self._clock(), memberships(self._engine)
            return role in self._known[1]
