from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from jurat.dialects import dialect_of
from jurat.ids import uuid7
from jurat.queries import read_json
from jurat.times import instant, moment
from tests.jurat.consultations import Town

TIMES = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 - the zone comes beside it
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))


def add(connection: Connection, given_id: UUID, time: datetime, detail: Any) -> None:
    dialect = dialect_of(connection)
    values = f"{dialect.uuid()}, {dialect.parameter('at', 'timestamptz')}, {dialect.parameter('detail', 'jsonb')}"
    sql = f"INSERT INTO jurat_audit (id, at, detail, actor, action, subject) VALUES ({values}, '', '', '')"
    written = {"id": str(given_id), "at": dialect.time_text(time), "detail": json.dumps(detail)}
    connection.execute(text(sql), written)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(time=TIMES)
def test_a_time_and_an_id_come_back_as_they_were_written(town: Town, time: datetime) -> None:
    given_id = uuid7()
    dialect = dialect_of(town.engine)
    sql = f"SELECT id, at, detail FROM jurat_audit WHERE at = {dialect.parameter('at', 'timestamptz')}"
    with town.engine.connect() as connection:
        add(connection, given_id, time, {"é": ["\"'", 1, None]})
        [(found_id, at, detail)] = connection.execute(text(sql), {"at": dialect.time_text(time)}).all()
        connection.rollback()
    assert (UUID(str(found_id)), instant(at), read_json(detail)) == (given_id, time, {"é": ["\"'", 1, None]})
    assert instant(at).tzinfo is UTC


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(times=st.lists(TIMES, min_size=2, max_size=6, unique=True))
def test_times_sort_in_the_database_as_they_do_outside(town: Town, times: list[datetime]) -> None:
    with town.engine.connect() as connection:
        for time in times:
            add(connection, uuid7(), time, {})
        found = connection.execute(text("SELECT at FROM jurat_audit ORDER BY at")).scalars().all()
        connection.rollback()
    assert [moment(at) for at in found] == sorted(times)


def test_no_time_stays_none() -> None:
    assert moment(None) is None


def test_a_time_without_a_zone_is_utc_as_sqlite_writes_it() -> None:
    assert moment("2026-11-25 13:00:00.250") == datetime(2026, 11, 25, 13, 0, 0, 250_000, UTC)
