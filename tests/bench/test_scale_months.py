"""The experiment with partitions by month has the schema of now, with each id in its month."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bench.scale import months
from jurat.database import open_engine
from jurat.ids import uuid7
from tests.rigs.servers import Databases

VERDICT = text("""
    INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,
                                fence, decided_at, retain_until)
    VALUES (:id, 1, 'accepted', 'code_valid', '{}', 'worker', 1, 's', 1, statement_timestamp(),
            statement_timestamp() + interval '1 d')""")


def test_each_id_is_in_its_month_and_the_guards_hold_there(postgresql_server: Databases) -> None:
    url = postgresql_server.create()
    engine = open_engine(url)
    months.make_tables(engine, 6)
    now, ids = datetime.now(UTC), (uuid7(), uuid4())
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign key is looked at
        for each in ids:
            connection.execute(VERDICT, {"id": each})
        place = "SELECT tableoid::regclass::text FROM jurat_verdicts WHERE check_id = :id"
        found = [connection.scalar(text(place), {"id": each}) for each in ids]
    assert found == [f"jurat_verdicts_{now:%Y_%m}", "jurat_verdicts_other"]
    for place in found:
        with pytest.raises(IntegrityError, match="before its retain_until"), engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {place}"))
    engine.dispose()
    postgresql_server.drop(url)


def test_the_months_follow_each_other_and_the_last_ones_are_to_come() -> None:
    tables = "CREATE TABLE jurat_verdicts (\n);\nCREATE TABLE jurat_attempts (\n);"
    sql = months.by_month(tables, 5, datetime(2026, 11, 30, tzinfo=UTC))
    named = [line.split()[2] for line in sql.splitlines() if "jurat_attempts_2" in line]
    assert named == [f"jurat_attempts_{month}" for month in ("2026_10", "2026_11", "2026_12", "2027_01", "2027_02")]
    bounds = [line.split("'")[1::2] for line in sql.splitlines() if "jurat_attempts_2" in line]
    assert [end for _, end in bounds[:-1]] == [begin for begin, _ in bounds[1:]]
    assert bounds[1][0] == "01a19467-e800-0000-0000-000000000000"  # 2026-11-01, in milliseconds since 1970
