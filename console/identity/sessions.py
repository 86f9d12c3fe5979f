"""Sessions, in the memory of this process alone: a browser has a random id in a cookie, and nothing else leaves it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, cast

from flask import Flask, Request, Response, session
from flask.sessions import SessionInterface, SessionMixin

from console.identity.roles import Person

LASTS, IDLE = 8 * 3600.0, 30 * 60.0
"""Seconds after which a session ends: since it began, and since its last page."""

CLEARS = 60.0
"""Seconds after which the next request, of any person, removes the sessions that are over."""

MOST = 10_000
"""Sessions at once. Anyone can begin one that is not signed in: the oldest of these go first."""


class Way(StrEnum):
    """How a person signed in."""

    LINK = "link"
    PROXY = "proxy"
    OPENID = "openid"


class Session(dict[str, Any], SessionMixin):
    """One browser's session. `kept_secrets` has what may never be stored, such as the private half of a key pair."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.id = secrets.token_urlsafe(32)
        self.person: Person | None = None
        self.way: Way | None = None
        self.kept_secrets: dict[str, Any] = {}
        self.began = self.seen = now

    def __repr__(self) -> str:
        return "<a session>"


class MemorySessions(SessionInterface):
    """The sessions of one process. Thread-safe; a restart signs everyone out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock, self._most = clock, most
        self._lock = threading.Lock()
        self._known: dict[str, Session] = {}
        self._cleared = 0.0

    def open_session(self, app: Flask, request: Request) -> Session:
        """The session of a request; a new one, which is not kept yet, where it brings none that still lasts."""
        now = self._clock()
        with self._lock:
            if now - self._cleared >= CLEARS:  # nobody may come back to one, and it keeps names and files
                self._clear(now)
            found = self._known.get(request.cookies.get(self.get_cookie_name(app), ""))
            if found is not None and _is_over(found, now):
                del self._known[found.id]
                found = None
        if found is None:
            return Session(now)
        found.seen = now
        return found

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep a session that holds something, and tell a browser its id where that is new."""
        kept = cast("Session", session)
        if not kept and kept.person is None:
            return
        with self._lock:
            if kept.id in self._known:
                return
            self._make_room()
            self._known[kept.id] = kept
        response.set_cookie(
            self.get_cookie_name(app),
            kept.id,
            httponly=True,
            secure=self.get_cookie_secure(app),
            samesite="Lax",
            path="/",
        )

    def sign_in(self, session: Session, person: Person, way: Way) -> None:
        """Have a person in this session, which gets a new id and keeps nothing of the one before."""
        self.end(session)
        session.person, session.way = person, way

    def end(self, session: Session) -> None:
        """Forget a session; what is kept under it from now on has a new id."""
        with self._lock:
            self._known.pop(session.id, None)
        session.clear()
        session.kept_secrets.clear()
        session.person = session.way = None
        session.id = secrets.token_urlsafe(32)
        session.began = session.seen = self._clock()

    def _clear(self, now: float) -> None:
        self._cleared = now
        for each in [each for each in self._known.values() if _is_over(each, now)]:
            del self._known[each.id]

    def _make_room(self) -> None:
        if len(self._known) < self._most:
            return
        self._clear(self._clock())
        if len(self._known) >= self._most:
            # Who is signed in by a proxy comes back at once, by its next header.
            ends = (each for each in self._known.values() if each.way in (None, Way.PROXY))
            oldest = next(ends, None) or next(iter(self._known.values()))
            del self._known[oldest.id]


def own() -> Session:
    """The session of this request."""
    return cast("Session", session._get_current_object())  # noqa: SLF001 - Flask's own way


def _is_over(session: Session, now: float) -> bool:
    return now - session.began >= LASTS or now - session.seen >= IDLE
