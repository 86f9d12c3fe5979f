"""Separate roles: the statements of the page work, and the users that they make are those of its table."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from store.schema.grants import DatabaseRole
from tests.docs.pages import ROOT, block, blocks
from tests.migrations.test_accounts import REVOKED
from tests.rigs.logins import plain

PAGE = ROOT / "docs" / "operators" / "separate-roles.md"


@pytest.fixture
def names(postgresql_url: str) -> Iterator[dict[str, str]]:
    """The names of the page's users, as they are called on the server of the tests."""
    made = re.findall(r"CREATE USER (\w+)", block(PAGE, "sql", "CREATE USER"))
    names = {name: f"{name}_{secrets.token_hex(4)}" for name in made}
    yield names
    with plain(postgresql_url) as owner:
        for name in names.values():
            owner.execute(f"DROP OWNED BY {name}".encode())
            owner.execute(f"DROP ROLE {name}".encode())


def run(owner: psycopg.Connection[Any], sql: str, names: dict[str, str]) -> None:
    for name, called in names.items():
        sql = re.sub(rf"\b{name}\b", called, sql)
    owner.execute(re.sub(r"\bbudget\b", owner.info.dbname, sql).encode())


def test_the_pages_users_have_their_roles_and_this_database_alone(postgresql_url: str, names: dict[str, str]) -> None:
    with plain(postgresql_url) as owner:
        run(owner, block(PAGE, "sql", "CREATE USER"), names)
        run(owner, block(PAGE, "sql", "CONNECT"), names)
        for name, role in zip(names.values(), DatabaseRole, strict=True):
            row = owner.execute(
                "SELECT pg_has_role(%s, %s, 'USAGE'), has_database_privilege(%s, current_database(), 'CONNECT'), "
                "has_database_privilege('jurat_reader', current_database(), 'CONNECT')",
                (name, role, name),
            ).fetchone()
            assert row == (True, True, False)
    url = make_url(postgresql_url).set(username=names["web"])
    with plain(url.render_as_string(hide_password=False)) as web:
        assert web.execute("SELECT count(*) FROM jurat_results").fetchone() == (0,)


def test_an_administrator_says_how_many_a_platform_may_ask_for(postgresql_url: str, names: dict[str, str]) -> None:
    with plain(postgresql_url) as owner:
        run(owner, block(PAGE, "sql", "CREATE USER"), names)
    as_who = {name: make_url(postgresql_url).set(username=called) for name, called in names.items()}
    with plain(as_who["administrator"].render_as_string(hide_password=False)) as administrator:
        for _ in range(2):
            run(administrator, block(PAGE, "sql", "jurat_allowances"), names)
        rows = administrator.execute("SELECT login, per_hour, used FROM jurat_allowances").fetchall()
    assert rows == [(names["accounts"], 1000, 0)]
    with plain(as_who["accounts"].render_as_string(hide_password=False)) as accounts:
        for number in range(101):
            accounts.execute("SELECT jurat_erase(%s)", (f"p-{number}",))


def test_the_owner_ends_what_platforms_of_before_have() -> None:
    assert block(PAGE, "sql", "REVOKE EXECUTE").strip() == REVOKED


def test_the_page_names_every_role_and_no_block_is_left_out() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"with `{role}`" in text for role in DatabaseRole)
    assert (len(blocks(PAGE, "sql")), len(blocks(PAGE, "sh"))) == (4, 0)
