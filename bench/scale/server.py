"""Runs the PostgreSQL server of both databases, as in production; where it is to be kept, with its data in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.rig import servers
from bench.rig.servers import KeptPostgreSQL
from tests.rigs.servers import PostgreSQL

SETTINGS = {"shared_buffers": "4GB", "max_wal_size": "4GB", "autovacuum_naptime": "15s"}
"""In addition to PostgreSQL's defaults, fsync and autovacuum among them. A quarter of the machine's memory is what its
manual advises for shared buffers (https://www.postgresql.org/docs/17/runtime-config-resource.html); this is less.
Autovacuum looks four times a minute, not once: thousands of checks a second leave as many dead rows."""


def open_server(kept: Path | None) -> PostgreSQL:
    """A new server, or the one in the folder `kept`."""
    return KeptPostgreSQL(kept, SETTINGS) if kept else PostgreSQL(durable=True, settings=SETTINGS)


def connect(server: PostgreSQL, database: str) -> psycopg.Connection[Any]:
    """A connection of the benchmark's own, without transactions."""
    return servers.connect(url_of(server, database))


def url_of(server: PostgreSQL, database: str) -> str:
    """A database of the server as a URL of SQLAlchemy's."""
    return make_url(server.url).set(database=database).render_as_string(hide_password=False)


def exists(server: PostgreSQL, database: str) -> bool:
    """Whether the server has the database."""
    with connect(server, "postgres") as connection:
        sql = "SELECT 1 FROM pg_database WHERE datname = %s"
        return connection.execute(sql, (database,)).fetchone() is not None


def recreate(server: PostgreSQL, database: str) -> None:
    """An empty database of that name, instead of any that there is."""
    with connect(server, "postgres") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {database} TEMPLATE template0")
