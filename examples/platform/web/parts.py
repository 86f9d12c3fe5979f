"""What every page works with: the platform's own database, the client of jurat, and the office's own user of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app
from sqlalchemy import Engine

from examples.platform.web.attempts import Attempts
from jurat import Client
from jurat.database import reader

KEY = "valmont"
LEGAL = ("IMPRINT_URL", "PRIVACY_URL", "ACCESSIBILITY_URL")


@dataclass(frozen=True)
class Parts:
    """One process's parts. Threads share them.

    `engine` and `client` log in as the participants' pages, `office` as the administrators' and reviewers': on
    PostgreSQL two users with different rights (README.md). `ring` wakes the workers after a commit. `passwords` and
    `codes` limit guesses at these. `console` is where the office finds the console of jurat, if there is one. `legal`
    has the addresses of the pages that the law asks for, by the settings in `LEGAL`; "" where there is none.
    """

    engine: Engine
    client: Client
    office: Engine
    ring: Callable[[], None]
    passwords: Attempts = field(default_factory=lambda: Attempts(most=20, window_s=15 * 60))
    codes: Attempts = field(default_factory=lambda: Attempts(most=20, window_s=60 * 60))
    console: str | None = None
    legal: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> Engine:
        """The same database for what only reads: on SQLite that waits for no writer, and no writer for it."""
        return reader(self.engine)


def parts() -> Parts:
    """The parts of the application that serves this request."""
    return cast("Parts", current_app.extensions[KEY])


def install(app: Any, made: Parts) -> None:
    """Give an application its parts."""
    app.extensions[KEY] = made
