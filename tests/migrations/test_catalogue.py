"""Whether the comparison of two schemas sees what differs, and nothing else."""

from __future__ import annotations

import pytest

from jurat.database import open_engine
from store.schema.baseline import run
from tests.migrations.catalogue import catalogue, differences, normalised

CHANGES = {
    "a column": "ALTER TABLE jurat_pauses ADD COLUMN more text;",
    "an index": "DROP INDEX jurat_reviews_due;",
    "a view": "DROP VIEW jurat_code_lists;",
    "a row": "UPDATE jurat_contract SET version = 2;",
}

ON_SQLITE = {
    "a trigger": "DROP TRIGGER jurat_audit_kept;",
    "a default": "ALTER TABLE jurat_upkeep ADD COLUMN more text DEFAULT 'x';",
}

ON_POSTGRESQL = {
    "a default": "ALTER TABLE jurat_checks ALTER COLUMN priority SET DEFAULT 'bulk'",
    "what a page leaves free": "ALTER TABLE jurat_checks SET (fillfactor = 90)",
    "the statistics of a column": "ALTER TABLE jurat_checks ALTER COLUMN source SET STATISTICS 200",
    "a constraint": "ALTER TABLE jurat_attempts DROP CONSTRAINT jurat_attempts_check_id_fkey",
    "a check": "ALTER TABLE jurat_pauses ADD CHECK (began_at <= until)",
    "when a trigger fires": "ALTER TABLE jurat_checks ENABLE TRIGGER jurat_checks_kept",
    "as whom a function runs": "ALTER FUNCTION jurat_listen SECURITY INVOKER",
    "the path of a function": "ALTER FUNCTION jurat_submit RESET search_path",
    "what a function may do": "ALTER FUNCTION jurat_check_consultation VOLATILE",
    "a right to a table": "GRANT DELETE ON jurat_checks TO jurat_platform",
    "a right to a column": "GRANT UPDATE (state) ON jurat_checks TO jurat_platform",
    "a right to a function": "GRANT EXECUTE ON FUNCTION jurat_ask TO PUBLIC",
    "a comment": "COMMENT ON TABLE jurat_checks IS 'the queue'",
    "a sequence": "CREATE SEQUENCE jurat_numbers",
    "a type": "CREATE TYPE jurat_state AS ENUM ('pending')",
}


@pytest.mark.parametrize("what", [*CHANGES, *ON_SQLITE])
def test_the_comparison_sees_a_change_on_sqlite(sqlite_url: str, what: str) -> None:
    changed_is_seen(sqlite_url, {**CHANGES, **ON_SQLITE}[what])


@pytest.mark.parametrize("what", [*CHANGES, *ON_POSTGRESQL])
def test_the_comparison_sees_a_change_on_postgresql(postgresql_url: str, what: str) -> None:
    changed_is_seen(postgresql_url, {**CHANGES, **ON_POSTGRESQL}[what])


def changed_is_seen(url: str, change: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        before = catalogue(connection)
        run(connection, [change])
        assert differences(before, catalogue(connection))
    engine.dispose()


def test_the_comparison_sees_the_order_in_which_triggers_were_made(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        before = catalogue(connection)
        made = "SELECT sql FROM sqlite_master WHERE name = 'jurat_checks_once'"
        again = connection.exec_driver_sql(made).scalar_one()
        run(connection, ["DROP TRIGGER jurat_checks_once;", f"{again};"])
        (found,) = differences(before, catalogue(connection))
        assert found.startswith("triggers of BEFORE INSERT on jurat_checks:")
    engine.dispose()


def test_the_comparison_sees_the_order_in_which_indexes_were_made(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        before = catalogue(connection)
        again = "CREATE INDEX jurat_access_added_up ON jurat_access (consultation, config_version);"
        run(connection, ["DROP INDEX jurat_access_added_up;", again])
        (found,) = differences(before, catalogue(connection))
        assert found.startswith("indexes of jurat_access:")
    engine.dispose()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a,  b -- why\n FROM t ;", "SELECT a, b FROM t"),
        ("SELECT ( a , b )", "SELECT (a, b)"),
        ("SELECT 'a  b -- c', 'it''s' /* why */", "SELECT 'a  b -- c', 'it''s'"),
        ("SELECT 'a '\n  'b'", "SELECT 'a b'"),
    ],
)
def test_the_same_sql_may_be_laid_out_in_two_ways(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("SELECT 'a  b'", "SELECT 'a b'"), ("SELECT 'a', 'b'", "SELECT 'ab'"), ("SELECT a b", "SELECT ab")],
)
def test_other_sql_stays_other(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)
