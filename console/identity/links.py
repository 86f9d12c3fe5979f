"""Links that sign somebody in, once: `jurat console` prints them for the people at its machine."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from console.identity.roles import Person

LASTS = 15 * 60.0
"""Seconds for which a link may be used."""


class Links:
    """The links of one process that nobody used yet. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[str, tuple[Person, float]] = {}

    def make(self, person: Person) -> str:
        """A new link's token."""
        token = secrets.token_urlsafe(32)
        self._made[token] = person, self._clock()
        return token

    def look(self, token: str) -> Person | None:
        """Whom the link signs in; None for one that was used, is too old or never was."""
        person, made = self._made.get(token, (None, 0.0))
        return person if person is not None and self._clock() - made < LASTS else None

    def use(self, token: str) -> Person | None:
        """The same, and nobody else can use it any more."""
        with self._lock:
            person = self.look(token)
            self._made.pop(token, None)
        return person
