"""What `db plan` says of a statement, compared with the locks that a server takes; and who may take away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from jurat.database import open_engine
from store.schema import migrations
from store.schema.migrations import UpgradeBlocked, upgrade
from store.schema.plan import Lock, Phase, effect_of, migration, one_line, plan
from store.schema.release import VERSION, is_older
from store.schema.status import SchemaStatus, known_revisions, schema_of, takes_away
from tests.migrations.later import REVISION, become_later, become_smaller
from tests.rigs.servers import Databases
from tests.rigs.waiting import until

STATEMENTS = [
    "ALTER TABLE jurat_pauses ADD COLUMN IF NOT EXISTS note text, ADD COLUMN IF NOT EXISTS more integer",
    "ALTER TABLE jurat_pauses ALTER COLUMN reason SET DEFAULT session_user",
    "ALTER TABLE jurat_pauses DROP COLUMN IF EXISTS reason",
    "ALTER TABLE jurat_pauses DROP CONSTRAINT IF EXISTS short, ADD CONSTRAINT short CHECK (reason <> '') NOT VALID",
    "ALTER TABLE jurat_pauses VALIDATE CONSTRAINT known",
    "ALTER TABLE jurat_audit ENABLE ALWAYS TRIGGER jurat_audit_not_emptied",
    "CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON jurat_audit EXECUTE FUNCTION jurat_refuse_change('never')",
    "DROP TRIGGER IF EXISTS jurat_audit_not_emptied ON jurat_audit",
    "CREATE TABLE IF NOT EXISTS jurat_notes (note text)",
    "CREATE TABLE IF NOT EXISTS jurat_notes (check_id uuid, FOREIGN KEY (check_id) REFERENCES jurat_checks (id))",
    "CREATE OR REPLACE VIEW jurat_sealed_answers AS SELECT answer_key, source, state FROM jurat_checks",
    "DROP VIEW IF EXISTS jurat_sealed_answers",
    "DROP TABLE IF EXISTS jurat_missing_keys",
    "CREATE OR REPLACE FUNCTION jurat_note() RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "REVOKE ALL ON FUNCTION jurat_wanted_slots() FROM PUBLIC",
]

_HELD = """
    SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
      AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')"""
"""The locks of this session that anyone else notices."""

_NAMES = {
    Lock.BESIDE: "ShareUpdateExclusiveLock",
    Lock.READERS: "ShareRowExclusiveLock",
    Lock.ALONE: "AccessExclusiveLock",
}

