"""Reads the trace context of a submit, as W3C describes it (https://www.w3.org/TR/trace-context-2/#traceparent-header)."""

from __future__ import annotations

import re
from typing import NamedTuple

_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.*)?"
)
"""Version 00 has these parts and no more, a later one may have more."""

_SAMPLED = frozenset("13579bdf")
"""Last digits of the flags with the lowest bit set."""


class SubmitSpan(NamedTuple):
    """The span in which a platform submitted a check, as hexadecimal digits, and whether the platform samples it."""

    trace_id: str
    span_id: str
    sampled: bool


def submit_span(traceparent: str | None) -> SubmitSpan | None:
    """The span that a traceparent names, None for one that is malformed."""
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return SubmitSpan(found[1], found[2], found[3] in _SAMPLED) if found else None
