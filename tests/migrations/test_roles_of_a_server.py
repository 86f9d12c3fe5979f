"""Roles belong to a whole server: who may make them, who keeps them, and what an upgrade says where there are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import make_url

from jurat.database import open_engine
from store.schema.grants import DatabaseRole
from store.schema.migrations import upgrade, upgrade_sql
from store.schema.roles import advice
from tests.cli.shell import Shell
from tests.rigs.logins import Logins, plain
from tests.rigs.servers import Databases, NoServer, PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Databases]:
    """A server of these tests' own, for they make and drop roles."""
    try:
        started = PostgreSQL()
    except NoServer as error:
        pytest.skip(str(error))
    with started:
        yield started.databases


@pytest.fixture
def url(server: Databases) -> Iterator[str]:
    """An empty database on a server without our roles."""
    url = server.create()
    yield url
    server.drop(url)
    with plain(server.url) as owner:
        for role in DatabaseRole:
            owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def roles(url: str) -> set[str]:
    with plain(url) as connection:
        return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'jurat\\_%'")}


def ours(url: str) -> set[str]:
    return roles(url) & set(DatabaseRole)


def migrated(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()


def owning(url: str, logins: Logins, options: str = "") -> str:
    """URL of a user who may make tables in the database."""
    made = logins.url(options=options)
    with plain(url) as owner:
        user = sql.Identifier(make_url(made).username or "")
        owner.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(user))
    return made


def results_readable(logins: Logins) -> bool:
    with logins.connection(DatabaseRole.PLATFORM) as connection:
        return connection.execute("SELECT count(*) FROM jurat_results").fetchone() == (0,)


@pytest.mark.slow
def test_an_upgrade_by_a_user_who_may_not_make_roles_says_what_an_administrator_runs(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Logins(url) as logins:
        shell = Shell(tmp_path, {"JURAT_DATABASE_URL": owning(url, logins), "TMPDIR": str(tmp_path)}, monkeypatch)
        ran = shell("db", "upgrade", "--json")
        assert ran.code == 0, ran.err
        assert ran.json == {"before": "empty", "after": "current", "roles_missing": list(DatabaseRole)}
        assert advice(list(DatabaseRole)) in ran.err
        assert ours(url) == set()
        with plain(url) as administrator:
            for statement in re.findall(r"CREATE ROLE \w+ NOLOGIN", ran.err):
                administrator.execute(statement.encode())
        assert ours(url) == set(DatabaseRole)
        again = shell("db", "upgrade", "--json")
        assert again.json == {"before": "current", "after": "current"}
        assert "CREATE ROLE" not in again.err
        assert results_readable(logins)


@pytest.mark.slow
def test_the_script_by_hand_warns_of_each_role_that_it_cannot_make(url: str) -> None:
    with Logins(url) as logins, plain(owning(url, logins)) as connection:
        said: list[str] = []
        connection.add_notice_handler(lambda notice: said.append(f"{notice.message_primary} {notice.message_hint}"))
        connection.execute(upgrade_sql("postgresql").encode())
        assert [line.split()[2] for line in said if "may not create it" in line] == list(DatabaseRole)
        assert all("CREATE ROLE jurat_" in line for line in said)


@pytest.mark.slow
def test_a_user_who_may_make_roles_and_nothing_else_makes_them(url: str) -> None:
    with Logins(url) as logins:
        migrated(owning(url, logins, "CREATEROLE"))
        assert ours(url) == set(DatabaseRole)
        assert results_readable(logins)
        with plain(url) as owner:  # PostgreSQL gives whoever makes a role the right to grant it
            owner.execute("DROP OWNED BY jurat_platform, jurat_worker, jurat_reviewer, jurat_admin, jurat_reader")


@pytest.mark.slow
def test_roles_that_are_there_stay_as_they_are(url: str) -> None:
    with plain(url) as owner:
        owner.execute("CREATE ROLE jurat_platform NOLOGIN CONNECTION LIMIT 7")
    migrated(url)
    with plain(url) as owner:
        row = owner.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'jurat_platform'").fetchone()
        assert row == (7,)
        owner.execute("DROP OWNED BY jurat_platform, jurat_worker, jurat_reviewer, jurat_admin, jurat_reader")


@pytest.mark.slow
def test_a_role_that_a_release_adds_is_made_where_the_database_is_older(url: str) -> None:
    migrated(url)
    with plain(url) as owner:
        owner.execute(f"DROP OWNED BY {DatabaseRole.ACCOUNTS}; DROP ROLE {DatabaseRole.ACCOUNTS}".encode())
    migrated(url)
    with Logins(url) as logins, logins.connection(DatabaseRole.ACCOUNTS) as accounts:
        assert accounts.execute("SELECT jurat_erase('p-1')").fetchone()
    with plain(url) as owner:
        owner.execute(f"DROP OWNED BY {', '.join(DatabaseRole)}".encode())
