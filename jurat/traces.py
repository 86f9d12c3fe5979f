"""Traces submits for platforms that use OpenTelemetry: a span `send SOURCE` within the platform's current span.

Imports nothing of OpenTelemetry: a platform that uses it has loaded it, and others pay for one look at a dictionary.
Keeps nothing between calls, so that a platform may fork at any time.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from jurat import span_names as names
from jurat.submission import Check, Submission


class Sending:
    """A submit under way. Its `submissions` carry the context of its span, unless they have one of their own."""

    def __init__(self, submissions: Sequence[Submission], span: Any = None) -> None:
        self.submissions = submissions
        self._span = span

    def end(self, checks: Sequence[Check], sources: Collection[str]) -> None:
        """The checks are written, and `sources` have new work."""
        if self._span is None:
            return
        if len(sources) == 1:
            (source,) = sources
            self._span.update_name(f"{names.SEND} {source}")
            self._span.set_attribute(names.SOURCE, source)
        if len(checks) == 1:
            self._span.set_attribute(names.CHECK_ID, str(checks[0].id))
        else:
            self._span.set_attribute(names.CHECK_COUNT, len(checks))


@contextmanager
def sending(submissions: Sequence[Submission]) -> Iterator[Sending]:
    """A submit, with a span if the platform records one now and some submission has no traceparent."""
    api: Any = sys.modules.get("opentelemetry.trace")
    current = getattr(api, "get_current_span", None)  # another thread may be about to import it
    if current is None or not current().is_recording() or all(each.traceparent is not None for each in submissions):
        yield Sending(submissions)
        return
    tracer = api.get_tracer(names.SCOPE, schema_url=names.SCHEMA_URL)
    attributes = {names.SYSTEM: names.SCOPE, names.OPERATION_NAME: names.SEND, names.OPERATION_TYPE: names.SEND}
    span = tracer.start_span(names.SEND, kind=api.SpanKind.PRODUCER, attributes=attributes)
    own = _traceparent(span.get_span_context())
    carrying = [each if each.traceparent is not None else replace(each, traceparent=own) for each in submissions]
    # Of an error the span has the class alone: its text may say what was wrong with an answer.
    with api.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield Sending(carrying, span)
        except Exception as error:
            span.set_attribute(names.ERROR, type(error).__name__)
            span.set_status(api.StatusCode.ERROR)
            raise


def _traceparent(context: Any) -> str:
    """A span's context as W3C writes it (https://www.w3.org/TR/trace-context-2/#traceparent-header)."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
