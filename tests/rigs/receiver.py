"""A receiver of traces: OTLP over real HTTP on a loopback port, decoded by OpenTelemetry's own protocol.

    with Receiver() as receiver:
        ...                                # OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url
        assert receiver.has("settle")
        receiver.mood = Mood.HANGS         # from the next request on

It takes what a collector takes at `/v1/traces`.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


class Mood(StrEnum):
    TAKES = "takes"
    FAILS = "fails"
    """Answers 500."""
    BUSY = "busy"
    """Answers 503, which asks for another try."""
    HANGS = "hangs"
    """Takes the request and never answers."""


@dataclass(frozen=True)
class Received:
    """A span as it came. Ids are hexadecimal; `links` are the ids of traces and spans."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    start: int
    end: int
    failed: bool
    links: tuple[tuple[str, str], ...]
    attributes: Mapping[str, Any] = field(hash=False)
    resource: Mapping[str, Any] = field(hash=False)
    scope: str
    schema: str


class Receiver:
    """Keeps all spans that came. `bodies` are the requests as they came, unpacked."""

    def __init__(self) -> None:
        self.mood = Mood.TAKES
        self.requests = 0
        self.bodies: list[bytes] = []
        self._spans: list[Received] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self, name: str = "") -> list[Received]:
        """Those whose name begins so, in the order of their beginning."""
        with self._lock:
            return sorted((span for span in self._spans if span.name.startswith(name)), key=lambda span: span.start)

    def has(self, name: str, count: int = 1, seconds: float = 100.0) -> bool:
        """Whether so many spans of this name come within so many seconds."""
        return self._comes(lambda: len(self.spans(name)) >= count, seconds)

    def was_asked(self, seconds: float = 100.0) -> bool:
        """Whether a request comes within so many seconds, whatever is done with it."""
        return self._comes(lambda: self.requests > 0, seconds)

    def _comes(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        return condition()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self._lock:
            self.requests += 1
            mood = self.mood
        if mood is Mood.HANGS:
            self._released.wait()
            return
        status = {Mood.FAILS: 500, Mood.BUSY: 503}.get(mood, 200 if request.path == "/v1/traces" else 404)
        if status == 200:
            self._keep(body)
        answer = ExportTraceServiceResponse().SerializeToString()
        request.send_response(status)
        request.send_header("Content-Type", "application/x-protobuf")
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def _keep(self, body: bytes) -> None:
        sent = ExportTraceServiceRequest()
        sent.ParseFromString(body)
        found = [
            _received(span, _values(group.resource.attributes), scope.scope.name, scope.schema_url)
            for group in sent.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self.bodies.append(body)
            self._spans += found


def _received(span: Span, resource: Mapping[str, Any], scope: str, schema: str) -> Received:
    return Received(
        span.name,
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == Status.STATUS_CODE_ERROR,
        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        _values(span.attributes),
        resource,
        scope,
        schema,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
