from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from jurat.columns import moment
from jurat.ids import uuid7
from jurat.tables import audit
from tests.jurat.consultations import Town

TIMES = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 - the zone comes beside it
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(time=TIMES)
def test_a_time_and_an_id_come_back_as_they_were_written(town: Town, time: datetime) -> None:
    given_id = uuid7()
    row = {"id": given_id, "at": time, "actor": "", "action": "", "subject": "", "detail": {"é": ["\"'", 1, None]}}
    with town.engine.connect() as connection:
        connection.execute(insert(audit).values(row))
        [found] = connection.execute(select(audit.c.id, audit.c.at, audit.c.detail).where(audit.c.at == time)).all()
        connection.rollback()
    assert found == (given_id, time, {"é": ["\"'", 1, None]})
    assert isinstance(found[0], UUID)
    assert found[1].tzinfo is UTC


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(times=st.lists(TIMES, min_size=2, max_size=6, unique=True))
def test_times_sort_in_the_database_as_they_do_outside(town: Town, times: list[datetime]) -> None:
    blank = {"actor": "", "action": "", "subject": "", "detail": {}}
    with town.engine.connect() as connection:
        connection.execute(insert(audit), [{"id": uuid7(), "at": time} | blank for time in times])
        found = list(connection.scalars(select(audit.c.at).order_by(audit.c.at)))
        connection.rollback()
    assert found == sorted(times)


def test_no_time_stays_none() -> None:
    assert moment(None) is None


def test_a_time_without_a_zone_is_utc_as_sqlite_writes_it() -> None:
    assert moment("2026-11-25 13:00:00.250") == datetime(2026, 11, 25, 13, 0, 0, 250_000, UTC)
