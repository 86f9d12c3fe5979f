"""The server of the invented sources: one port, and a path for each mood of each source."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from examples.sources import geocoder, geocoders, registry
from examples.sources.answer import Answer
from examples.sources.moods import Mood, Stage, play

_BACK = "-then-back"
Service = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Method, path, query and body of a request to the right answer."""


def _over(town: Path, service: Callable[[str, str, Mapping[str, str], Path], Answer]) -> Service:
    return lambda method, path, query, _: service(method, path, query, town)


class Sources:
    """A registry of professionals and geocoders, in every mood: `/moods/MOOD/registry/…`, `/moods/MOOD/geocoder/…`.

    `MOOD` is a `Mood`, or one with `-then-back` behind it: that one lasts for the first `troubled` requests under its
    path. `switch` gives a path another mood while it runs. `requests` counts what was asked under each path (without
    its query), as soon as it is asked. `retry_after_s` is the pause that a throttling source asks for. `services` are
    there in addition to those named above, or in their place. `port` 0 is a free one. With the files of a
    `certificate` and its key it speaks https. Prints nothing.
    """

    def __init__(
        self,
        *,
        town: Path = geocoder.TOWN,
        troubled: int = 2,
        retry_after_s: int = 2,
        services: Mapping[str, Service] = MappingProxyType({}),
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.requests: Counter[str] = Counter()
        self.failures: list[str] = []
        """Mistakes of this server itself: none, if all is well."""
        self._services: dict[str, Service] = {
            "registry": registry.answer,
            "geocoder": _over(town, geocoder.answer),
            **{name: _over(town, service) for name, service in geocoders.SERVICES.items()},
            **services,
        }
        self._troubled = troubled
        self._retry_after_s = retry_after_s
        self._address = host, port
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._switched: dict[str, tuple[Mood, int]] = {}
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: _Server | None = None

    def start(self) -> Self:
        """Listen. Raises OSError if the port cannot be used."""
        self._server = _Server(self, self._address, self._tls)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="sources", daemon=True).start()
        return self

    def close(self) -> None:
        """Stop listening and end every connection, also those that a mood holds."""
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.end_connections()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, mood: str = Mood.OK, service: str = "") -> str:
        """Where `service` (`registry`, `geocoder`, `photon` …) answers in `mood`; without one, how all begin."""
        if self._server is None:
            raise RuntimeError("the sources are not running: call start() first")
        host, port = self._server.server_address[:2]
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host!s}:{port}/moods/{mood}" + (f"/{service}" if service else "")

    def switch(self, mood: str, to: Mood, *, after: int = 0) -> None:
        """Answer what is asked under the path of `mood` as `to`, but the next `after` requests as its name says."""
        with self._lock:
            self._switched[mood] = (to, self._asked[mood] + after)

    def count(self, mood: str, service: str = "") -> int:
        """How many requests came under the path of `mood`."""
        start = f"/moods/{mood}/{service}"
        with self._lock:
            return sum(count for path, count in self.requests.items() if path.startswith(start))

    def _mood_of(self, word: str, path: str) -> Mood | None:
        with self._lock:
            self.requests[path] += 1
            self._asked[word] += 1
            to, after = self._switched.get(word, (None, 0))
            if to is not None and self._asked[word] > after:
                return to
            if word.endswith(_BACK) and self._asked[word] > self._troubled:
                return Mood.OK
        try:
            return Mood(word.removesuffix(_BACK))
        except ValueError:
            return None

    def handle(self, connection: socket.socket, method: str, target: str, body: bytes) -> bool:
        """Answer one request on `connection`. True: the connection may be kept."""
        parts = urlsplit(target)
        _, moods, word, service, *rest = [*parts.path.split("/"), "", "", ""]
        mood = self._mood_of(word, parts.path) if moods == "moods" else None
        asked = self._services.get(service)
        if mood is None or asked is None:
            mood, answer = Mood.OK, Answer({"error": "no such mood or service"}, 404)
        else:
            answer = asked(method, "/".join(rest).rstrip("/"), dict(parse_qsl(parts.query)), body)
        path = parts.path.replace(f"/moods/{word}/", "/moods/ok/", 1) + (f"?{parts.query}" if parts.query else "")
        return play(mood, Stage(connection, answer, path, self._retry_after_s, self._pause))

    def _pause(self, seconds: float) -> bool:
        return not self._closing.wait(seconds)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = self.server.sources.handle(self.connection, self.command, self.path, body)
        self.close_connection = self.close_connection or not kept

    do_GET = do_POST = _answer  # noqa: N815 - the names that BaseHTTPRequestHandler looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has this name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sources: Sources, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self.sources = sources
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:  # the handshake waits for its thread, and holds up no others
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._lock:
            self._open.discard(request)

    def end_connections(self) -> None:
        """Wake every thread that waits for the next request of a kept connection, and wait until all have ended."""
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with self._lock:
                if not self._open:
                    return
                for connection in self._open:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.01)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):
            self.sources.failures.append(f"{type(error).__name__}: {error}")
