"""Runs the servers below a fleet: PostgreSQL as in production, Valkey, and the source in a process of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from redis import Redis
from sqlalchemy import make_url

from bench.rig.source import SourceProcess
from tests.rigs.servers import PostgreSQL, Valkey

_SETTINGS = {
    "max_connections": "400",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "track_commit_timestamp": "on",
}
"""In addition to PostgreSQL's defaults, fsync among them. The last gives each verdict the time of its commit."""


class Rig:
    """Runs until the `with` block ends. Each measurement has a database of its own, and a broker that was emptied.

    `settings` are more settings of PostgreSQL.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._stack = ExitStack()
        self._settings = {**_SETTINGS, **(settings or {})}
        self.folder: Path
        self.postgresql: PostgreSQL
        self.valkey: Valkey
        self.source: SourceProcess

    def __enter__(self) -> Self:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="jurat-bench-"))
            self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.postgresql = self._stack.enter_context(PostgreSQL(durable=True, settings=self._settings))
            self.valkey = self._stack.enter_context(Valkey())
            self.source = self._stack.enter_context(SourceProcess())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new database, as a SQLAlchemy URL, and an empty broker."""
        with Redis(port=self.valkey.port) as broker:
            broker.flushall()
        databases = self.postgresql.databases
        url = databases.create()
        try:
            yield url
        finally:
            databases.drop(url)

    def settle_down(self, database_url: str) -> None:
        """Do now what PostgreSQL would otherwise do later: collect its statistics, write its pages to disk."""
        with connect(database_url) as connection:
            connection.execute("ANALYZE")
            connection.execute("CHECKPOINT")


class KeptPostgreSQL(PostgreSQL):
    """A server with its data in the folder `place`, where they stay when it is closed.

    `bindir` are the programs of a PostgreSQL other than the usual one.
    """

    def __init__(self, place: Path, settings: Mapping[str, str], *, bindir: Path | None = None) -> None:
        super().__init__(durable=True, settings=settings)
        self._bindir = bindir or self._bindir
        place.mkdir(parents=True, exist_ok=True)
        self._data = place.resolve() / "data"
        if credentials := self._credentials():
            os.chown(place, credentials["user"], credentials["group"])

    def close(self) -> None:
        if self.running:
            self.stop(_STOP)
        super().close()


_STOP = 300.0
"""Seconds in which a server must have written all that is in its memory when it stops."""


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection of a bench's own, without transactions, to the database of a SQLAlchemy URL."""
    return psycopg.connect(plain(url), autocommit=True)


def plain(url: str) -> str:
    """A SQLAlchemy URL as PostgreSQL's own programs know it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def version(connection: psycopg.Connection[Any]) -> str:
    """The version of the server, as people write it."""
    major, minor = divmod(connection.info.server_version, 10_000)
    return f"{major}.{minor}"