_ORDER = ("ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = open_engine(postgresql_url)
    yield engine
    engine.dispose()


def connect(engine: Engine) -> psycopg.Connection[Any]:
    return psycopg.connect(make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_takes_the_lock_that_the_plan_names_and_no_stronger_one(engine: Engine, statement: str) -> None:
    effect = effect_of(statement)
    with connect(engine) as connection:
        connection.execute("ALTER TABLE jurat_pauses ADD CONSTRAINT known CHECK (true) NOT VALID")
        ours = "SELECT oid, relname FROM pg_class WHERE relname LIKE 'jurat%%' AND relkind IN ('r', 'v')"
        names = dict(connection.execute(ours).fetchall())
        connection.commit()
        connection.execute(statement.encode())
        if effect.table not in names.values():  # nobody else sees a new table; its references are others' tables
            names = dict(connection.execute(ours).fetchall())
        held: dict[str, set[str]] = {}
        for table, mode in connection.execute(_HELD):
            if table in names:
                held.setdefault(names[table], set()).add(mode)
        connection.rollback()
    strongest = {table: max(modes, key=_ORDER.index) for table, modes in held.items()}
    assert strongest == ({effect.table: _NAMES[effect.lock]} if effect.table else {})


def test_an_index_that_is_built_beside_others_stops_no_one(engine: Engine) -> None:
    statement = "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_pauses_until ON jurat_pauses (until)"
    assert effect_of(statement).lock is Lock.BESIDE
    with connect(engine) as writer, connect(engine) as other:
        writer.execute("DELETE FROM jurat_pauses")  # the index waits for this transaction
        build = threading.Thread(target=run_alone, args=(engine, statement))
        build.start()
        sql = "SELECT mode FROM pg_locks WHERE relation = 'jurat_pauses'::regclass AND mode LIKE 'Share%'"
        assert until(lambda: other.execute(sql).fetchall() == [("ShareUpdateExclusiveLock",)])
        other.execute("INSERT INTO jurat_pauses VALUES ('s', now(), now(), 'why')")
        other.commit()
        writer.commit()
        build.join(60)


def run_alone(engine: Engine, statement: str) -> None:
    with connect(engine) as connection:
        connection.autocommit = True
        connection.execute(statement.encode())


@pytest.mark.parametrize("revision", known_revisions()[1:])
def test_each_migration_has_statements_that_are_known(revision: str) -> None:
    assert [effect_of(statement) for statement in migration(revision, "postgresql").statements]
    assert migration(revision, "sqlite").statements is not None, "SQLite has no logins, and may need none"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX jurat_pauses_until ON jurat_pauses (until)",  # stops all writes
        "CREATE INDEX CONCURRENTLY jurat_pauses_until ON jurat_pauses (until)",  # fails the second time
        "ALTER TABLE jurat_pauses ADD COLUMN note text",
        "ALTER TABLE jurat_pauses ADD CONSTRAINT short CHECK (length(reason) < 99)",
        "ALTER TABLE jurat_pauses ALTER COLUMN until TYPE text",  # writes the table again
        "UPDATE jurat_pauses SET reason = ''",
        "DROP TRIGGER jurat_audit_kept ON jurat_audit",
        "VACUUM jurat_checks",
    ],
)
def test_a_statement_that_stops_others_or_cannot_be_run_again_is_refused(statement: str) -> None:
    with pytest.raises(ValueError, match="may not contain"):
        effect_of(statement)


