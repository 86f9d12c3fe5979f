"""Sources that answer badly, and quote in their answer all that they were sent: the address, the headers, the body."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import unquote

POSTCODE: Final = "99001"
HOUSE: Final = "6"
INSIDE: Final = (-37.998434, 44.004651)
"""Longitude and latitude of a house in the zone old-town of examples/town."""
OUTSIDE: Final = (-37.5, 44.5)


class Mood(StrEnum):
    """How a source answers. It is the first part of the path."""

    WELL = "well"
    """The right record, and what was sent behind it."""
    STRANGER = "stranger"
    """The record of someone whose name is what was sent."""
    FAULT = "fault"
    """500."""
    DENIED = "denied"
    """401."""
    BUSY = "busy"
    """429, and what was sent for the time to wait."""
    PAGE = "page"
    """A page of HTML."""
    KEYS = "keys"
    """JSON with other keys than documented, made of what was sent."""
    MOVED = "moved"
    """302 to an address made of it."""
    HEADERS = "headers"
    """Headers made of it, with a length that is none."""
    STATUS = "status"
    """A status line that is none."""
    CHUNKS = "chunks"
    """A length of a chunk that is none."""
    CUT = "cut"
    """An end before all was sent."""


class EchoSource:
    """Serves on a port of loopback. `received` is all that came, by mood."""

    def __init__(self, person: Mapping[str, str], on_request: Callable[[str], object] = lambda mood: None) -> None:
        self.received: dict[str, bytes] = {}
        self._person = person
        self._on_request = on_request
        self._lock = threading.Lock()
        source = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                source._handle(self.rfile, self.wfile)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="echo", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, mood: str) -> str:
        """Where a source in this mood answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{mood}"

    def _handle(self, requests: Any, answers: Any) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = requests.readline(1 << 16)
            if not line:
                return
            head += line
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0)
        sent = head + requests.read(length)
        mood = head.split(b" ", 2)[1].decode().split("/")[1].partition("?")[0]
        with self._lock:
            self.received[mood] = self.received.get(mood, b"") + sent
        self._on_request(mood)
        answers.write(self._answer(mood, sent, " ".join(unquote(sent.decode(errors="replace")).split())))

    def _answer(self, mood: str, sent: bytes, echo: str) -> bytes:  # noqa: PLR0911 - one long list of moods
        line = echo.encode()
        match mood:
            case "inside" | "outside":
                return _reply(200, json.dumps(self._place(mood, echo)))
            case Mood.WELL:
                return _reply(200, json.dumps(self._record(self._person, echo)))
            case Mood.STRANGER:
                return _reply(200, json.dumps(self._record({**self._person, "family": echo, "given": echo}, echo)))
            case Mood.KEYS:
                return _reply(200, json.dumps({echo: echo, "count": echo, "professionals": [echo]}))
            case Mood.MOVED:
                return _reply(302, "", b"Location: /%b" % line)
            case Mood.BUSY:
                return _reply(429, echo, b"Retry-After: %b" % line)
            case Mood.HEADERS:
                return b"HTTP/1.1 200 %b\r\nSet-Cookie: e=%b\r\nX-%b\r\nContent-Length: %b\r\n\r\n" % ((line,) * 4)
            case Mood.STATUS:
                return b"HTTP/1.1 %b\r\n\r\n" % line
            case Mood.CHUNKS:
                return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n%b" % (line, line)
            case Mood.CUT:
                return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n" + line
            case _:
                return _reply({Mood.FAULT: 500, Mood.DENIED: 401}.get(Mood(mood), 200), f"<html>{echo}</html>")

    def _record(self, person: Mapping[str, str], echo: str) -> Any:
        names = [{"family": person["family"], "given": person["given"]}]
        record = {"number": person["number"], "names": names, "status": "active", "remark": echo}
        return {"count": 1, "professionals": [record], "asked": echo}

    def _place(self, mood: str, echo: str) -> Any:
        """The house that was asked for, in a zone or in none."""
        person = self._person
        names = {"label": echo, "street": person["street"], "city": person["town"], "postcode": POSTCODE}
        point = {"type": "Point", "coordinates": INSIDE if mood == "inside" else OUTSIDE}
        properties = {**names, "housenumber": HOUSE, "type": "housenumber", "score": 0.97, "id": echo}
        feature = {"type": "Feature", "geometry": point, "properties": properties}
        return {"type": "FeatureCollection", "features": [feature], "query": echo}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients of such a source hang up."""


_PHRASES: Final = {200: b"OK", 302: b"Found", 401: b"Unauthorized", 429: b"Too Many Requests", 500: b"Error"}


def _reply(status: int, body: str, *headers: bytes) -> bytes:
    kind = b"application/json" if body.startswith("{") else b"text/html"
    lines = [b"HTTP/1.1 %d %b" % (status, _PHRASES[status]), b"Content-Type: " + kind, *headers, b"Connection: close"]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body.encode()), b"", body.encode()])
