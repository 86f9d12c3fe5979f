"""Files that people send: limited in size, read one at a time, and kept in the session's memory, and nowhere
else, until what they would change was confirmed.
"""

from __future__ import annotations

import io
import secrets
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from flask import Flask, Request, current_app, g, request

from console.identity.sessions import Session

LARGEST_MB: Final = 4
LARGEST: Final = LARGEST_MB << 20
"""Bytes of a file. A larger one is for the commands, which may read files of any size."""

LARGEST_REQUEST: Final = LARGEST + (64 << 10)
"""Bytes of a request with a file."""

MOST: Final = 8
"""Files that wait for a confirmation, over all sessions: one in each, and of more the oldest gives way."""

LASTS: Final = 15 * 60.0
"""Seconds for which one waits."""

PATIENCE: Final = 5.0
"""Seconds that a request waits while another file is read."""

_KEPT: Final = "upload"
_SUFFIXES: Final = frozenset({".geojson", ".gpkg", ".json", ".zip", ".shp", ".shx", ".dbf", ".prj", ".cpg"})

View = TypeVar("View", bound=Callable[..., Any])
Content = TypeVar("Content")


class Busy(Exception):
    """Another file is being read."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file as a browser sent it. `name` is as its owner called it, as far as a page can show it."""

    name: str
    content: bytes = field(repr=False)

    @property
    def suffix(self) -> str:
        """The end of its name, if that is one of those that readers know."""
        found = Path(self.name.lower()).suffix
        return found if found in _SUFFIXES else ""

    @property
    def table_suffix(self) -> str:
        """That of a table. By its first bytes it is packed, whatever it is called."""
        packed = {b"\x1f\x8b": ".csv.gz", b"PK": ".csv.zip"}
        return next((suffix for begins, suffix in packed.items() if self.content.startswith(begins)), ".csv")

    @contextmanager
    def file(self, stem: str, suffix: str) -> Iterator[Path]:
        """The content as a file under our own name, in a folder that this user alone can read, within the block."""
        with tempfile.TemporaryDirectory(prefix="jurat-console-") as folder:
            path = Path(folder) / f"{stem}{suffix}"
            path.write_bytes(self.content)
            yield path


@dataclass(frozen=True, slots=True)
class _KeptUpload:
    token: str
    content: Any = field(repr=False)
    since: float


class Uploads:
    """What waits for a confirmation, over all sessions of one process. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._reads = threading.Lock()
        self._holders: list[weakref.ref[Session]] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Read a file while nobody else does: one may take a gigabyte for a moment. Raises Busy."""
        if not self._reads.acquire(timeout=PATIENCE):
            raise Busy
        try:
            yield
        finally:
            self._reads.release()

    def keep(self, session: Session, content: object) -> str:
        """Keep what was read of a file in the session, in place of the one before; the token that finds it again."""
        kept = _KeptUpload(secrets.token_urlsafe(16), content, self._clock())
        with self._lock:
            session.kept_secrets[_KEPT] = kept
            holding = [each for ref in self._holders if (each := ref()) is not None and each is not session]
            holding = [each for each in holding if self._look(each) is not None]
            while len(holding) >= MOST:
                holding.pop(0).kept_secrets.pop(_KEPT, None)
            self._holders = [weakref.ref(each) for each in (*holding, session)]
        return kept.token

    def find(self, session: Session, token: str, kind: type[Content]) -> Content | None:
        """What a token finds; None if it was dropped, is too old, or is another session's."""
        with self._lock:
            kept = self._look(session)
        found = kept is not None and kept.token == token and isinstance(kept.content, kind)
        return kept.content if kept and found else None

    def drop(self, session: Session) -> None:
        """Forget what a session keeps: it was done."""
        with self._lock:
            session.kept_secrets.pop(_KEPT, None)

    def _look(self, session: Session) -> _KeptUpload | None:
        kept: _KeptUpload | None = session.kept_secrets.get(_KEPT)
        if kept is not None and self._clock() - kept.since >= LASTS:
            del session.kept_secrets[_KEPT]
            return None
        return kept


class InMemory(Request):
    """A request whose files are in memory, as limited as it is: none is left on a disk."""

    def _get_file_stream(self, *_: Any, **_named: Any) -> Any:
        return io.BytesIO()


def takes_file(view: View) -> View:
    """A view whose form has a file. The request of those who `needs` lets in may be larger there."""
    view.takes_file = True  # type: ignore[attr-defined]
    return view


def sends_file() -> bool:
    """Whether this request is for a view whose form has a file."""
    return getattr(_view(), "takes_file", False)


def _view() -> Any:
    return current_app.view_functions.get(request.endpoint or "")


def install(app: Flask) -> None:
    """Let forms with a file be larger, before anything reads them, and tell templates how large a file may be."""
    app.request_class = InMemory

    @app.before_request
    def allow() -> None:
        if sends_file() and g.person and g.person.has(_view().roles):
            request.max_content_length = LARGEST_REQUEST

    app.jinja_env.globals["largest_mb"] = LARGEST_MB


def sent(name: str = "file") -> Sent | None:
    """The file of this form; None if there is none, or it is empty."""
    found = request.files.get(name)
    if found is None or not (content := found.read(LARGEST + 1)):
        return None
    called = Path((found.filename or "").replace("\\", "/")).name
    return Sent(called if called.isprintable() and len(called) <= 100 else "", content)
