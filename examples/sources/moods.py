"""The moods of outside sources: each is a way in which real ones were seen to fail."""

from __future__ import annotations

import gzip
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum

from examples.sources.answer import Answer


class Mood(StrEnum):
    """How a source behaves. Each also exists as `<mood>-then-back`: well again after a few requests."""

    OK = "ok"
    DOWN = "down"
    """503 with a page of HTML."""
    THROTTLING = "throttling"
    """429 with Retry-After in seconds."""
    THROTTLING_DATE = "throttling-date"
    THROTTLING_BARE = "throttling-bare"
    """429 without Retry-After."""
    THROTTLING_NEGATIVE = "throttling-negative"
    THROTTLING_HUGE = "throttling-huge"
    TIME_OUT = "time-out"
    """Takes the request and says nothing."""
    SLOW_HEADERS = "slow-headers"
    """Begins a status line and goes on with a byte now and then."""
    DRIP = "drip"
    """Right headers, then a byte of body now and then."""
    OVERSIZED = "oversized"
    """Declares a gigabyte."""
    ENDLESS = "endless"
    """Declares no length and never stops."""
    GZIP_BOMB = "gzip-bomb"
    """A small answer that unpacks to 64 MiB."""
    WRONG_TYPE = "wrong-type"
    """A page of HTML with status 200, as proxies and maintenance pages have it."""
    WRONG_SHAPE = "wrong-shape"
    """Good JSON with other keys than documented."""
    NULLS = "nulls"
    """The documented keys, but each value is null."""
    LIST = "list"
    """An empty JSON list where an object is documented."""
    EMPTY = "empty"
    """Status 200 without a body."""
    NO_CONTENT = "no-content"
    """Status 204."""
    CUT_OFF = "cut-off"
    """Closes the connection in the middle of the body."""
    REDIRECT = "redirect"
    """302 to the right answer."""
    RESET = "reset"
    """Resets the connection after the request."""
    HANG_UP = "hang-up"
    """Closes the connection without an answer."""
    NOT_HTTP = "not-http"
    """Answers with the greeting of a mail server."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a mood may do with one request: its socket, the right answer, and `pause(seconds)`.

    `pause` gives False when the server is closing. `path` is where the right answer could be had.
    """

    connection: socket.socket
    answer: Answer
    path: str
    retry_after_s: int
    pause: Callable[[float], bool]

    def reply(self, status: int, body: bytes, *headers: tuple[str, str], kind: str = "application/json") -> bool:
        """Write one whole answer. True: the connection may be kept."""
        lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Status')}", f"Content-Type: {kind}; charset=utf-8"]
        if "Content-Length" not in dict(headers) and "Transfer-Encoding" not in dict(headers):
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return True

    def trickle(self, content: bytes) -> None:
        """Write a byte each 50 ms, for a minute at most."""
        for index in range(1200):
            self.connection.sendall(content[index % len(content) :][:1])
            if not self.pause(0.05):
                break


_PHRASES = {200: "OK", 204: "No Content", 302: "Found", 404: "Not Found", 429: "Too Many Requests", 503: "Unavailable"}
_HTML = b"<!doctype html><title>Maintenance</title><p>We will be back soon."
_BOMB = gzip.compress(bytes(1 << 20)) * 64


def play(mood: Mood, stage: Stage) -> bool:  # noqa: PLR0911 - one long list of moods
    """Answer one request in `mood`. True: the connection may be kept for the next request."""
    match mood:
        case Mood.OK:
            return stage.reply(stage.answer.status, stage.answer.body, kind=stage.answer.kind)
        case Mood.DOWN:
            return stage.reply(503, _HTML, kind="text/html")
        case Mood.GZIP_BOMB:
            return stage.reply(200, _BOMB, ("Content-Encoding", "gzip"))
        case Mood.WRONG_TYPE:
            return stage.reply(200, _HTML, kind="text/html")
        case Mood.WRONG_SHAPE:
            return stage.reply(200, b'{"apiVersion": "2", "payload": {"items": []}}')
        case Mood.NULLS:
            return stage.reply(200, stage.answer.emptied.body, kind=stage.answer.kind)
        case Mood.LIST:
            return stage.reply(200, b"[]")
        case Mood.EMPTY:
            return stage.reply(200, b"")
        case Mood.NO_CONTENT:
            stage.connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        case Mood.REDIRECT:
            return stage.reply(302, b"", ("Location", stage.path))
        case _ if mood.startswith(Mood.THROTTLING):
            return stage.reply(429, b'{"error": "too many requests"}', *_retry_after(mood, stage.retry_after_s))
        case _:
            _break_off(mood, stage)
            return False


def _retry_after(mood: Mood, seconds: int) -> list[tuple[str, str]]:
    match mood:
        case Mood.THROTTLING:
            wait = str(seconds)
        case Mood.THROTTLING_DATE:
            wait = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds + 1), usegmt=True)
        case Mood.THROTTLING_NEGATIVE:
            wait = "-5"
        case Mood.THROTTLING_HUGE:
            wait = "99999999"
        case _:
            return []
    return [("Retry-After", wait)]


def _break_off(mood: Mood, stage: Stage) -> None:
    """Answer in no way, or never to the end. The connection is closed afterwards."""
    good = stage.answer.body
    match mood:
        case Mood.TIME_OUT:
            stage.pause(60)
        case Mood.SLOW_HEADERS:
            stage.trickle(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 1200)
        case Mood.DRIP:
            stage.reply(200, b"", ("Content-Length", str(len(good) + 1200)))
            stage.trickle(b" " * 1200)
        case Mood.OVERSIZED:
            stage.reply(200, good, ("Content-Length", str(1 << 30)))
        case Mood.ENDLESS:
            stage.reply(200, b"", ("Transfer-Encoding", "chunked"))
            while stage.pause(0):
                stage.connection.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        case Mood.CUT_OFF:
            stage.reply(200, good[: len(good) // 2], ("Content-Length", str(len(good))))
        case Mood.RESET:
            stage.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(stage.connection.detach())
        case Mood.NOT_HTTP:
            stage.connection.sendall(b"220 mail.valmont.example ESMTP\r\n")
        case _:
            assert mood is Mood.HANG_UP
