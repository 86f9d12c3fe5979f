"""The schema on both engines, and how a database stands to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import ReflectedColumn

from jurat.database import open_engine
from jurat.errors import ConfigurationError
from store.schema.baseline import tables_sql
from store.schema.migrations import upgrade, upgrade_sql
from store.schema.status import ADVICE, MIGRATIONS, SchemaStatus, schema_status
from tests.migrations.attacks import attempt, fill
from tests.migrations.catalogue import catalogue, differences
from tests.migrations.later import REVISION, become_later
from tests.rigs.servers import Databases


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: Databases = request.getfixturevalue("postgresql_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def migrated(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def plain(url: str) -> Any:
    if url.startswith("sqlite"):
        return sqlite3.connect(make_url(url).database or "", isolation_level=None)
    return psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )


def content(engine: Engine) -> set[tuple[str, str]]:
    """Kind and name of everything of ours in the database, apart from what the engines make by themselves."""
    if engine.dialect.name == "sqlite":
        sql = "SELECT type, name FROM sqlite_master WHERE name LIKE 'jurat%'"
    else:
        sql = """
            SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' END, relname
            FROM pg_class WHERE relnamespace = 'public'::regnamespace
            UNION SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal
            UNION SELECT 'function', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"""
    with engine.connect() as connection:
        return {(str(kind), str(name)) for kind, name in connection.exec_driver_sql(sql)}


def how(engine: Engine) -> SchemaStatus:
    with engine.connect() as connection:
        return schema_status(connection)


# -- what there is


def test_postgresql_tidies_up_early_where_rows_change_all_the_time(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL")
        options = {str(name): set(given) for name, given in found if str(name).startswith("jurat_")}
    engine.dispose()
    moving = {"fillfactor=85", "autovacuum_vacuum_scale_factor=0.01", "autovacuum_vacuum_threshold=2000"}
    small = {"fillfactor=20", "autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=200"}
    moved, few = ("jurat_checks", "jurat_access"), ("jurat_sources", "jurat_upkeep")
    assert options == dict.fromkeys(moved, moving) | dict.fromkeys(few, small)


def test_both_engines_have_the_same_tables_columns_keys_and_indexes(sqlite_url: str, postgresql_url: str) -> None:
    found = []
    for url in (sqlite_url, postgresql_url):
        engine = open_engine(url)
        look = inspect(engine)
        tables = sorted(name for name in look.get_table_names() if name.startswith("jurat_"))
        found.append(
            {
                table: {
                    "columns": [as_on_sqlite(column) for column in look.get_columns(table)],
                    "key": look.get_pk_constraint(table)["constrained_columns"],
                    "parents": sorted(
                        (key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                        for key in look.get_foreign_keys(table)
                    ),
                    "unique": sorted(unique["column_names"] for unique in look.get_unique_constraints(table)),
                    "indexes": sorted(
                        (str(index["name"]), index["column_names"], bool(index["unique"]))
                        for index in look.get_indexes(table)
                        if not index.get("duplicates_constraint")
                    ),
                }
                for table in tables
            }
            | {"views": {name: [each["name"] for each in look.get_columns(name)] for name in look.get_view_names()}}
        )
        engine.dispose()
    assert found[0] == found[1]
    made = re.findall(r"^CREATE TABLE (\w+)", tables_sql(MIGRATIONS), re.MULTILINE)
    assert {*made, "jurat_alembic_version", "views"} == set(found[0])
    views = {
        *("jurat_results", "jurat_review_queue", "jurat_zone_outlines", "jurat_code_lists", "jurat_sealed_answers")
    }
    assert set(found[0]["views"]) == views


SQLITE_TYPES = {
    "BYTEA": "BLOB",
    "DOUBLE PRECISION": "FLOAT",
    "JSONB": "JSON",
    "TIMESTAMP": "CHAR(23)",
    "UUID": "CHAR(36)",
    "VARCHAR(32)": "VARCHAR(32)",
    **{name: name for name in ("BIGINT", "BOOLEAN", "INTEGER", "SMALLINT", "TEXT")},
}
"""The type on SQLite of each that PostgreSQL has."""


def as_on_sqlite(column: ReflectedColumn) -> tuple[object, ...]:
    """A column's name, type, default, and whether it may be null."""
    written, default = str(column["type"]).partition(" COLLATE")[0], column["default"]
    kind = SQLITE_TYPES[written] if written not in SQLITE_TYPES.values() else written
    if default == "SESSION_USER":  # SQLite knows no users
        default = None
    return column["name"], kind, column["nullable"], default and default.partition("::")[0]


