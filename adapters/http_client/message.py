"""Writes requests and reads responses as HTTP/1.1 messages (RFC 9112).

It knows no socket: what comes is asked for by a function that gives the next bytes, and none at the end. The parser is
llhttp, that of Node.js, in its strict mode, as httptools has it. On top of it are the limits, and what it leaves open:
versions, transfer codings, packing, and where an answer ends.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from adapters.base import Unavailable, Unreadable

Receive = Callable[[], bytes]
"""Gives the next bytes that came, at least one; none when the other side has closed."""

MAX_HEAD_BYTES = 64 << 10
"""What header fields may take together, those of interim answers (1xx) and those behind chunks included; and what may
come before the end of the head, or beside the body, in whole pieces.
"""

_MAX_FIELDS = 100
_MAX_MEMBERS = 16


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as a whole. `headers` have lower-case names, fields that came twice are joined by ", " (RFC 9110, 5.3).

    `body` is without its chunks and unpacked. `reusable` says whether the connection may carry another request.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reusable: bool


def written(method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """A request as it is sent. Raises UnicodeEncodeError for what no header can hold; control characters are not
    looked for here.
    """
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1") + (body or b"")


def read_answer(receive: Receive, max_bytes: int) -> Response:
    """The answer to a request other than HEAD and CONNECT, with a body of at most `max_bytes`, packed and unpacked.

    Raises:
        Unreadable: it is no HTTP, contradicts itself, is larger than allowed, or packed in another way than gzip.
        Unavailable: its chunks are damaged.
        ConnectionAbortedError: it ends too early.
    """
    incoming = _Incoming(max_bytes)
    try:
        while not incoming.is_whole:
            incoming.take(receive())
    finally:
        incoming.let_go()
    body = _unpacked(bytes(incoming.body), incoming.headers.get("content-encoding", ""), max_bytes)
    return Response(incoming.status, incoming.headers, body, incoming.is_kept and not incoming.has_more)


def read_status(receive: Receive) -> int:
    """The status of an answer that has nothing but a head, as a proxy's to CONNECT.

    Raises:
        Unreadable: it is no HTTP, or something follows it.
        Unavailable: what follows it is no HTTP.
        ConnectionAbortedError: it ends too early.
    """
    incoming = _Incoming(MAX_HEAD_BYTES)
    try:
        while not incoming.has_head:
            incoming.take(receive())
    finally:
        incoming.let_go()
    if incoming.status < 300 and (incoming.body or incoming.has_more):
        raise Unreadable("more came than the head of an answer")
    return incoming.status


class _Incoming:
    """What has come of an answer, after any interim ones. The parser calls what begins with `on_`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = MAX_HEAD_BYTES + max_bytes
        self._fields = self._field_bytes = self._declared = 0
        self._parser = HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.has_head = self.is_whole = self.is_kept = self.has_more = False

    def take(self, piece: bytes) -> None:
        """Take the next bytes, or that there are none. Raises as `read_answer`."""
        if not piece:
            if not self.has_head or not self.headers.keys().isdisjoint({"content-length", "transfer-encoding"}):
                raise ConnectionAbortedError
            self.is_whole = True
            return
        self._left -= len(piece)
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade):  # the other protocol of a 101 is none of ours
            if not self.is_whole:
                raise (Unavailable("the chunks of the answer are damaged") if self.has_head else _no_http()) from None
            self.has_more = True
        if self._left < 0 or max(self._declared, len(self.body)) > self._max_bytes:
            raise _too_large(self._max_bytes)
        if self._left < self._max_bytes and not self.has_head:
            raise _no_http()

    def let_go(self) -> None:
        """Free the parser at once: each of the two holds the other."""
        del self._parser

    def on_message_begin(self) -> None:
        if self.is_whole:
            # What came beyond the end belongs to nobody, and must not be taken for the next answer (RFC 9112, 6.3).
            raise _no_http()
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._field_bytes += len(name) + len(value)
        if self._fields > _MAX_FIELDS or self._field_bytes > MAX_HEAD_BYTES:
            raise _no_http()
        if not self.has_head:  # after it come the fields behind the chunks, which nobody asked for
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        coding = self.headers.get("transfer-encoding")
        if status < 100 or version not in {"1.0", "1.1"}:
            raise _no_http()
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            # Two readers could take it for two different answers (RFC 9112, 6.1 and 6.3).
            raise _no_http()
        self._declared = int(self.headers.get("content-length", "0"))
        self.status, self.has_head = status, status >= 200

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_whole, self.is_kept = self.has_head, self._parser.should_keep_alive()


def _unpacked(packed: bytes, coding: str, max_bytes: int) -> bytes:
    """The content of gzip members (RFC 1952), one after the other."""
    if coding.lower() not in {"", "identity", "gzip", "x-gzip"}:
        raise Unreadable("the answer is packed in a way that was not asked for")
    if not packed or "gzip" not in coding.lower():
        return packed
    body = b""
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            body += member.decompress(packed, max_bytes + 1 - len(body))
        except zlib.error:
            break
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not member.eof:
            break
        packed = member.unused_data
        if not packed:
            return body
    raise Unreadable("the answer's gzip is damaged")


def _too_large(max_bytes: int) -> Unreadable:
    return Unreadable(f"the answer is larger than {max_bytes} bytes")


def _no_http() -> Unreadable:
    return Unreadable("what came back is not HTTP")
