"""The outside source of the runs: a register over HTTP on loopback that counts what it is asked, number by number."""

from __future__ import annotations

import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

FAMILY, GIVEN = "Valombre", "Iris"
_REFUSED_EACH = 4


class Mood(StrEnum):
    """How it answers at the moment."""

    WELL = "well"
    DOWN = "down"
    """503."""
    SILENT = "silent"
    """Takes the request and never answers."""
    GARBAGE = "garbage"
    """Status 200 and what is no answer of a register: each of `_GARBAGE` in turn."""


_GARBAGE = (b"", b"<html>Maintenance</html>", b"[]", b"null", b'{"count": "many"}', b"\xff\xfe\x00", b'{"count": 1, ')


def number_of(index: int) -> str:
    """The registration number of one submit; each has its own, so that requests can be told apart."""
    return f"{7_000_000_000 + index}"


def right_outcome(number: str) -> str:
    """What the register bears out: each fourth is suspended."""
    return "refused" if int(number) % _REFUSED_EACH == 0 else "accepted"


class Register:
    """Answers after `latency` seconds, shortened or prolonged by up to half at random. Thread-safe.

    `slow_repeats` is the latency in seconds of a number that was asked before, None for the same.
    """

    def __init__(self, latency: float = 0.2, *, slow_repeats: float | None = None) -> None:
        self.latency = latency
        self.slow_repeats = slow_repeats
        self.mood = Mood.WELL
        self.asked: Counter[str] = Counter()
        """Requests for each number, whatever became of them."""
        self.troubled: Counter[str] = Counter()
        """Those of them that got no proper answer, because of the mood."""
        self.poison: set[str] = set()
        """Numbers whose requests are answered by `on_poison` with the port that the request came from."""
        self.on_poison: Callable[[int], None] = lambda port: None
        self.most_at_once = 0
        self.failures: list[str] = []
        """Mistakes of this server itself: none, if all is well."""
        self._now = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is asked; `?number=` follows."""
        if self._server is None:
            raise RuntimeError("the register is not running: call start() first")
        return f"http://127.0.0.1:{self._server.server_address[1]}/professionals"

    def start(self) -> Self:
        """Listen on a free port of the loopback address."""
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="register", daemon=True).start()
        return self

    def close(self) -> None:
        """Stop listening and wake those that wait."""
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, number: str) -> tuple[int, bytes] | None:
        """Status and body for one request, after its latency; None for no answer at all."""
        with self._lock:
            again = number in self.asked
            self.asked[number] += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            mood = self.mood
            if mood is not Mood.WELL:
                self.troubled[number] += 1
            turn = self.troubled.total()
        try:
            latency = self.slow_repeats if again and self.slow_repeats is not None else self.latency
            self._closing.wait(60 if mood is Mood.SILENT else latency * random.uniform(0.5, 1.5))
        finally:
            with self._lock:
                self._now -= 1
        match mood:
            case Mood.WELL:
                return 200, json.dumps(_found(number)).encode()
            case Mood.DOWN:
                return 503, b"down"
            case Mood.GARBAGE:
                return 200, _GARBAGE[turn % len(_GARBAGE)]
            case Mood.SILENT:
                return None


def _found(number: str) -> dict[str, Any]:
    status = "active" if right_outcome(number) == "accepted" else "suspended"
    person = {"number": number, "names": [{"family": FAMILY, "given": GIVEN}], "status": status}
    return {"count": 1, "professionals": [person]}


def description(url: str, **limits: Any) -> dict[str, Any]:
    """This register as a source in jurat's configuration."""
    return {
        "type": "registry",
        "hosts": ["127.0.0.1"],
        "inputs": {
            "number": {"clean": ["digits"], "max_length": 40},
            "family_name": {"clean": ["trim"]},
            "given_name": {"clean": ["trim"]},
        },
        "steps": [
            {
                "name": "lookup",
                "request": {"url": url, "query": {"number": "{number}"}},
                "outcomes": [
                    {"when": "status == `429`", "then": "retry", "reason": "source_throttled"},
                    {"when": "status >= `500`", "then": "retry"},
                    {"when": "body.count == `0`", "then": "refused", "reason": "record_not_found"},
                ],
            }
        ],
        "record": {
            "from": "body.professionals",
            "fields": {"number": "number", "names": "names[].{family: family, given: given}", "status": "status"},
            "status": {"active": ["active"], "inactive": ["suspended"]},
        },
        "rules": [
            {"check": "equals", "field": "number", "input": "number"},
            {"check": "name", "family": "family_name", "given": "given_name"},
            {"check": "status", "is": "active", "else": "refused", "reason": "status_inactive"},
        ],
        **limits,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        number = parse_qs(urlsplit(self.path).query).get("number", [""])[0]
        if number in self.server.register.poison:
            self.server.register.on_poison(self.client_address[1])
        answer = self.server.register.answer(number)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        head = f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has this name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, register: Register) -> None:
        self.register = register
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):
            self.register.failures.append(f"{type(error).__name__}: {error}")
