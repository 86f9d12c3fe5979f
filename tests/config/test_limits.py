from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config import names
from config.hours import Hours
from config.limits import TRAVEL, BreakerLimits, LimitedSource
from jurat import publications

ROOT = Path(__file__).resolve().parents[2]

HOURS = {
    "timezone": "Europe/Paris",
    "open": ["mon-fri 08:00-18:00"],
    "closed": ["wed 12:00-12:30", "2026-12-24 22:00 - 2026-12-25 06:00"],
}


class TwoSteps(LimitedSource):
    """A source that sends two requests for each look-up."""

    @property
    def requests(self) -> int:
        return 2


def limited(**limits: Any) -> LimitedSource:
    return LimitedSource.model_validate(limits)


def test_a_source_without_limits_has_none() -> None:
    source = limited()
    assert (source.rate, source.burst, source.concurrency, source.daily, source.hours) == (None,) * 5
    assert source.interval is None
    assert source.breaker == BreakerLimits(failures=5, probe="1s")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "burst", "interval", "at_once"),
    [
        ("40/s", None, 0.025, 11),
        ("17/s", None, 1 / 17, 5),
        ("12/s", None, 1 / 12, 4),
        ("1/s", None, 1, 1),
        ("600/5min", None, 0.5, 1),
        ("600/5min", 20, 0.5, 20),
        ("40/s", 1, 0.025, 1),
    ],
)
def test_a_rate_gives_an_interval_and_a_burst(rate: str, burst: int | None, interval: float, at_once: int) -> None:
    source = limited(rate=rate, burst=burst)
    assert source.interval == pytest.approx(interval)
    assert source.lookups_at_once == at_once


@pytest.mark.parametrize(
    ("rate", "burst", "interval", "at_once"),
    [("17/s", None, 2 / 17, 2), ("1/s", None, 2, 1), ("40/s", 9, 0.05, 4), ("40/s", 1, 0.05, 1)],
)
def test_rate_and_burst_count_requests_of_which_a_look_up_may_send_several(
    rate: str, burst: int | None, interval: float, at_once: int
) -> None:
    source = TwoSteps.model_validate({"rate": rate, "burst": burst})
    assert source.interval == pytest.approx(interval)
    assert source.lookups_at_once == at_once


@pytest.mark.parametrize(
    ("limits", "late", "used"),
    [
        ({}, 0.2, 1),
        ({"rate": "17/s"}, 0.2, 1),
        ({"rate": "17/s", "burst": 3}, 2 / 17 - TRAVEL, 1),
        ({"rate": "1/s"}, 0.015, 1 / 1.015),
        ({"rate": "5/s", "burst": 1}, 0.003, 0.2 / 0.203),
        ({"rate": "10/s", "burst": 1}, 0.003, 0.1 / 0.103),
        ({"rate": "40/s", "burst": 1}, 0.003, 25 / 28),
        ({"rate": "100/s", "burst": 2}, 0.003, 1),
    ],
)
def test_the_burst_leaves_room_for_late_starts(limits: dict[str, Any], late: float, used: float) -> None:
    source = limited(**limits)
    assert source.late == pytest.approx(late)
    assert source.used == pytest.approx(used)


@given(st.integers(1, 10_000), st.integers(1, 1000))
def test_unless_told_otherwise_nearly_all_of_a_rate_is_used(count: int, period: int) -> None:
    assert limited(rate=f"{count}/{period}s").used > 0.9


def test_hours_are_read_once_and_written_as_they_were() -> None:
    source = limited(hours=HOURS)
    assert source.hours is not None
    assert source.hours.parsed == Hours.parse(HOURS["timezone"], HOURS["open"], HOURS["closed"])  # type: ignore[arg-type]
    assert source.hours.parsed is source.hours.parsed
    assert source.hours.parsed.closed_until(datetime(2026, 11, 25, 11, 15, tzinfo=UTC)) == datetime(
        2026, 11, 25, 11, 30, tzinfo=UTC
    )
    written = source.model_dump_json()
    assert source.model_dump(mode="json")["hours"] == HOURS
    assert LimitedSource.model_validate_json(written) == source == limited(hours=HOURS)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"burst": "5"}, "valid integer"),
        ({"daily": 0}, "greater than or equal to 1"),
        ({"breaker": {"failures": 1001}}, "less than or equal to 1000"),
        ({"hours": {**HOURS, "closed": ["mon-sun 00:00-24:00"]}}, "the source would never be open"),
        ({"hours": {"open": []}}, "Field required"),
    ],
)
def test_limits_out_of_bounds_are_refused(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        limited(**limits)


def test_a_name_is_one_where_it_is_for_the_client() -> None:
    """Two texts, for the process that reads hostile files of zones loads nothing that it does not need."""
    assert (f"^{publications.NAME.pattern}$", publications.NAMED) == (names.NAME_PATTERN, names.NAMED)
    program = "import sys, adapters.zone_import.layers; sys.exit(bool({'pydantic', 'sqlalchemy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
