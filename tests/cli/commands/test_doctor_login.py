"""`doctor` on PostgreSQL: whether the rights of the tables bind who is logged in."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import make_url

from store.schema.grants import DatabaseRole
from tests.cli.shell import Shell
from tests.rigs.logins import Logins, plain


def logins_told(shell: Shell, **environment: str) -> list[dict[str, Any]]:
    ran = shell("doctor", "--json", **environment)
    assert ran.code in (0, 1), ran.err
    return [step for step in ran.json["steps"] if step["name"] == "login"]


def test_a_superuser_is_warned_of(postgresql_shell: Shell, postgresql_url: str) -> None:
    with Logins(postgresql_url) as logins:
        url = logins.url(options="SUPERUSER")
        for each in (url, postgresql_url):
            (warned,) = logins_told(postgresql_shell, JURAT_DATABASE_URL=each)
            assert warned["mark"] == "note", "a small installation may live so: doctor ends as without"
            assert warned["found"].startswith(f"{make_url(each).username} is a superuser of the server")
            assert "separate-roles.md" in warned["advice"]


def test_the_owner_of_the_tables_is_warned_of_and_whoever_is_one_with_it(
    postgresql_shell: Shell, postgresql_url: str
) -> None:
    with Logins(postgresql_url) as logins, plain(postgresql_url) as administrator:
        owner = logins.url()
        member = logins.url(make_url(owner).username)
        administrator.execute(f"ALTER TABLE jurat_checks OWNER TO {make_url(owner).username}".encode())
        administrator.execute(f"GRANT jurat_worker TO {make_url(owner).username}".encode())
        for each in (owner, member):
            (warned,) = logins_told(postgresql_shell, JURAT_DATABASE_URL=each)
            assert warned["found"].startswith(f"{make_url(each).username} owns the tables")
        administrator.execute(b"ALTER TABLE jurat_checks OWNER TO CURRENT_USER")


@pytest.mark.parametrize("role", [DatabaseRole.WORKER, DatabaseRole.ADMIN])
def test_a_login_with_one_of_the_roles_is_told_nothing(
    postgresql_shell: Shell, postgresql_url: str, role: DatabaseRole
) -> None:
    with Logins(postgresql_url) as logins:
        assert logins_told(postgresql_shell, JURAT_DATABASE_URL=logins.url(role)) == []


def test_nor_is_anybody_on_sqlite(configured: Shell) -> None:
    assert logins_told(configured) == []


def test_the_owner_who_upgrades_is_not_warned(postgresql_shell: Shell) -> None:
    ran = postgresql_shell("db", "upgrade")
    assert (ran.code, "owns the tables" in ran.out + ran.err, "superuser" in ran.out + ran.err) == (0, False, False)
