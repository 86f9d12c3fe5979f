from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from tasks.checks import ClaimedCheck

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CHECK = ClaimedCheck(
    UUID("01a212fb-1e47-725c-9006-ad01cbd1a34c"), 3, "budget", "p-1", "residence", "towns", b"sealed", None, 0, 0, 60.0
)


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (None, None),
        ("", None),
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-00", TRACE),
        (f"01-{TRACE}-00f067aa0ba902b7-01-more", TRACE),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7-01\n", None),
        (f"00-{TRACE}-00f067aa0ba902b7", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        ("Iris Valombre, 12 rue des Tanneurs", None),
    ],
)
def test_lines_about_a_check_have_its_trace_where_there_is_one(traceparent: str | None, trace_id: str | None) -> None:
    fields = replace(CHECK, traceparent=traceparent).log_fields
    assert fields == {"check_id": str(CHECK.id), "fence": 3} | ({"trace_id": trace_id} if trace_id else {})
