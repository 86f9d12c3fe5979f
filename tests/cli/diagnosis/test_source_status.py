from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.diagnosis.checkup import status_step
from cli.diagnosis.source_texts import answers_text, data_of, quota_text, state_text, waiting_text
from cli.output import StepMark
from config.sources import CodesSource
from store.monitoring.fleet import SourceState
from store.monitoring.source_status import SourceStatus
from store.queries import SourceRow

NOW = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)
EARLIER = datetime(2026, 11, 25, 16, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
DAY = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
OFFICE = {"timezone": "Europe/Paris", "open": ["mon-fri 08:00-18:00"]}
BROKEN = {"opened_at": EARLIER, "failures": 7, "last_failure_at": EARLIER, "last_failure": "source_unavailable"}
THROTTLED = {"paused_until": LATER, "pause_reason": "source_throttled"}


def status(limits: dict[str, Any] | None = None, **row: Any) -> SourceStatus:
    nothing: dict[str, Any] = {
        **dict.fromkeys(SourceRow.__dataclass_fields__),
        "name": "spring",
        "waiting": 0,
        "failures": 0,
        "used": 0,
    }
    model = CodesSource.model_validate({"type": "codes", "list": "spring", **(limits or {})})
    return SourceStatus("spring", model, SourceRow(**{**nothing, **row}), NOW)


@pytest.mark.parametrize(
    ("limits", "row", "state", "said"),
    [
        ({}, {}, SourceState.OPEN, "open"),
        ({"hours": OFFICE}, {}, SourceState.CLOSED, "closed until 2026-11-26 07:00:00Z"),
        ({}, THROTTLED, SourceState.PAUSED, "paused until 2026-11-25 18:00:00Z (source_throttled)"),
        ({}, {**THROTTLED, "paused_until": EARLIER}, SourceState.OPEN, "open"),
        (
            {},
            BROKEN,
            SourceState.BROKEN,
            "broken since 2026-11-25 16:30:00Z: 7 failures in a row, the last source_unavailable",
        ),
        (
            {"hours": OFFICE},
            {**BROKEN, **THROTTLED},
            SourceState.BROKEN,
            (
                "broken since 2026-11-25 16:30:00Z: 7 failures in a row, the last source_unavailable, "
                "paused until 2026-11-25 18:00:00Z (source_throttled), closed until 2026-11-26 07:00:00Z"
            ),
        ),
        (
            {"daily": 100},
            {**THROTTLED, "day": "2026-11-25", "used": 100},
            SourceState.PAUSED,
            "paused until 2026-11-25 18:00:00Z (today's requests are used up)",
        ),
    ],
)
def test_everything_that_keeps_a_source_from_being_asked_is_said(
    limits: dict[str, Any], row: dict[str, Any], state: SourceState, said: str
) -> None:
    found = status(limits, **row)
    assert (found.state, state_text(found)) == (state, said)
    assert data_of(found)["state"] == state


def test_what_is_used_is_that_of_today_where_the_source_is() -> None:
    tokyo = {"daily": 100, "hours": {"timezone": "Asia/Tokyo"}}
    assert quota_text(status({"daily": 100}, day="2026-11-25", used=12)) == "12 of 100 requests used today"
    assert quota_text(status({"daily": 100}, day="2026-11-24", used=12)) == "0 of 100 requests used today"
    assert status(tokyo, day="2026-11-26", used=12).used_today == 12
    assert status(tokyo, day="2026-11-25", used=12).used_today == 0
    assert quota_text(status()) == ""


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "nothing waits"),
        ({"waiting": 1}, "1 check waits"),
        ({"waiting": 5000, "wait_s": 294.2}, "5,000 checks wait, about 5min"),
        ({"waiting": 3, "wait_s": 0.2}, "3 checks wait, about 1s"),
        ({"waiting": 10_000, "wait_s": 7300.0}, "10,000 checks or more wait, about 2h"),
        ({"waiting": 5000, "wait_s": 294.2, **BROKEN}, "5,000 checks wait"),
    ],
)
def test_what_waits_is_said_with_how_long_it_will_take(row: dict[str, Any], said: str) -> None:
    assert waiting_text(status(**row)) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "never asked"),
        ({"last_success_at": EARLIER}, "last answer 2026-11-25 16:30:00Z"),
        (
            {"last_failure_at": EARLIER, "last_failure": "source_unreadable"},
            "never answered, last failure 2026-11-25 16:30:00Z (source_unreadable)",
        ),
    ],
)
def test_how_it_answers_is_said(row: dict[str, Any], said: str) -> None:
    assert answers_text(status(**row)) == said


@pytest.mark.parametrize(
    ("limits", "row", "mark"),
    [
        ({}, {}, StepMark.OK),
        ({"hours": OFFICE}, {}, StepMark.NOTE),
        ({}, {"paused_until": LATER, "pause_reason": "the printer moves"}, StepMark.NOTE),
        ({}, {"paused_until": LATER, "pause_reason": "source_maintenance"}, StepMark.NOTE),
        ({"daily": 9}, {**THROTTLED, "day": "2026-11-25", "used": 9}, StepMark.NOTE),
        ({"daily": 9}, {**THROTTLED, "day": "2026-11-25", "used": 8}, StepMark.PROBLEM),
        ({}, THROTTLED, StepMark.PROBLEM),
        ({}, BROKEN, StepMark.PROBLEM),
    ],
)
def test_what_is_broken_or_asked_too_often_is_a_problem(
    limits: dict[str, Any], row: dict[str, Any], mark: StepMark
) -> None:
    step = status_step(status(limits, **row))
    assert step.mark is mark
    assert bool(step.advice) == (mark is StepMark.PROBLEM)


@pytest.mark.parametrize("row", [{"next_start_at": DAY}, {**BROKEN, "probe_at": DAY}])
def test_a_source_whose_next_lookup_was_moved_is_a_problem(row: dict[str, Any]) -> None:
    step = status_step(status({"rate": "5/s"}, **row))
    assert step.mark is StepMark.PROBLEM
    assert "not asked until 2026-11-26 16:00:00Z" in step.found
    assert "next_start_at" in step.advice


@pytest.mark.parametrize("row", [{"next_start_at": LATER}, {"probe_at": DAY}])
def test_a_next_lookup_that_its_limits_explain_is_none(row: dict[str, Any]) -> None:
    assert status_step(status({"rate": "1/d"}, **row)).mark is StepMark.OK