def test_the_plan_of_a_database_that_is_behind(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.begin() as connection:
        assert list(plan(connection)) == []
        connection.execute(text("UPDATE pg_class SET reltuples = 1234567 WHERE relname = 'jurat_pauses'"))
    become_later(monkeypatch, tmp_path)
    with engine.begin() as connection:
        column, index, function, *_ = plan(connection)
    assert (column.revision, column.phase, column.oldest_worker) == (REVISION, Phase.EXPAND, None)
    assert (column.statement, column.lock, column.table, column.rows) == (
        "ALTER TABLE jurat_pauses ADD COLUMN IF NOT EXISTS note text",
        Lock.ALONE,
        "jurat_pauses",
        0,
    )
    assert (index.lock, index.rows) == (Lock.BESIDE, 1_234_567)
    assert (function.lock, function.table, function.rows) == (Lock.NONE, "", 0)
    assert function.statement.endswith("= 'removed' $$"), "whole, for a program"
    assert len(one_line(function.statement)) == 80


# -- what takes away


@pytest.fixture
def larger(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database with a column more than the program of now needs, which may go."""
    engine = open_engine(database_url)
    become_smaller(monkeypatch, tmp_path)
    yield engine
    engine.dispose()


def has_claimed_at(engine: Engine) -> bool:
    with engine.connect() as connection:
        try:
            connection.execute(text("SELECT claimed_at FROM jurat_claims"))
        except Exception:  # noqa: BLE001 - of either driver
            return False
        return True


def add_worker(engine: Engine, version: str, seen: str = "now") -> None:
    now = "CURRENT_TIMESTAMP" if seen == "now" else "'2020-01-01 00:00:00.000'"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"""INSERT INTO jurat_workers (id, host, name, version, revision, started_at, seen_at, slots, held,
                unseal_keys, hash_keys, ready, stopping)
                VALUES ('019b0000-0000-7000-8000-000000000001', 'h', 'w', '{version}', 'r', {now}, {now}, 1, 0,
                '[]', '[]', true, false)"""
            )
        )


def test_what_takes_away_runs_only_when_asked_for(larger: Engine) -> None:
    assert schema_of(larger) is SchemaStatus.EXPANDED
    upgrade(larger)
    assert has_claimed_at(larger)
    assert schema_of(larger) is SchemaStatus.EXPANDED
    upgrade(larger, contract=True)
    assert not has_claimed_at(larger)
    assert schema_of(larger) is SchemaStatus.CURRENT


def test_what_takes_away_is_refused_while_an_older_worker_runs(larger: Engine) -> None:
    add_worker(larger, "98.7.0+local")
    with pytest.raises(UpgradeBlocked, match=r"workers before 99\.0\.0 need, and w on h is of 98\.7\.0\+local"):
        upgrade(larger, contract=True)
    assert has_claimed_at(larger)
    with larger.begin() as connection:  # or that worker would claim nothing any more
        assert connection.scalar(text("SELECT oldest_worker FROM jurat_contract")) == "0.2.0"
        connection.execute(text("DELETE FROM jurat_workers"))
    add_worker(larger, "99.0.0")
    upgrade(larger, contract=True)
    assert not has_claimed_at(larger)


def test_a_worker_that_is_gone_stops_no_one(larger: Engine) -> None:
    add_worker(larger, "0.2.0", seen="long ago")
    upgrade(larger, contract=True)
    assert not has_claimed_at(larger)


def test_an_older_program_refuses_what_was_taken_away_from_it(larger: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(larger, contract=True)
    assert schema_of(larger) is SchemaStatus.CURRENT
    monkeypatch.undo()  # the program of now, which is older than 99.0.0
    found = schema_of(larger)
    assert found is SchemaStatus.TOO_NEW
    assert not found.usable


def test_what_takes_away_comes_before_what_a_later_release_adds(larger: Engine, tmp_path: Path) -> None:
    versions = tmp_path / "migrations" / "versions"
    (versions / "9002_more.py").write_text(
        f"""from alembic import op

revision, down_revision = "9002_more", {known_revisions()[-1]!r}
STATEMENTS = dict.fromkeys(("postgresql", "sqlite"), ("CREATE TABLE IF NOT EXISTS jurat_more (id integer)",))


def upgrade():
    op.get_context().config.attributes["perform"](STATEMENTS)
""",
        "utf-8",
    )
    assert schema_of(larger) is SchemaStatus.BEHIND
    with pytest.raises(UpgradeBlocked, match=r"has to run first.*--contract"):
        upgrade(larger)
    upgrade(larger, contract=True)
    assert schema_of(larger) is SchemaStatus.CURRENT


def test_what_takes_away_may_change_the_table_of_workers(
    postgresql_server: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the workers must not hold it."""
    url = postgresql_server.create()
    engine = open_engine(url)
    upgrade(engine)
    become_smaller(monkeypatch, tmp_path, table="jurat_workers", column="revision")
    monkeypatch.setattr(migrations, "PATIENCE", 1.0)
    upgrade(engine, contract=True)
    assert schema_of(engine) is SchemaStatus.CURRENT
    engine.dispose()
    postgresql_server.drop(url)


def test_a_program_that_is_too_old_is_told_so_before_anything_is_taken_away(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE jurat_contract SET oldest_worker = '98.0.0'"))
    assert schema_of(engine) is SchemaStatus.TOO_NEW


@pytest.mark.parametrize("revision", known_revisions()[1:])
def test_the_name_of_a_migration_says_whether_it_takes_away(revision: str) -> None:
    each = migration(revision, "postgresql")
    drops = [statement for statement in each.statements if " DROP COLUMN" in statement]
    assert takes_away(revision) is (each.phase is Phase.CONTRACT) is bool(each.oldest_worker)
    assert not drops or takes_away(revision)


# -- releases in order


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("0.2.0", "0.3.0", True),
        ("0.10.0", "0.9.0", False),
        ("0.3.0", "0.3.0", False),
        ("0.3.0+local", "0.3.0", False),
        ("0.3", "0.3.1", True),
        ("unknown", "0.1.0", True),
        (VERSION, VERSION, False),
    ],
)
def test_releases_are_in_order(version: str, than: str, older: bool) -> None:
    assert is_older(version, than) is older
