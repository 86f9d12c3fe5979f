"""Serves health and metrics over HTTP: /livez, /readyz, /startupz and /metrics, for a worker and for the exporter.

    listener = open_listener("127.0.0.1:9464")      # raises AddressUnusable, before any work begins
    Endpoints(listener, collector, probes, version=…, installation=…).start()

A few threads take one connection after the other, so that no connection costs more than one of them for a few seconds.
The address is for a network of one's own: there is no password and no encryption, and nothing that needs them.
"""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from config.logger import get_logger
from jurat.errors import ConfigurationError

log = get_logger("jurat.endpoints")

CONNECTIONS: Final = 4
"""Connections that are served at once. Further ones wait in the system's queue."""

PATIENCE: Final = 2.0
"""Seconds that a client has to send its request, and again to take the answer."""

_DRAIN: Final = 0.2
"""Seconds for which a client that has its answer may go on to send."""

_MOST_BYTES: Final = 8192
"""Size of a request up to its empty line."""


class Probe(StrEnum):
    """The paths of health, without their slash."""

    LIVE = "livez"
    READY = "readyz"
    STARTED = "startupz"


Problems = Callable[[], Sequence[str]]
"""Says what is wrong, in sentences; nothing when all is well. It must not wait for anything."""


class AddressUnusable(ConfigurationError):
    """Nothing can be served at an address. The message is a sentence for the operator."""


def open_listener(address: str) -> socket.socket:
    """Take an address: `HOST:PORT`, `[HOST]:PORT` or `:PORT` for all of this machine's.

    Raises AddressUnusable when that is not possible.
    """
    host, _, port = address.rpartition(":")
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2 * CONNECTIONS
            )
        found = socket.getaddrinfo(host.strip("[]") or "0.0.0.0", int(port), type=socket.SOCK_STREAM)  # noqa: S104 - asked for
        family, _, _, _, place = found[0]
        return socket.create_server(place[:2], family=family, backlog=2 * CONNECTIONS)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise AddressUnusable(
            f"JURAT_LISTEN: {address} cannot be used ({why}); name a free port and an address of this machine"
        ) from None


class Endpoints:
    """Serves at a listener. `probes` says what is wrong for each path of health; a collector gives the metrics."""

    def __init__(
        self,
        listener: socket.socket,
        collector: Collector,
        probes: Mapping[Probe, Problems],
        *,
        version: str,
        installation: str,
    ) -> None:
        self._listener = listener
        self._collector = collector
        self._probes = probes
        self._about = {"version": version, "installation": installation}
        self._threads = [
            threading.Thread(target=self._serve, name=f"jurat-http-{number}", daemon=True)
            for number in range(CONNECTIONS)
        ]
        self._closed = False

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to answer. Connections that were made since the listener was opened are answered now."""
        for thread in self._threads:
            thread.start()
        host = self._listener.getsockname()[0]
        log.info("serves health and metrics", address=f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}")

    def close(self) -> None:
        """Answer no more. Clients that are being served have a moment to take their answers."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))

    def _serve(self) -> None:
        while not self._closed:
            try:
                connection, client = self._listener.accept()
            except OSError:
                time.sleep(0.05)  # a client that has gone, or too many open files
                continue
            with connection, suppress(OSError):
                _MetricsRequest(connection, client, self)  # type: ignore[arg-type] # its server is ours
                connection.shutdown(socket.SHUT_WR)
                _drain(connection)

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """The status, content type and body for a path."""
        if path == "/metrics":
            encode, content_type = choose_encoder(accept)
            return HTTPStatus.OK, content_type, encode(self._collector)
        try:
            problems = self._probes[Probe(path.removeprefix("/"))]()
        except (ValueError, KeyError):
            paths = ", ".join(f"/{probe}" for probe in self._probes)
            return _error(HTTPStatus.NOT_FOUND, f"there are only {paths} and /metrics")
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        return status, _JSON, _json({"ok": not problems, "problems": list(problems), **self._about})


class _MetricsRequest(BaseHTTPRequestHandler):
    """One request: its head is read within `PATIENCE` seconds, its body never. Nothing of it is shown or logged."""

    server: Any
    default_request_version = protocol_version = "HTTP/1.0"
    requestline = command = ""
    request_version = protocol_version

    def setup(self) -> None:
        self._head = _head(self.request)
        self.rfile = io.BufferedReader(io.BytesIO(self._head))
        self._answer = self.wfile = io.BytesIO()

    def handle(self) -> None:
        if _is_whole(self._head):
            super().handle()
        elif self._head:
            self.send_error(HTTPStatus.BAD_REQUEST)

    def finish(self) -> None:
        self.request.settimeout(PATIENCE)
        self.request.sendall(self._answer.getvalue())

    def do_GET(self) -> None:
        try:
            answer = self.server.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
        except Exception as error:  # noqa: BLE001 - a client sees no traceback, and the thread goes on
            log.error("endpoint failed", error=type(error).__name__)  # noqa: TRY400 - a message may hold anything
            answer = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the answer could not be made; see the log")
        self._send(*answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The library's own errors echo the request."""
        wrong_method = code == HTTPStatus.NOT_IMPLEMENTED
        status = HTTPStatus.METHOD_NOT_ALLOWED if wrong_method else HTTPStatus(code)
        self._send(*_error(status, "only GET and HEAD are answered" if wrong_method else "this is no request"))

    def log_message(self, *_: Any) -> None:
        """No probe and no scrape is worth a line."""

    def version_string(self) -> str:
        return "jurat"

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


_JSON: Final = "application/json"


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _error(status: HTTPStatus, problem: str) -> tuple[HTTPStatus, str, bytes]:
    return status, _JSON, _json({"ok": False, "problems": [problem]})


def _head(connection: socket.socket) -> bytes:
    """What a client sends up to the empty line, or to its end. Raises TimeoutError if that takes too long."""
    end = time.monotonic() + PATIENCE
    head = b""
    while not _is_whole(head) and len(head) < _MOST_BYTES:
        if (left := end - time.monotonic()) <= 0:
            raise TimeoutError
        connection.settimeout(left)
        if not (part := connection.recv(_MOST_BYTES)):
            break
        head += part
    return head


def _is_whole(head: bytes) -> bool:
    return b"\r\n\r\n" in head or b"\n\n" in head


def _drain(connection: socket.socket) -> None:
    """Read what else a client has sent: closed before that, the system would take back the answer."""
    end = time.monotonic() + _DRAIN
    while (left := end - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(_MOST_BYTES):
            break
