"""What is filled in by the million is what the engine and a platform would have left; the tables are whole again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from bench.scale import shape
from bench.scale.filler import TABLES, Filler, filled_with
from bench.scale.shape import Size
from jurat.database import open_engine
from jurat.seal import Seal, generate
from store.configurations.publisher import ConfigPublisher
from store.verdicts.access import AccessRows
from tests.rigs.servers import Databases

SIZE = Size(300, 1_500)

CATALOGUE = """
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%(tables)s)
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
      WHERE conrelid::regclass::text = ANY(%(tables)s) AND convalidated
    UNION ALL SELECT 'trigger', tgname, tgenabled::text || pg_get_triggerdef(oid) FROM pg_trigger
      WHERE tgrelid::regclass::text = ANY(%(tables)s) AND NOT tgisinternal
    ORDER BY 1, 2, 3"""


def catalogue(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute(CATALOGUE, {"tables": list(TABLES)}).fetchall()


@pytest.fixture(scope="module")
def _filled(
    postgresql_server: Databases, _migrated_postgresql: str
) -> Iterator[tuple[str, psycopg.Connection[Any], Filler, list[Any]]]:
    url = postgresql_server.create(template=_migrated_postgresql)
    engine = open_engine(url)
    ConfigPublisher(engine).apply(shape.configuration(), "someone")
    engine.dispose()
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        before = catalogue(connection)
        filling = Filler(connection, Seal(generate()[1]), lambda _: None)
        assert filled_with(connection) is None
        filling.fill(SIZE)
        yield url, connection, filling, before
    postgresql_server.drop(url)


@pytest.fixture
def url(_filled: Any) -> str:
    return str(_filled[0])


@pytest.fixture
def connection(_filled: Any) -> psycopg.Connection[Any]:
    found: psycopg.Connection[Any] = _filled[1]
    return found


@pytest.fixture
def filling(_filled: Any) -> Filler:
    found: Filler = _filled[2]
    return found


@pytest.fixture
def catalogue_before(_filled: Any) -> list[Any]:
    found: list[Any] = _filled[3]
    return found


def one(connection: psycopg.Connection[Any], sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


@pytest.mark.slow
def test_every_key_index_and_guard_is_there_again(
    connection: psycopg.Connection[Any], catalogue_before: list[Any]
) -> None:
    assert len(catalogue_before) > 20
    assert catalogue(connection) == catalogue_before


@pytest.mark.slow
def test_as_many_are_there_as_were_asked_for(connection: psycopg.Connection[Any]) -> None:
    counts = "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'settled')"
    pending, settled = one(connection, f"{counts} FROM jurat_checks")
    assert (pending, settled) == (SIZE.pending, SIZE.settled)
    assert filled_with(connection) == SIZE
    assert one(connection, "SELECT count(*) FROM jurat_verdicts") == settled
    assert one(connection, "SELECT count(*) FROM jurat_access") == SIZE.people


def test_only_who_waits_has_an_answer_and_nobody_is_past_the_deadline(connection: psycopg.Connection[Any]) -> None:
    assert one(connection, "SELECT count(*) FROM jurat_checks WHERE (answer IS NULL) <> (state = 'settled')") == 0
    assert one(connection, "SELECT count(*) FROM jurat_checks WHERE state = 'pending' AND deadline_at < now()") == 0


def test_every_queue_of_the_small_one_is_there_in_the_large_one(connection: psycopg.Connection[Any]) -> None:
    queues = one(
        connection,
        "SELECT count(DISTINCT (source, priority, consultation)) FROM jurat_checks WHERE state = 'pending'",
    )
    assert queues > shape.CONSULTATIONS * len(shape.SOURCES)


def test_access_is_what_the_ledger_adds_up_to(url: str, connection: psycopg.Connection[Any]) -> None:
    rows = "SELECT consultation, participant, access, questions, rounds_left FROM jurat_access ORDER BY 1, 2"
    before = connection.execute(rows).fetchall()
    assert {row[2] for row in before} == {"granted", "pending", "blocked"}
    engine = open_engine(url)
    with engine.begin() as transaction:
        AccessRows().add_up(transaction, {(row[0], row[1]) for row in before})
    engine.dispose()
    assert connection.execute(rows).fetchall() == before


def test_random_ids_and_participants_are_those_that_are_there(
    connection: psycopg.Connection[Any], filling: Filler
) -> None:
    for state in ("pending", "settled"):
        found = filling.some(SIZE, state, 200)
        there = connection.execute("SELECT DISTINCT state FROM jurat_checks WHERE id = ANY(%s)", (found,)).fetchall()
        assert there == [(state,)]
        count = connection.execute("SELECT count(*) FROM jurat_checks WHERE id = ANY(%s)", (found,)).fetchone()
        assert count == (len(set(found)),)
        assert len(set(found)) > 50
    people = filling.participants(SIZE, 200)
    assert len(people) == 200
    assert len(set(people)) > 50
    there = connection.execute("SELECT consultation, participant FROM jurat_access").fetchall()
    assert set(people) <= set(there)


def test_more_may_come_with_the_indexes_there(connection: psycopg.Connection[Any], filling: Filler) -> None:
    assert filling.add(SIZE, 12) == (12, 12)
    newest = one(connection, "SELECT count(*) FROM jurat_checks WHERE submitted_at > now() - interval '30 minutes'")
    assert newest >= 12


def test_the_guards_refuse_what_they_always_refuse(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot be changed"):
        connection.execute("UPDATE jurat_verdicts SET outcome = 'accepted'")


def test_ids_begin_with_the_milliseconds_of_the_submit(connection: psycopg.Connection[Any]) -> None:
    sql = """
        SELECT max(abs(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint
                       - extract(epoch FROM submitted_at) * 1000)) FROM jurat_checks"""
    ((apart,),) = connection.execute(sql).fetchall()
    assert apart <= 1
