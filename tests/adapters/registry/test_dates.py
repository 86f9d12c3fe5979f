from __future__ import annotations

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Unreadable
from adapters.registry.dates import DateReader, DaySpan

PARIS = ZoneInfo("Europe/Paris")


def day(year: int, month: int, day: int) -> DaySpan:
    return DaySpan(date(year, month, day), date(year, month, day))


@pytest.mark.parametrize(
    ("form", "text", "span"),
    [
        ("%Y%m%d", "19660528", day(1966, 5, 28)),
        ("%Y%m%d%H%M%S", "19730118000000", day(1973, 1, 18)),
        ("%d/%m/%Y", "28/05/1966", day(1966, 5, 28)),
        ("%d/%m/%Y", "8/5/1966", day(1966, 5, 8)),
        ("%m%d%Y", "11052026", day(2026, 11, 5)),
        ("%d.%m.%y", "05.11.68", day(2068, 11, 5)),
        ("%d.%m.%y", "05.11.69", day(1969, 11, 5)),
        ("%Y-%m-%dT%H:%M:%S", "2026-11-05T23:59:59", day(2026, 11, 5)),
        ("(%Y)", "(2026)", DaySpan(date(2026, 1, 1), date(2026, 12, 31))),
        ("%Y-%m", "1973-02", DaySpan(date(1973, 2, 1), date(1973, 2, 28))),
        ("%m/%Y", "2/2024", DaySpan(date(2024, 2, 1), date(2024, 2, 29))),
        ("%Y-%m-%d", "9999-12-31", day(9999, 12, 31)),
        ("iso", "2026", DaySpan(date(2026, 1, 1), date(2026, 12, 31))),
        ("iso", "2026-11", DaySpan(date(2026, 11, 1), date(2026, 11, 30))),
        ("iso", "2026-11-05", day(2026, 11, 5)),
        ("iso", "2026-11-05Z", day(2026, 11, 5)),
        ("iso", "2026-11-05+01:00", day(2026, 11, 5)),
        ("iso", "2026-11-05T23:30", day(2026, 11, 5)),
        ("iso", "2026-11-05 23:30:00.123", day(2026, 11, 5)),
        ("iso", "2026-11-05T23:30:00Z", day(2026, 11, 6)),
        ("iso", "2026-11-05T22:30:00,5Z", day(2026, 11, 5)),
        ("iso", "2026-11-06T04:30:00+0600", day(2026, 11, 5)),
        ("iso", "9999-12-31T23:59:59Z", day(9999, 12, 31)),
        ("epoch_s", "1793835000", day(2026, 11, 5)),
        ("epoch_s", "1793921400", day(2026, 11, 6)),
        ("epoch_s", "1793921400.75", day(2026, 11, 6)),
        ("epoch_s", "-1000000000", day(1938, 4, 24)),
        ("epoch_ms", "1793921400000", day(2026, 11, 6)),
        ("epoch_ms", "-1000000000000", day(1938, 4, 24)),
        ("epoch_s", "253402300799", day(9999, 12, 31)),
        ("epoch_s", "253402210800", day(9999, 12, 30)),  # the last midnight in Paris
        ("epoch_s", "4299999999", day(2106, 4, 6)),
        ("epoch_ms", "253402300799000", day(9999, 12, 31)),
    ],
)
def test_a_date_is_the_days_that_it_may_be(form: str, text: str, span: DaySpan) -> None:
    assert DateReader(form, PARIS).read(text) == span


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y%m%d", ""),
        ("%Y%m%d", "---"),
        ("%Y%m%d", "1966528"),
        ("%Y%m%d", "19660532"),
        ("%Y%m%d", "20260229"),
        ("%Y%m%d", "00000000"),
        ("%Y%m%d", "00010101"),
        ("%Y%m%d", "17530101"),
        ("%Y%m%d", "19000101"),
        ("%Y%m%d", "19660528000000"),
        ("%Y%m%d", "１９６６０５２８"),
        ("%Y-%m-%d", "1966-05-28\n1"),
        ("%d.%m.%Y", "05x11x2026"),
        ("%d/%m/%Y", "05/28/1966"),
        ("%Y", "1899"),
        ("iso", "2026-13"),
        ("iso", "20261105"),
        ("iso", "2026-W45-4"),
        ("iso", "05.11.2026"),
        ("epoch_s", "2026-11-05"),
        ("epoch_s", "0"),
        ("epoch_s", "1e9"),
        ("epoch_s", "1793921400000"),
        ("epoch_s", "170812800000"),  # milliseconds of 1975
        ("epoch_s", "4300000000"),
        ("epoch_s", "253402100000"),
        ("epoch_ms", "170812800000000"),  # microseconds
        ("epoch_s", "9" * 18),
        ("epoch_s", "9" * 400),
        ("epoch_ms", "1793921400"),
        ("epoch_ms", "-1000000000"),
        ("epoch_ms", "0"),
        ("epoch_ms", "-9999999999999999"),
    ],
)
def test_what_is_no_such_date_is_unreadable(form: str, text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        DateReader(form, PARIS).read(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "form", "text", "span"),
    [
        ("America/Chicago", "epoch_s", "170812800", DaySpan(date(1975, 5, 31), date(1975, 6, 1))),
        ("America/Chicago", "epoch_ms", "170812800000", DaySpan(date(1975, 5, 31), date(1975, 6, 1))),
        ("America/Chicago", "epoch_s", "170812801", day(1975, 5, 31)),
        ("America/Chicago", "iso", "1975-06-01T00:00:00Z", DaySpan(date(1975, 5, 31), date(1975, 6, 1))),
        ("America/Chicago", "iso", "1975-06-01T00:00:00.000-04:00", DaySpan(date(1975, 5, 31), date(1975, 6, 1))),
        ("America/Chicago", "iso", "1975-06-01T00:00:00-05:00", day(1975, 6, 1)),
        ("America/Chicago", "iso", "1975-06-01T00:00:00", day(1975, 6, 1)),
        ("America/Chicago", "iso", "1975-06-01T04:30:00Z", day(1975, 5, 31)),
        ("Europe/Paris", "epoch_s", "170812800", day(1975, 6, 1)),
        ("Europe/Paris", "iso", "2026-11-05T23:59:59.999Z", DaySpan(date(2026, 11, 5), date(2026, 11, 6))),
        ("Pacific/Auckland", "epoch_s", "170812800", day(1975, 6, 1)),
        ("Pacific/Kiritimati", "iso", "2026-06-01T00:00:00-11:00", DaySpan(date(2026, 6, 1), date(2026, 6, 2))),
    ],
)
def test_a_moment_at_midnight_may_be_that_day_itself(zone: str, form: str, text: str, span: DaySpan) -> None:
    assert DateReader(form, ZoneInfo(zone)).read(text) == span


@given(st.dates(date(1900, 1, 2), date(9999, 12, 31)), st.sampled_from(["%Y%m%d", "%d/%m/%Y", "%Y-%m-%d", "%m%d%Y"]))
def test_every_day_is_read_as_it_is_written(written: date, form: str) -> None:
    assert DateReader(form, UTC).read(written.strftime(form).rjust(8, "0")) == DaySpan(written, written)


@given(
    st.text("0123456789-/.:TZ+ %", max_size=40), st.sampled_from(["%Y%m%d", "%d/%m/%y", "iso", "epoch_s", "epoch_ms"])
)
def test_no_text_makes_it_fail_otherwise(text: str, form: str) -> None:
    try:
        span = DateReader(form, PARIS).read(text)
    except Unreadable:
        return
    assert date(1900, 1, 1) <= span.first <= span.last
    assert span.last - span.first < timedelta(days=366)
