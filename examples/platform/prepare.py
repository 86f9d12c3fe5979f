"""What the platform's own migration does: its tables, its two users on PostgreSQL with their rights, and the town.

    python -m examples.platform.prepare

It connects as the owner of the tables (OWNER_DATABASE_URL). The users are those that DATABASE_URL and
OFFICE_DATABASE_URL name, with the passwords in them: `web` and `office`. All of it may be done again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from examples.platform import town
from examples.platform.serve import NotSet, read
from jurat.database import open_engine, parse_url
from jurat.errors import ConfigurationError

RIGHTS = Path(__file__).with_name("rights.sql")
USERS = {"DATABASE_URL": "web", "OFFICE_DATABASE_URL": "office"}


def main() -> int:
    """Prepare the database; the exit code."""
    try:
        prepare(read(os.environ, "OWNER_DATABASE_URL", "the database, for the owner of its tables"), _users())
    except (NotSet, ConfigurationError) as error:
        print("\n".join(f"valmont: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    except (psycopg.Error, SQLAlchemyError) as error:
        cause = getattr(error, "orig", None) or error
        said = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
        print(f"valmont: the database could not be prepared: {said or type(cause).__name__}", file=sys.stderr)
        return 1
    print("the platform's tables, users and people are there")
    return 0


def prepare(owner: str, users: dict[str, str]) -> None:
    """Tables and people, then users with their passwords, then rights."""
    engine = open_engine(owner)
    try:
        town.seed(engine)
    finally:
        engine.dispose()
    plain = parse_url(owner).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, connect_timeout=10) as connection:
        for name, password in users.items():
            there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
            # Its hash, so that the password stands in no statement that a server may log.
            known = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    sql.SQL("ALTER" if there else "CREATE"), sql.Identifier(name), sql.Literal(known)
                )
            )
        connection.execute(RIGHTS.read_bytes())


def _users() -> dict[str, str]:
    users = {}
    for setting, name in USERS.items():
        url: URL = parse_url(read(os.environ, setting, f"the database, for its user `{name}`"))
        if url.username != name or not url.password:
            raise NotSet(f"{setting} is to be the URL of the user `{name}` with a password, for rights.sql names them")
        users[name] = str(url.password)
    return users


if __name__ == "__main__":
    sys.exit(main())
