"""What a stolen password of the web tier's database user is worth, tried with the real users of a real server."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import make_url

from tests.examples.platform.fleet import Fleet
from tests.examples.platform.processes import Alone
from tests.examples.platform.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.stacks

REFUSED = (errors.InsufficientPrivilege, errors.UndefinedColumn, errors.UndefinedTable)
"""A column or table that is not there any more gives nothing either."""


@pytest.fixture(scope="module")
def web(fleet: Fleet, wheel_alone: Path) -> Iterator[Alone]:
    with contextlib.closing(Alone(wheel_alone, fleet.web)) as started:
        started.start()
        yield started


def as_user(fleet: Fleet, user: str, statement: str, *values: Any) -> None:
    """What someone does who has the password, and keeps."""
    url = make_url(fleet._as(user)).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), values or None)


def own_hash() -> str:
    from examples.platform.web import store

    return store.hashed("chosen by a thief")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO platform_accounts (name, password, role, participant) VALUES ('m', 'h', 'administrator', 'p-m')",
        "INSERT INTO platform_accounts (name, password, participant, session) VALUES ('m', 'h', 'p-m', 7)",
        "INSERT INTO platform_office (name, password, role, participant) VALUES ('m', 'h', 'administrator', 'p-m')",
        "INSERT INTO platform_accounts VALUES ('ada', 'h', 'p-m') ON CONFLICT (name) DO UPDATE SET password = 'h'",
        "UPDATE platform_office SET session = 0",
        "UPDATE platform_accounts SET participant = 'p-of-someone-else'",
        "SELECT password FROM platform_accounts",
        "SELECT * FROM platform_accounts",
        "SELECT name FROM platform_accounts WHERE password LIKE 'scrypt%'",
        "SELECT name FROM platform_accounts ORDER BY password",
        "SELECT platform_accounts FROM platform_accounts",
        "SELECT count(password) FROM platform_accounts",
        "COPY platform_accounts TO STDOUT",
        "CREATE TEMPORARY TABLE mine AS TABLE platform_accounts",
        "INSERT INTO platform_accounts (name, password, participant) VALUES ('m', 'h', 'p-m') RETURNING password",
        "SELECT name FROM platform_office",
        "SELECT platform_office_recipe('omar')",
        "SELECT platform_office_enter('omar', 'h')",
        "DELETE FROM platform_votes",
        "DELETE FROM platform_votes WHERE consultation = 'budget' AND participant = 'p-1'",
        "UPDATE platform_votes SET proposal = 'fountain'",
        "INSERT INTO platform_votes VALUES ('budget', 'p-1', 'fountain', now())",
        "TRUNCATE platform_votes",
        "CREATE FUNCTION platform_enter(account text) RETURNS text LANGUAGE sql AS $$ SELECT 'ada' $$",
    ],
)
def test_the_pages_of_participants_are_refused(fleet: Fleet, statement: str) -> None:
    with pytest.raises(REFUSED):
        fleet.sql("web", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password FROM platform_office",
        "SELECT * FROM platform_office",
        "INSERT INTO platform_office (name, password, role, participant) VALUES ('m', 'h', 'administrator', 'p-m')",
        "UPDATE platform_office SET role = 'administrator'",
        "UPDATE platform_office SET password = 'h'",
        "DELETE FROM platform_office",
        "SELECT name FROM platform_accounts",
        "SELECT platform_vote('budget', 'p-1', ARRAY['fountain'])",
    ],
)
def test_the_office_makes_no_account_and_reads_no_hash_either(fleet: Fleet, statement: str) -> None:
    with pytest.raises(REFUSED):
        fleet.sql("office", statement)


def test_a_vote_can_be_changed_and_not_taken_away(fleet: Fleet) -> None:
    fleet.sql("web", "SELECT platform_vote('budget', 'p-1', ARRAY['fountain', 'stairs'])")
    for nothing in ("ARRAY[]::text[]", "NULL", "ARRAY[NULL]::text[]", "ARRAY['']", "ARRAY['fountain', 'nowhere']"):
        with pytest.raises((errors.RaiseException, errors.NotNullViolation)):
            fleet.sql("web", f"SELECT platform_vote('budget', 'p-1', {nothing})")


def test_who_makes_an_account_in_the_table_gets_no_page_of_the_office(fleet: Fleet, web: Alone) -> None:
    """The attack of before, through the pages: with the name of an administrator, and with a new one."""
    name = f"mallory-{secrets.token_hex(4)}"
    with_own = "INSERT INTO platform_accounts (name, password, participant) VALUES (%s, %s, %s)"
    for called in (name, "omar"):
        as_user(fleet, "web", with_own, called, own_hash(), f"p-{secrets.token_hex(8)}")
    with Visitor(web.address) as visitor:
        page = visitor.send(visitor.get("sign-in"), name="omar", password="chosen by a thief")
        assert page.status == 422, "the office's own account decides"
        assert visitor.send(visitor.get("sign-in"), name=name, password="chosen by a thief").status == 200
        for path in ("office/", "office/codes/"):
            assert visitor.get(path).status == 403
    with Visitor(web.address) as visitor:
        assert visitor.sign_in("omar").status == 200
        assert visitor.get("office/").status == 200
    with Visitor(web.address) as visitor:
        page = visitor.send(visitor.get("account/new"), name="Rhea", password="chosen by a thief")
        assert page.status == 422, "a name of the office is taken"


def test_the_session_of_an_account_is_none_of_the_office(fleet: Fleet, web: Alone) -> None:
    """Signing out ends the sessions of the one account, not of another that has its name in the other table."""
    with Visitor(web.address) as omar, Visitor(web.address) as other:
        omar.sign_in("omar")
        other.sign_in("omar")
        token = omar.get("office/").tree.xpath("//input[@name='csrf_token']/@value")[0]
        omar.session.post(f"{web.address}/en/sign-out", data={"csrf_token": token}, timeout=60)
        assert other.get("office/").path.endswith("sign-in")


def test_signing_in_looks_at_no_hash(fleet: Fleet) -> None:
    """What the database gives of an account makes the same hash of the same password, and is none."""
    from examples.platform.web import store

    ((recipe,),) = fleet.sql("web", "SELECT platform_recipe('ada')")
    assert recipe.count("$") == 1
    derived = store.derived(PASSWORD, recipe)
    assert derived.startswith(f"{recipe}$")
    ((name, participant, session),) = fleet.sql("web", f"SELECT * FROM platform_enter('ada', '{derived}')")
    assert (name, session >= 0) == ("ada", True)
    assert participant.startswith("p-")
    assert fleet.sql("web", f"SELECT * FROM platform_enter('ada', '{derived[:-1]}')") == []
    assert fleet.sql("web", "SELECT platform_recipe('nobody')") == [(None,)]


def test_rights_that_an_older_release_gave_are_taken_back(fleet: Fleet, wheel_alone: Path) -> None:
    as_user(fleet, "postgres", "GRANT SELECT, INSERT ON platform_accounts TO web")
    as_user(fleet, "postgres", "GRANT SELECT, INSERT, DELETE ON platform_votes TO web")
    assert fleet.prepare(wheel_alone, PEOPLE_PASSWORD=PASSWORD).returncode == 0
    for statement in ("SELECT password FROM platform_accounts", "DELETE FROM platform_votes"):
        with pytest.raises(errors.InsufficientPrivilege):
            fleet.sql("web", statement)
