"""The trace context of a submit, read as OpenTelemetry reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tasks.trace_context import submit_span

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

TEXTS = st.one_of(
    st.text(),
    st.from_regex(r"[0-9a-f]{2}-[0-9a-fA-F]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True),
    st.from_regex(r"0[01]-0{31}[01]-0{15}[01]-0[0-3](-00)?", fullmatch=True),
)


@given(TEXTS)
def test_it_is_read_as_opentelemetry_reads_it(text: str) -> None:
    context = TraceContextTextMapPropagator().extract({"traceparent": text})
    wanted = trace.get_current_span(context).get_span_context()
    found = submit_span(text)
    assert (found is not None) is wanted.is_valid
    if found is not None:
        assert found == (f"{wanted.trace_id:032x}", f"{wanted.span_id:016x}", wanted.trace_flags.sampled)


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"01-{TRACE}-{SPAN}-01-more", True),
    ],
)
def test_the_lowest_flag_asks_for_spans(text: str, *, sampled: bool) -> None:
    assert submit_span(text) == (TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "Iris Valombre, 12 rue des Tanneurs",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ],
)
def test_what_is_malformed_names_no_span(text: str | None) -> None:
    assert submit_span(text) is None