def test_tables_have_no_rowid_where_a_replace_could_take_it_over(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        sql = "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT wr AND name LIKE 'jurat%'"
        found = set(connection.exec_driver_sql(sql).scalars())
    engine.dispose()
    assert found == {"jurat_alembic_version", "jurat_checks", "jurat_configs", "jurat_contract", "jurat_datasets"}


@pytest.mark.parametrize(
    ("index", "columns", "state"),
    [
        ("jurat_checks_due", ["source", "priority", "consultation", "due_at"], "pending"),
        ("jurat_checks_deadline", ["source", "deadline_at"], "pending"),
        ("jurat_checks_last_chance", ["source"], "pending"),
        ("jurat_checks_leased", ["lease_until", "source"], "leased"),
    ],
)
def test_what_workers_look_for_has_an_index_of_its_own(
    migrated: Engine, index: str, columns: list[str], state: str
) -> None:
    sql = (
        f"SELECT sql FROM sqlite_master WHERE name = '{index}'"
        if migrated.dialect.name == "sqlite"
        else f"SELECT indexdef FROM pg_indexes WHERE indexname = '{index}'"
    )
    with migrated.connect() as connection:
        definition = str(connection.exec_driver_sql(sql).scalar_one())
    assert f"({', '.join(columns)})" in definition
    assert f"state = '{state}'" in definition


def test_candidates_whose_time_is_over_have_an_index_of_their_own(migrated: Engine) -> None:
    (index,) = (
        index for index in inspect(migrated).get_indexes("jurat_checks") if index["name"] == "jurat_checks_candidates"
    )
    assert index["column_names"] == ["candidates_until"]


# -- running them


def test_they_run_once_and_then_there_is_nothing_to_do(empty: Engine) -> None:
    assert how(empty) is SchemaStatus.EMPTY
    upgrade(empty)
    assert how(empty) is SchemaStatus.CURRENT
    before = content(empty)
    upgrade(empty)
    assert content(empty) == before
    with empty.connect() as connection:
        assert connection.execute(text("SELECT version FROM jurat_contract")).all() == [(1,)]


def upgrade_at_once(url: str, ready: Any, said: Any) -> None:
    engine = open_engine(url)
    ready.wait(30)
    try:
        upgrade(engine)
    except Exception as error:  # noqa: BLE001 - told to the test
        said.put(repr(error))
    else:
        said.put("")
    engine.dispose()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    ("engine", "rounds"), [("sqlite", 6), ("postgresql", 2), pytest.param("pgbouncer", 1, marks=pytest.mark.slow)]
)
def test_two_at_once_wait_for_each_other(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, rounds: int
) -> None:
    fork = multiprocessing.get_context("fork")  # alembic is not for threads, and new processes take seconds to start
    for number in range(rounds):
        match engine:
            case "sqlite":
                url = f"sqlite:///{tmp_path}/{number}.db"
            case "postgresql":
                url = request.getfixturevalue("postgresql_server").create()
            case _:  # its one connection is everybody's, and so would a lock of the session be
                empty = request.getfixturevalue("postgresql_server").create()
                pooled = make_url(request.getfixturevalue("pooled_url")).set(database=make_url(empty).database)
                url = pooled.render_as_string(hide_password=False)
        ready, said = fork.Barrier(2), fork.Queue()
        processes = [fork.Process(target=upgrade_at_once, args=(url, ready, said)) for _ in range(2)]
        for process in processes:
            process.start()
        assert [said.get(timeout=60) for _ in processes] == ["", ""]
        for process in processes:
            process.join(60)
        engine_after = open_engine(url)
        assert how(engine_after) is SchemaStatus.CURRENT
        engine_after.dispose()


