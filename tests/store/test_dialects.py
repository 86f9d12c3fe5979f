"""One conformance suite for both dialects: what each piece of SQL means, asked of the engine itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from jurat.dialects import BY_NAME as CONTRACT
from jurat.times import instant
from store.dialects import BY_NAME, StoreDialect, dialect_of
from tests.store.desk import Desk


class Asked:
    """An engine that answers expressions in its dialect."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect: StoreDialect = dialect_of(connection)

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(text(sql), parameters)]

    def value(self, expression: str, **parameters: Any) -> Any:
        ((value,),) = self.rows(f"SELECT {expression}", **parameters)
        return value


@pytest.fixture
def asked(desk: Desk) -> Iterator[Asked]:
    with desk.engine.connect() as connection:
        yield Asked(connection)


def test_each_engine_has_a_dialect_on_both_floors() -> None:
    assert list(BY_NAME) == list(CONTRACT) == ["postgresql", "sqlite"]
    for name, dialect in BY_NAME.items():
        assert isinstance(dialect, type(CONTRACT[name]))


@pytest.mark.parametrize("seconds", ["5.25", "0.0", "-3.5", "172800"])
def test_times_are_moved_by_seconds(asked: Asked, seconds: str) -> None:
    dialect = asked.dialect
    now = dialect.now()
    for moved in (dialect.later(now, seconds), dialect.now(seconds)):
        assert float(asked.value(dialect.seconds_between(moved, now))) == pytest.approx(float(seconds), abs=0.005)
    back = dialect.later(now, f"(-{dialect.parameter('seconds', 'float8')})")
    gone = asked.value(dialect.seconds_between(now, f"({back})"), seconds=float(seconds))
    assert float(gone) == pytest.approx(float(seconds), abs=0.005)


def test_the_clock_counts_from_1970(asked: Asked) -> None:
    dialect = asked.dialect
    (row,) = asked.rows(f"SELECT {dialect.clock()}, {dialect.now()}")
    assert row[0] == pytest.approx(instant(row[1]).timestamp(), abs=0.005)
    assert asked.value(f"{dialect.begin_of_time} < {dialect.now()}")
    assert float(asked.value(dialect.epoch(dialect.begin_of_time))) == pytest.approx(0, abs=0.001)


def test_a_missing_time_is_never_the_later(asked: Asked) -> None:
    dialect = asked.dialect
    now, tomorrow = dialect.now(), dialect.now("86400")
    null = "(SELECT next_start_at FROM jurat_sources WHERE false)"
    assert asked.value(f"{dialect.latest(null, now)} = {now}")
    assert asked.value(f"{dialect.latest(tomorrow, now)} > {dialect.now('86399')}")


def test_a_time_in_a_parameter_is_what_the_clock_makes_of_it(asked: Asked) -> None:
    dialect = asked.dialect
    now = instant(asked.value(dialect.now()))
    given = dialect.parameter("at", "timestamptz")
    away = asked.value(dialect.seconds_between(dialect.now(), given), at=dialect.time_text(now))
    assert 0 <= float(away) < 3600


def test_the_least_and_the_greatest(asked: Asked) -> None:
    assert asked.value(asked.dialect.least("3", "1", "2")) == 1
    assert asked.value(asked.dialect.greatest("3", "1", "2")) == 3


@pytest.mark.parametrize(("word", "octets"), [("", 0), ("ascii", 5), ("é", 2), ("😀", 4)])
def test_a_text_is_measured_in_bytes(asked: Asked, word: str, octets: int) -> None:
    assert asked.value(asked.dialect.octets(asked.dialect.parameter("word", "text")), word=word) == octets


@pytest.mark.parametrize("name", ["plain", "with.dot", "with space", "é", "0", "[0]", "$"])
def test_any_key_of_a_document_is_found(asked: Asked, name: str) -> None:
    dialect = asked.dialect
    document = json.dumps({"other": "no", name: "yes"})
    found = f"{dialect.parameter('document', 'jsonb')} ->> {dialect.key('name')}"
    assert asked.value(found, document=document, name=name) == "yes"


def test_a_table_is_there_or_not(asked: Asked) -> None:
    assert asked.rows(asked.dialect.has_table("jurat_checks")) == [(1,)]
    assert asked.rows(asked.dialect.has_table("jurat_nothing")) == [(0,)]


def test_each_row_is_joined_to_its_own(asked: Asked, desk: Desk) -> None:
    first, second = desk.submit("p-1"), desk.submit("p-2")
    dialect = asked.dialect
    rows = dialect.rowset("position int, participant text")
    given = json.dumps([{"position": n, "participant": who} for n, who in enumerate(["p-1", "nobody", "p-2"])])
    for join in (
        dialect.join_each("jurat_checks c", "c.participant = r.participant", "c.id", left=True),
        dialect.join_some("jurat_checks c", "c.participant = r.participant", 1, "c.id", left=True),
    ):
        found = asked.rows(f"SELECT r.position, c.id FROM {rows} {join} ORDER BY 1", rows=given)
        assert [(n, check and str(check)) for n, check in found] == [(0, str(first.id)), (1, None), (2, str(second.id))]
    inner = dialect.join_each("jurat_checks c", "c.participant = r.participant", "c.id")
    assert asked.rows(f"SELECT r.position FROM {rows} {inner} ORDER BY 1", rows=given) == [(0,), (2,)]


def test_seconds_are_kept_to_what_a_time_can_be(asked: Asked) -> None:
    dialect = asked.dialect
    for seconds in (0.0, 0.0001, 1 / 3, 2.5):
        kept = dialect.rounded_up(seconds)
        assert seconds <= kept < seconds + 0.001
        moved = asked.value(
            dialect.seconds_between(dialect.later(dialect.begin_of_time, str(kept)), dialect.begin_of_time)
        )
        assert float(moved) == pytest.approx(kept, abs=0.0001)


def test_times_that_nobody_can_read_are_told_apart(desk: Desk) -> None:
    check = desk.submit().id
    dialect = dialect_of(desk.engine)
    good = f"SELECT count(*) FROM jurat_checks WHERE {dialect.readable('due_at', 'deadline_at')}"
    assert desk.one(good) == 1
    far = "'infinity'" if dialect.has_users else "'whenever'"
    desk.sql(f"UPDATE jurat_checks SET due_at = {far} WHERE id = :id", id=desk.id(check))
    assert desk.one(good) == 0
