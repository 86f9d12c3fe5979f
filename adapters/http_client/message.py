"""Encodes requests and parses responses as HTTP/1.1 messages (RFC 9112).

It has no socket: a function returns the next bytes, and none at the end. The parser is llhttp, that of Node.js, in its
strict mode, from httptools. This module adds limits, and the parts that llhttp leaves open: versions, transfer codings,
compression, and the end of an answer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from adapters.base import Unavailable, Unreadable

Receive = Callable[[], bytes]
"""Returns the next bytes received, at least one; none when the other side has closed."""

MAX_HEAD_BYTES = 64 << 10
"""A limit for all header fields together, also of interim answers (1xx) and trailers; and for the bytes received before
the end of the head, or in addition to the body."""

_MAX_FIELDS = 100
_MAX_MEMBERS = 16


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. `headers` have lower-case names; repeated fields are joined by ", " (RFC 9110, 5.3).

    `body` is decoded. `reusable` says whether the connection may carry another request.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    reusable: bool


def encode_request(method: str, target: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """A request as it is sent, control characters unchecked. Raises UnicodeEncodeError for what no header can hold."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode("latin-1") + (body or b"")


def read_answer(receive: Receive, max_bytes: int) -> Response:
    """The answer to a request other than HEAD and CONNECT, with a body of at most `max_bytes`, packed and unpacked.

    Raises:
        Unreadable: it is not HTTP, contradicts itself, is too large, or packed in another way than gzip.
        Unavailable: its chunks are damaged.
        ConnectionAbortedError: it ends too early.
    """
    incoming = _Incoming(max_bytes)
    try:
        while not incoming.is_whole:
            incoming.feed(receive())
    finally:
        incoming.free_parser()
    body = _unpack(bytes(incoming.body), incoming.headers.get("content-encoding", ""), max_bytes)
    return Response(incoming.status, incoming.headers, body, incoming.is_kept and not incoming.has_more)


def read_status(receive: Receive) -> int:
    """The status of an answer that is only a head, as a proxy's to CONNECT. Raises as `read_answer`."""
    incoming = _Incoming(MAX_HEAD_BYTES)
    try:
        while not incoming.has_head:
            incoming.feed(receive())
    finally:
        incoming.free_parser()
    if incoming.status < 300 and (incoming.body or incoming.has_more):
        raise Unreadable("more came than the head of an answer")
    return incoming.status


class _Incoming:
    """The part of an answer received so far, after any interim ones. The parser calls the methods `on_…`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = MAX_HEAD_BYTES + max_bytes
        self._fields = self._field_bytes = self._declared = 0
        self._parser = HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.has_head = self.is_whole = self.is_kept = self.has_more = False

    def feed(self, piece: bytes) -> None:
        """Parse the next bytes; none mean the end. Raises as `read_answer`."""
        if not piece:
            if not self.has_head or not self.headers.keys().isdisjoint({"content-length", "transfer-encoding"}):
                raise ConnectionAbortedError
            self.is_whole = True
            return
        self._left -= len(piece)
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade):  # the protocol of a 101 is not supported
            if not self.is_whole:
                raise (Unavailable("the chunks of the answer are damaged") if self.has_head else _no_http()) from None
            self.has_more = True
        if self._left < 0 or max(self._declared, len(self.body)) > self._max_bytes:
            raise _too_large(self._max_bytes)
        if self._left < self._max_bytes and not self.has_head:
            raise _no_http()

    def free_parser(self) -> None:
        """Break the reference cycle with the parser."""
        del self._parser

    def on_message_begin(self) -> None:
        if self.is_whole:
            # Bytes beyond the end must not be taken for the next answer (RFC 9112, 6.3).
            raise _no_http()
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._field_bytes += len(name) + len(value)
        if self._fields > _MAX_FIELDS or self._field_bytes > MAX_HEAD_BYTES:
            raise _no_http()
        if not self.has_head:  # trailers, which come after it, are ignored
            key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        coding = self.headers.get("transfer-encoding")
        if status < 100 or version not in {"1.0", "1.1"}:
            raise _no_http()
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            # Two readers could read two different answers (RFC 9112, 6.1 and 6.3).
            raise _no_http()
        self._declared = int(self.headers.get("content-length", "0"))
        self.status, self.has_head = status, status >= 200

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_whole, self.is_kept = self.has_head, self._parser.should_keep_alive()


def _unpack(packed: bytes, coding: str, max_bytes: int) -> bytes:
    """The content of consecutive gzip members (RFC 1952)."""
    if coding.lower() not in {"", "identity", "gzip", "x-gzip"}:
        raise Unreadable("the answer has another Content-Encoding than gzip")
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
    return Unreadable("the answer is not HTTP")
