"""Users of a PostgreSQL server who may log in and have one of our roles, or none.

with Logins(url) as logins:
    worker_url = logins.url(DatabaseRole.WORKER)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy import make_url


class Logins:
    """Users on the server of `url`, made as they are asked for and dropped at the end, with what they own there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: dict[str, tuple[str, str]] = {}

    def url(self, role: str | None = None, *, options: str = "") -> str:
        """SQLAlchemy URL of the same database for the user who has `role`; `options` are those of CREATE ROLE."""
        wanted = f"{role} {options}"
        if wanted not in self._made:
            name, password = f"jurat_login_{secrets.token_hex(6)}", secrets.token_hex(16)
            made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options).format(
                sql.Identifier(name), sql.Literal(password)
            )
            with plain(self._url) as connection:
                connection.execute(made)
                if role is not None:
                    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name)))
            self._made[wanted] = name, password
        name, password = self._made[wanted]
        return make_url(self._url).set(username=name, password=password).render_as_string(hide_password=False)

    @contextmanager
    def connection(self, role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A connection of that user, each statement a transaction of its own."""
        with plain(self.url(role)) as connection:
            yield connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with plain(self._url) as connection:
            for name, _password in self._made.values():
                connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def plain(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as anybody could open it, each statement a transaction of its own."""
    shown = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(shown, autocommit=True, prepare_threshold=None) as connection:
        yield connection
