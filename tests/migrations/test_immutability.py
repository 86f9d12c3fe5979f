"""Verdicts and audit rows against plain SQL, on a connection as anybody could open it, after the last migration."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from jurat.ids import uuid7
from tests.migrations.attacks import (
    AS_A_REPLICA,
    CHECK,
    INTO_AUDIT,
    INTO_VERDICTS,
    LATER,
    ON_A_CHECK,
    ON_BOTH,
    ON_POSTGRESQL,
    ON_SQLITE,
    ON_THE_CHECK_OF_A_VERDICT,
    OTHER,
    REPLACING_A_CHECK,
    REPLACING_A_CHECK_ON_SQLITE,
    STRANGER,
    SWITCHING_OFF,
    TIME,
    attempt,
    entry,
    fill,
    kept,
    not_refused,
    verdict,
)


@pytest.fixture
def on_sqlite(sqlite_url: str) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(make_url(sqlite_url).database or "", isolation_level=None)) as connection:
        fill(connection)
        yield connection


@pytest.fixture
def on_postgresql(postgresql_url: str) -> Iterator[psycopg.Connection]:
    url = make_url(postgresql_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        fill(connection)
        yield connection


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
def database(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


# -- nothing changes what stands


def test_how_long_a_verdict_is_kept_is_said_once(database: Any) -> None:
    database.execute(f"UPDATE jurat_verdicts SET retain_until = {LATER}")
    (found,) = database.execute("SELECT CAST(retain_until AS text) FROM jurat_verdicts").fetchone()
    assert found.startswith("2099-01-0")
    again = [
        f"UPDATE jurat_verdicts SET retain_until = {time}"
        for time in (LATER, "'2098-01-01 00:00:00.000'", "NULL", TIME)
    ]
    assert not_refused(database, again) == []


def test_postgresql_changes_no_verdict_no_audit_row_and_no_answer(on_postgresql: psycopg.Connection) -> None:
    assert (
        not_refused(on_postgresql, ON_BOTH + ON_A_CHECK + ON_THE_CHECK_OF_A_VERDICT + REPLACING_A_CHECK + ON_POSTGRESQL)
        == []
    )


def test_sqlite_changes_no_verdict_no_audit_row_and_no_answer(on_sqlite: sqlite3.Connection) -> None:
    on_sqlite.execute("PRAGMA foreign_keys = ON")
    assert not_refused(on_sqlite, ON_BOTH + ON_A_CHECK + ON_THE_CHECK_OF_A_VERDICT + ON_SQLITE) == []


def test_sqlite_does_not_either_where_foreign_keys_are_off_as_they_are_by_default(
    on_sqlite: sqlite3.Connection,
) -> None:
    assert on_sqlite.execute("PRAGMA foreign_keys").fetchone() == (0,)
    assert not_refused(on_sqlite, ON_BOTH + ON_A_CHECK + ON_THE_CHECK_OF_A_VERDICT + ON_SQLITE) == []


def test_a_superuser_who_plays_the_replica_changes_nothing_either(on_postgresql: psycopg.Connection) -> None:
    on_postgresql.execute("SET session_replication_role = replica")
    assert not_refused(on_postgresql, AS_A_REPLICA) == []


def test_sqlite_ignores_what_would_replace_a_check(on_sqlite: sqlite3.Connection) -> None:
    for attack in REPLACING_A_CHECK_ON_SQLITE:
        attempt(on_sqlite, attack)  # asserts that nothing changed


def test_a_participant_can_be_erased_from_a_check(database: Any) -> None:
    database.execute(f"UPDATE jurat_checks SET participant = 'erased-1' WHERE id = '{CHECK}'")
    assert database.execute(f"SELECT participant FROM jurat_checks WHERE id = '{CHECK}'").fetchone() == ("erased-1",)


def test_the_refusal_says_what_to_do_instead(database: Any) -> None:
    said = attempt(database, "UPDATE jurat_verdicts SET outcome = 'accepted'")
    assert "jurat: " in said
    assert "a verdict cannot be changed; add a revision" in said


def test_a_role_with_all_rights_to_the_rows_cannot_switch_this_off(on_postgresql: psycopg.Connection) -> None:
    role = f"platform_{uuid7().hex}"
    on_postgresql.execute(f"CREATE ROLE {role}")
    on_postgresql.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    on_postgresql.execute(f"SET ROLE {role}")
    try:
        assert not_refused(on_postgresql, ON_BOTH + ON_POSTGRESQL + SWITCHING_OFF) == []
    finally:
        on_postgresql.execute("RESET ROLE")
        on_postgresql.execute(f"DROP OWNED BY {role}")
        on_postgresql.execute(f"DROP ROLE {role}")


def test_copy_replaces_nothing(on_postgresql: psycopg.Connection) -> None:
    before = kept(on_postgresql)
    table = INTO_VERDICTS.removeprefix("INTO ").replace(", retain_until", "")
    for check_id in (CHECK, STRANGER):
        with (
            pytest.raises(psycopg.errors.IntegrityError),
            on_postgresql.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN") as copy,
        ):
            copy.write(f"{check_id}\t1\taccepted\tx\t{{}}\tme\t1\ttowns\t9\t2026-01-02 03:04:05\n")
    assert kept(on_postgresql) == before


# -- what is allowed


def test_verdicts_and_audit_rows_can_be_added_and_stay_as_the_others_do(database: Any) -> None:
    database.execute(f"INSERT {INTO_VERDICTS} VALUES ({verdict(revision='2')}), ({verdict(OTHER)})")
    database.execute(f"INSERT {INTO_AUDIT} VALUES ({entry(OTHER)})")
    verdicts, audit, _ = kept(database)
    assert [row[1:3] for row in verdicts] == [(1, "refused"), (2, "accepted"), (1, "accepted")]
    assert {row[2] for row in audit} == {"me", "clerk"}
    changes = ["UPDATE {} SET {} = 'other'", "DELETE FROM {}"]
    for table, column in (("jurat_verdicts", "outcome"), ("jurat_audit", "actor")):
        assert not_refused(database, [change.format(table, column) for change in changes]) == []


def test_a_verdict_is_deleted_after_its_retain_until_and_not_before(database: Any) -> None:
    sqlite = isinstance(database, sqlite3.Connection)
    clock = "strftime('%Y-%m-%d %H:%M:%f', 'now', '{} seconds')" if sqlite else "now() + interval '{} seconds'"
    for revision, seconds in (("2", 60), ("3", -1)):
        until = clock.format(seconds)
        database.execute(f"INSERT {INTO_VERDICTS} VALUES ({verdict(revision=revision, retain_until=until)})")
    assert not_refused(database, [f"DELETE FROM jurat_verdicts WHERE revision IN ({n}, 3)" for n in (1, 2)]) == []
    assert not_refused(database, ["UPDATE jurat_verdicts SET outcome = 'accepted' WHERE revision = 3"]) == []
    database.execute("DELETE FROM jurat_verdicts WHERE revision = 3")
    assert [row[1] for row in kept(database)[0]] == [1, 2]


def test_an_answer_is_erased_and_never_comes_back(database: Any) -> None:
    database.execute("UPDATE jurat_checks SET answer = answer, state = 'leased'")
    database.execute(f"UPDATE jurat_checks SET answer = NULL, state = 'settled' WHERE id = '{CHECK}'")
    said = attempt(database, f"UPDATE jurat_checks SET answer = 'other' WHERE id = '{CHECK}'")
    assert "a confirmed answer cannot be changed" in said
    erased = database.execute("SELECT answer IS NULL FROM jurat_checks ORDER BY id").fetchall()
    assert [bool(row[0]) for row in erased] == [True, False]
