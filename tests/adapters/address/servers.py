"""A geocoder on this machine that says what a test wants, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


class Answering(ThreadingHTTPServer):
    """Answers with `status`, `headers` and each of `bodies` in turn, the last one again and again.

    A body is a document for JSON, or bytes. `silent_after` requests it answers no more, until it is closed.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.bodies: list[Any] = [{}]
        self.silent_after = 1000
        self.closing = threading.Event()
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and query of each request."""
        self.headers_received: list[dict[str, str]] = []
        """Headers of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/base"

    @property
    def query(self) -> dict[str, str]:
        """Of the one request that came."""
        ((_, query),) = self.asked
        return query

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        assert all(len(values) == 1 for values in query.values())
        self.server.asked.append((parts.path, {name: values[0] for name, values in query.items()}))
        self.server.headers_received.append(dict(self.headers))
        if len(self.server.asked) > self.server.silent_after:
            self.server.closing.wait(60)
            return
        body = self.server.bodies.pop(0) if len(self.server.bodies) > 1 else self.server.bodies[0]
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(self.server.status)
        for name, value in {"Content-Length": str(len(sent)), **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass


def changed(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """`document` with another value at `path`; the document itself stays as it is."""
    copy: Any = json.loads(json.dumps(document))
    inside = copy
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return copy
