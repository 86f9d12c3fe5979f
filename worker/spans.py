"""Makes spans with OpenTelemetry's SDK and sends them with OTLP over HTTP. Loaded only where traces are on.

The SDK reads its own variables (`OTEL_…`): endpoint, headers, certificates, sampler, resource. Its own thread sends
spans in batches: a receiver that hangs holds up that thread alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context

from jurat import span_names as names
from tasks.checks import Attempt, CheckResult, Ended, GiveBack, Settle
from tasks.trace_context import SubmitSpan

QUEUE: Final = 2048
"""Spans that may wait to be sent, unless the SDK's own variable says otherwise."""

MOST_SPANS: Final = 3
"""The most spans of one check."""

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_Attributes = dict[str, str | int]


def _hide_header(record: logging.LogRecord) -> bool:
    record.args = ("(not shown, as it may be a secret)",)
    return True


# The SDK logs a header of OTEL_EXPORTER_OTLP_HEADERS that it cannot read, with its value.
logging.getLogger("opentelemetry.util.re").addFilter(_hide_header)


class OtlpSpans:
    """The spans of one worker. One thread adds them."""

    def __init__(self, worker: str, version: str) -> None:
        ours = {"service.name": "jurat", "service.version": version, "service.instance.id": worker}
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        given = os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE, "")
        self._room = (int(given) if given.isdecimal() else QUEUE) - MOST_SPANS
        self._exporter = _Exporter(OTLPSpanExporter())
        self._queue = _SpanQueue(self._exporter, self._room + MOST_SPANS)
        # The SDK's own handler at the end of the process would wait half a minute for a receiver that hangs.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._queue)
        self._tracer = self._provider.get_tracer(names.SCOPE, version, names.SCHEMA_URL)
        self._dropped = 0
        self._closed = False

    def add(
        self,
        result: CheckResult,
        submit: SubmitSpan,
        began: float,
        ended: float,
        *,
        refused: bool,
        server: str | None,
    ) -> None:
        """Make the spans of a check, or drop all of them where too many wait. Takes microseconds.

        Args:
            submit: the span in which it was submitted.
            began, ended: when its result was written, on the monotonic clock.
            refused: the result came after the lease had been lost.
            server: the host of its source.
        """
        if self._queue.added - self._exporter.taken > self._room:  # the SDK would drop the oldest, and parts of traces
            self._dropped += 1
            return
        clock = time.time_ns() - time.monotonic_ns()
        attempt = result.attempt
        looked_up = attempt.ended_at if attempt else None  # None: the source was not asked
        start = _at(clock, began if attempt is None or looked_up is None else looked_up - attempt.duration)
        trace_id, span_id = int(submit.trace_id, 16), int(submit.span_id, 16)
        process = self._tracer.start_span(
            f"{names.PROCESS} {result.held.source}",
            Context(),
            SpanKind.CONSUMER,
            _process_attributes(result, refused=refused),
            [Link(SpanContext(trace_id, span_id, is_remote=True, trace_flags=_SAMPLED))],
            start,
        )
        parent = set_span_in_context(process, Context())
        if attempt is not None and looked_up is not None:
            attributes = _lookup_attributes(attempt, server)
            lookup = self._tracer.start_span(names.LOOKUP, parent, SpanKind.CLIENT, attributes, start_time=start)
            _end(lookup, _at(clock, looked_up), failed=attempt.ended is Ended.FAILED)
        error = {names.ERROR: names.LEASE_LOST} if refused else None
        settle = self._tracer.start_span(names.SETTLE, parent, attributes=error, start_time=_at(clock, began))
        for span in (settle, process):
            _end(span, _at(clock, ended), failed=refused)

    def losses(self) -> tuple[int, int, str]:
        """How many spans were not delivered, how many checks were dropped, and the last reason."""
        undelivered = self._queue.added - self._exporter.delivered if self._closed else self._exporter.failed
        return undelivered, self._dropped, self._exporter.why

    def close(self, timeout: float) -> None:
        """Send what waits, for at most `timeout` seconds. The SDK would wait longer for a receiver that hangs."""
        closing = threading.Thread(target=self._provider.shutdown, name="jurat-traces", daemon=True)
        closing.start()
        closing.join(timeout)
        self._closed = True


class _SpanQueue(BatchSpanProcessor):
    """The SDK's queue and its thread. Counts the spans that were `added`."""

    added = 0

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.added += 1
        super().on_end(span)


class _Exporter(SpanExporter):
    """Counts the spans that were `taken` out of the queue, and those of them that were `delivered` or `failed`.

    The SDK logs every try that fails. While this sends, these lines go no further: the last one is the reason that is
    logged once a minute.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self.taken = self.delivered = self.failed = 0
        self.why = "the receiver does not answer in time"
        self._exporter = exporter
        self._thread: int | None = None
        """The thread that sends now."""
        self._ended = False
        self._logger = logging.getLogger(type(exporter).__module__)
        self._logger.addFilter(self._pass)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._thread = threading.get_ident()
        self.taken += len(spans)
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - the SDK would log a traceback
            self.why, result = type(error).__name__, SpanExportResult.FAILURE
        self._thread = None
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
        else:
            self.failed += len(spans)
        self._leave_logger()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
        self._ended = True
        self._leave_logger()

    def _leave_logger(self) -> None:
        if self._ended and self._thread is None:
            self._logger.removeFilter(self._pass)

    def _pass(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        # Of an exception only the class: its text is long, and has the URL.
        args = record.args if isinstance(record.args, tuple) else ()
        self.why = str(record.msg) % tuple(type(arg).__name__ if isinstance(arg, Exception) else arg for arg in args)
        return False


def _at(clock: int, monotonic: float) -> int:
    """A reading of the monotonic clock in nanoseconds since the epoch; `clock` is how far that is ahead."""
    return clock + int(monotonic * 1e9)


def _end(span: Span, at: int, *, failed: bool) -> None:
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end(at)


def _process_attributes(result: CheckResult, *, refused: bool) -> _Attributes:
    attributes: _Attributes = {
        names.SYSTEM: names.SCOPE,
        names.OPERATION_NAME: names.PROCESS,
        names.OPERATION_TYPE: names.PROCESS,
        names.SOURCE: result.held.source,
        names.CHECK_ID: str(result.held.id),
        names.FENCE: result.held.fence,
        names.CONFIG_VERSION: result.config_version,
    }
    decision = result.decision
    if refused:
        attributes[names.ERROR] = names.LEASE_LOST
    elif not isinstance(decision, GiveBack):
        attributes[names.REASON] = decision.reason.value
        if isinstance(decision, Settle):
            attributes[names.OUTCOME] = decision.outcome.value
    return attributes


def _lookup_attributes(attempt: Attempt, server: str | None) -> _Attributes:
    attributes: _Attributes = {}
    if server is not None:
        attributes[names.SERVER] = server
    if attempt.http_status is not None:
        attributes[names.HTTP_STATUS] = attempt.http_status
    if attempt.ended is Ended.FAILED:
        attributes[names.ERROR] = names.TIMEOUT if attempt.timed_out else attempt.reason.value
    return attributes