def test_sqlite_shows_nobody_a_step_between_for_no_lock_outlives_a_transaction_there(tmp_path: Path) -> None:
    seen: list[str] = []
    path = tmp_path / "empty.db"

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "CREATE TRIGGER" not in statement:
            return
        with contextlib.closing(sqlite3.connect(path)) as other:
            try:
                seen.extend(row[0] for row in other.execute("SELECT version_num FROM jurat_alembic_version"))
            except sqlite3.OperationalError as error:
                seen.append(str(error))

    engine = open_engine(f"sqlite:///{path}")
    event.listen(engine, "before_cursor_execute", look)
    upgrade(engine)
    engine.dispose()
    assert set(seen) == {"no such table: jurat_alembic_version"}


def test_the_migrations_as_sql_make_the_same_by_hand(
    request: pytest.FixtureRequest, empty_url: str, empty: Engine
) -> None:
    script = upgrade_sql(empty.dialect.name)
    with contextlib.closing(plain(empty_url)) as connection:
        if isinstance(connection, sqlite3.Connection):
            connection.executescript(script)
        else:
            connection.execute(script.encode())
        fill(connection)
        assert "jurat: " in attempt(connection, "UPDATE jurat_verdicts SET outcome = 'accepted'")
    migrated = open_engine(request.getfixturevalue(f"{empty.dialect.name}_url"))
    assert content(empty) == content(migrated)
    assert how(empty) is SchemaStatus.CURRENT
    migrated.dispose()


def test_what_is_not_ours_stays_alone(empty_url: str, empty: Engine) -> None:
    with contextlib.closing(plain(empty_url)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('the platform''s own')")
        connection.execute("CREATE TABLE participants (name text)")
        connection.execute("INSERT INTO participants VALUES ('Ada Exemple')")
    upgrade(empty)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [("the platform's own",)]
        assert connection.execute(text("SELECT name FROM participants")).all() == [("Ada Exemple",)]


# -- how a database stands


def change(engine: Engine, *statements: str) -> SchemaStatus:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    return how(engine)


def test_a_database_without_tables_is_empty(empty: Engine) -> None:
    assert how(empty) is SchemaStatus.EMPTY
    assert change(empty, "CREATE TABLE jurat_alembic_version (version_num varchar(32))") is SchemaStatus.EMPTY


def test_a_database_stands_current_behind_ahead_or_foreign(
    migrated: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert how(migrated) is SchemaStatus.CURRENT
    with monkeypatch.context() as patch:
        become_later(patch, tmp_path)
        assert how(migrated) is SchemaStatus.BEHIND
    assert change(migrated, f"UPDATE jurat_alembic_version SET version_num = '{REVISION}'") is SchemaStatus.AHEAD
    assert change(migrated, "UPDATE jurat_contract SET version = 2") is SchemaStatus.FOREIGN
    assert change(migrated, "ALTER TABLE jurat_contract RENAME TO elsewhere") is SchemaStatus.FOREIGN


@pytest.mark.parametrize("revision", ["0001", "0018", "0028"])
def test_a_database_of_a_version_that_was_never_released_is_said_to_be_one_and_left_alone(
    migrated: Engine, revision: str
) -> None:
    assert change(migrated, f"UPDATE jurat_alembic_version SET version_num = '{revision}'") is SchemaStatus.UNRELEASED
    with migrated.connect() as connection:
        before = catalogue(connection)
    with pytest.raises(ConfigurationError, match="never released"):
        upgrade(migrated)
    with migrated.connect() as connection:
        assert differences(before, catalogue(connection)) == []
    assert how(migrated) is SchemaStatus.UNRELEASED


def test_an_upgrade_of_a_database_that_is_ahead_changes_nothing(migrated: Engine) -> None:
    change(migrated, f"UPDATE jurat_alembic_version SET version_num = '{REVISION}'")
    with pytest.raises(ConfigurationError, match="ahead of this program"):
        upgrade(migrated)
    assert how(migrated) is SchemaStatus.AHEAD


def test_only_what_serves_this_program_is_usable_and_each_standing_has_its_advice() -> None:
    assert [schema_status for schema_status in SchemaStatus if schema_status.usable] == [
        SchemaStatus.CURRENT,
        SchemaStatus.EXPANDED,
        SchemaStatus.AHEAD,
    ]
    assert set(ADVICE) == set(SchemaStatus)
    assert all(
        "bin/jurat db upgrade" in ADVICE[schema_status] for schema_status in (SchemaStatus.EMPTY, SchemaStatus.BEHIND)
    )
