"""Who may read the fleet, from which databases, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from jurat.database import open_engine
from store.monitoring.fleet import FleetReading, Observation
from store.monitoring.fleet_reader import FleetReader
from store.monitoring.notes import note_backup
from store.requests.request_rows import RequestKind
from store.schema.grants import DatabaseRole
from store.schema.status import SchemaStatus
from store.upkeep.schedule import EVERY
from tests.conftest import missing
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases, NoServer, PostgreSQL
from tests.rigs.standby import Standby
from tests.store.desk import NUMBER_TAKEN, Desk
from tests.store.full_desk import vacuum
from tests.store.monitoring.fleets import fleet, report
from tests.store.requests.asked import asking, wait
from tests.store.test_query_plans import explained, within

OWN_SETTING = "ALTER ROLE {} SET default_transaction_read_only = on"


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def observe(url: str) -> Observation:
    with opened(url) as engine:
        return FleetReader(engine).observe()


@pytest.fixture
def logins(postgresql: Desk) -> Iterator[Logins]:
    with Logins(postgresql.url) as made:
        yield made


# ------------------------------------------------------------------------------------------------ rights


@pytest.mark.parametrize("role", [DatabaseRole.READER, DatabaseRole.ADMIN, DatabaseRole.WORKER])
def test_whoever_watches_reads_all_of_it_with_the_rights_of_that_role(
    postgresql: Desk, logins: Logins, role: DatabaseRole
) -> None:
    postgresql.submit_many(3)
    postgresql.settle(postgresql.claim_one(), NUMBER_TAKEN)
    wait(postgresql, asking(RequestKind.REVOKE))
    postgresql.upkeep.turns(EVERY)
    report(postgresql)
    note_backup(postgresql.engine, "cron")
    own, seen = fleet(postgresql), observe(logins.url(role))
    assert (seen.writable, seen.schema) == (True, SchemaStatus.CURRENT)
    assert seen.fleet is not None
    assert seen.fleet.keys == own.keys != {}
    assert [(each.name, each.unsettled) for each in seen.fleet.sources] == [
        (each.name, each.unsettled) for each in own.sources
    ]
    assert {*seen.fleet.requests} == {"revoke"}
    assert seen.fleet.reviews.count == 1
    assert seen.fleet.backup_age is not None
    assert seen.fleet.tables.keys() == own.tables.keys() != set()
    assert [worker.name for worker in seen.fleet.live] == ["w"]


def test_a_login_without_a_role_sees_no_fleet(logins: Logins) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        observe(logins.url())


class Peeking(FleetReader):
    """Notes under which settings it reads."""

    def read(self, connection: Connection) -> FleetReading:
        names = ("transaction_read_only", "transaction_isolation", "statement_timeout")
        self.settings = [connection.execute(text(f"SHOW {name}")).scalar() for name in names]
        return super().read(connection)


def test_a_look_writes_nothing_and_ends_soon(postgresql: Desk, logins: Logins) -> None:
    with opened(logins.url(DatabaseRole.READER)) as engine:
        reader = Peeking(engine)
        assert reader.observe().fleet is not None
        assert reader.settings == ["on", "repeatable read", "2s"]


# ------------------------------------------------------------------------------------------------ read-only


def test_a_file_takes_writes(sqlite: Desk) -> None:
    assert observe(sqlite.url).writable


@pytest.mark.parametrize("setting", ["on", "true"])
def test_a_database_that_was_set_to_read_only_takes_no_writes(postgresql_url: str, setting: str) -> None:
    name = make_url(postgresql_url).database
    with plain(postgresql_url) as administrator, Logins(postgresql_url) as logins:
        urls = [postgresql_url, logins.url(DatabaseRole.READER), logins.url(DatabaseRole.ADMIN)]
        login = make_url(urls[2]).username
        administrator.execute(OWN_SETTING.format(login).encode())
        assert [observe(url).writable for url in urls] == [True] * 3, "a login's own setting concerns it alone"
        administrator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}".encode())
        assert [observe(url).writable for url in urls] == [False] * 3
        assert all(observe(url).fleet is not None for url in urls), "it can be read"
        administrator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
        assert [observe(url).writable for url in urls] == [True] * 3


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    try:
        made = PostgreSQL()
    except NoServer as error:
        missing(str(error))
    with made:
        yield made


@pytest.mark.slow
def test_a_server_that_was_set_to_read_only_and_a_standby_take_no_writes(server: PostgreSQL) -> None:
    url = server.databases.create()
    assert observe(url).writable
    with Standby(server) as standby:
        copy = make_url(url).set(port=standby.port).render_as_string(hide_password=False)
        seen = observe(copy)
        assert (seen.writable, seen.schema) == (False, SchemaStatus.EMPTY)
        standby.promote()
        assert observe(copy).writable
    administrator = make_url(server.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
    while observe(url).writable:
        pass  # it reads its settings again in a moment


# ------------------------------------------------------------------------------------------------ schemas


def test_of_a_database_without_our_tables_there_is_no_fleet(postgresql_server: Databases, tmp_path: Path) -> None:
    empty = postgresql_server.create()
    for url in (empty, f"sqlite:///{tmp_path / 'empty.db'}"):
        seen = observe(url)
        assert (seen.writable, seen.schema, seen.fleet) == (True, SchemaStatus.EMPTY, None)
    postgresql_server.drop(empty)


@pytest.mark.parametrize(
    ("change", "schema", "is_read"),
    [
        ("UPDATE jurat_alembic_version SET version_num = '0001_baseline'", SchemaStatus.BEHIND, False),
        ("UPDATE jurat_alembic_version SET version_num = '9999_later'", SchemaStatus.AHEAD, True),
        ("UPDATE jurat_alembic_version SET version_num = '0028'", SchemaStatus.UNRELEASED, False),
        (
            "UPDATE jurat_alembic_version SET version_num = '9999_later'; UPDATE jurat_contract SET version = 9",
            SchemaStatus.FOREIGN,
            False,
        ),
        (
            "UPDATE jurat_alembic_version SET version_num = '9999_later'; ALTER TABLE jurat_contract RENAME TO gone",
            SchemaStatus.FOREIGN,
            False,
        ),
    ],
)
def test_a_fleet_is_read_where_the_schema_is_one_of_ours(
    database_url: str, change: str, schema: SchemaStatus, is_read: bool
) -> None:
    with opened(database_url) as engine, engine.begin() as connection:
        for statement in change.split("; "):
            connection.exec_driver_sql(statement)
    seen = observe(database_url)
    assert (seen.schema, seen.fleet is not None) == (schema, is_read)


# ------------------------------------------------------------------------------------------------ cost


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [True, False], ids=["counted by workers", "counted here"])
def test_a_look_reads_no_table_whole(full: Desk, fresh: bool) -> None:
    full.sql(
        "INSERT INTO jurat_audit (id, at, actor, action, subject, detail) "
        "SELECT gen_random_uuid(), NOW, 'a', 'review', 'b', '{}' FROM generate_series(1, 20000)"
    )
    full.sql("UPDATE jurat_sources SET figures_at = NULL")
    full.sql("DELETE FROM jurat_workers")
    if fresh:
        report(full)
        full.upkeep.count_waiting()
    vacuum(full)
    reader = FleetReader(full.engine)
    reader.observe()
    with explained(full) as found:
        seen = reader.observe().fleet
    assert seen is not None
    assert max(each.due for each in seen.sources) == 10_000
    within(found, 700, "pg_db_role_setting", "jurat_alembic_version")


@pytest.mark.slow
def test_wanted_slots_read_no_table_whole(full: Desk) -> None:
    for figures in ("NULL", "NOW"):
        full.sql(f"UPDATE jurat_sources SET figures_at = {figures}, due = 500, most_slots = NULL")
        with explained(full) as found:
            assert full.one("SELECT jurat_wanted_slots()") in (1000, 2000)
        within(found, 700)


@pytest.mark.slow
def test_a_look_at_a_file_passes_over_no_old_audit_rows(sqlite: Desk) -> None:
    sqlite.sql(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000) "
        "INSERT INTO jurat_audit (id, at, actor, action, subject, detail) "
        f"SELECT '{uuid4()}' || n, NOW, 'a', 'review', 'b', '{{}}' FROM n"
    )
    note_backup(sqlite.engine, "cron")
    plans = []
    with sqlite.statements() as statements:
        assert fleet(sqlite).backup_age is not None
    for statement in statements:
        if "jurat_audit" in statement:
            plans += [row[3] for row in sqlite.sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert len([line for line in plans if "jurat_audit_noted" in line]) == 3
    assert not [line for line in plans if line.startswith("SCAN jurat_audit")]
