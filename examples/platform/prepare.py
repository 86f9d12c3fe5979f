"""What the platform's own migration does: its tables, its two users on PostgreSQL with their rights, and the town.

    python -m examples.platform.prepare

It connects as the owner of the tables (OWNER_DATABASE_URL). The users are those that DATABASE_URL and
OFFICE_DATABASE_URL name, with the passwords in them: `web` and `office`. If the owner may not create users, an
administrator of the server creates them first. The people of the town get random passwords, which are printed this
once, or that of PEOPLE_PASSWORD. It may be run again.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from examples.platform import town
from examples.platform.serve import NotSet, read
from examples.platform.web import store
from examples.platform.web.store import SHORTEST_PASSWORD
from jurat.database import open_engine, parse_url
from jurat.errors import ConfigurationError

RIGHTS = Path(__file__).with_name("rights.sql")
USERS_SQL = Path(__file__).with_name("users.sql")
USERS = {"DATABASE_URL": "web", "OFFICE_DATABASE_URL": "office"}


def main() -> int:
    """Prepare the database; the exit code."""
    try:
        owner = read(os.environ, "OWNER_DATABASE_URL", "the database, for the owner of its tables")
        notes = prepare(owner, _users(), _people_password())
    except (NotSet, ConfigurationError) as error:
        print("\n".join(f"valmont: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    except (psycopg.Error, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        said = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
        print(f"valmont: the database could not be prepared: {said or type(cause).__name__}", file=sys.stderr)
        return 1
    print("the platform's tables, users and people are there", *notes, sep="\n")
    return 0


def prepare(owner: str, users: dict[str, str], of_people: str = "") -> list[str]:
    """Make tables and people, then users with their passwords, then rights. Returns what to print about the passwords.

    Without a password `of_people` each of them gets a random one, which stays the next time.
    """
    engine = open_engine(owner)
    try:
        notes = _people(engine, of_people)
    finally:
        engine.dispose()
    plain = parse_url(owner).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, connect_timeout=10) as connection:
        if not _may_make_users(connection):
            _require_users(connection, users)
            connection.execute(RIGHTS.read_bytes())
            return notes
        for name, password in users.items():
            there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
            # Its hash, so that the password is in no statement that a server may log.
            known = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    sql.SQL("ALTER" if there else "CREATE"), sql.Identifier(name), sql.Literal(known)
                )
            )
        connection.execute(USERS_SQL.read_bytes())
        connection.execute(RIGHTS.read_bytes())
    return notes


def _may_make_users(connection: psycopg.Connection) -> bool:
    asked = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    return connection.execute(asked).fetchone() == (True,)


def _require_users(connection: psycopg.Connection, users: dict[str, str]) -> None:
    """If the owner of the tables may create no users, an administrator of the server has created them."""
    for name in users:
        there = "SELECT coalesce(pg_has_role(to_regrole(%s), 'jurat_platform', 'USAGE'), false)"
        if connection.execute(there, (name,)).fetchone() != (True,):
            raise NotSet(
                f"the user `{name}` does not exist or lacks the role jurat_platform, and OWNER_DATABASE_URL may not "
                "create users: an administrator of the server creates it and runs examples/platform/users.sql"
            )


def _people(engine: Engine, password: str) -> list[str]:
    moved = store.make_tables(engine)
    notes = [f"accounts of the office, from the table of all: {', '.join(moved)}; check that all belong there"]
    return (notes if moved else []) + _passwords(engine, password)


def _passwords(engine: Engine, password: str) -> list[str]:
    passwords = {person.name: password or secrets.token_urlsafe(12) for person in town.PEOPLE}
    if town.seed(engine, passwords):
        changed = list(passwords)
    else:  # the password that is in this repository, which older releases gave, must let no one in
        changed = town.change_passwords(engine, passwords, only=None if password else town.PASSWORD)
    if password:
        return ["the password of each of the people is that of PEOPLE_PASSWORD"]
    if not changed:
        return ["the people keep the passwords that they have; PEOPLE_PASSWORD gives them another one"]
    return ["passwords of the people, printed this once:", *(f"  {name}  {passwords[name]}" for name in changed)]


def _people_password() -> str:
    password = read(os.environ, "PEOPLE_PASSWORD", "", "")
    if password and len(password) < SHORTEST_PASSWORD:
        raise NotSet(
            f"PEOPLE_PASSWORD is too short: use {SHORTEST_PASSWORD} characters or more, or leave it out for random ones"
        )
    return password


def _users() -> dict[str, str]:
    users = {}
    for setting, name in USERS.items():
        url: URL = parse_url(read(os.environ, setting, f"the database, for its user `{name}`"))
        if url.username != name or not url.password:
            raise NotSet(
                f"{setting} must be the URL of the user `{name}` with a password, because rights.sql names them"
            )
        users[name] = str(url.password)
    return users


if __name__ == "__main__":
    sys.exit(main())
