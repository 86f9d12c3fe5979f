"""The shared database as commands open it: with a sentence where it is not there, or not what this program needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from config.settings import Settings, read_settings
from jurat import Client
from jurat.database import open_engine, reader
from jurat.ring import NO_BROKER
from jurat.statements import require_tables, statements_on
from worker.output import Exit, Failure

if TYPE_CHECKING:
    from worker.bootstrap import Service


@contextmanager
def opened() -> Iterator[Service]:
    """The service on a database whose schema this program can work with.

    Raises Failure: there is no database file, or the schema is missing, behind or foreign. SettingsError, and
    SQLAlchemy's errors when the database is away.
    """
    from tasks.schema import ADVICE, standing  # loads alembic, and the next shapely: checks need neither
    from worker.bootstrap import open_service
    from worker.logs import set_up

    settings = read_settings()
    set_up(settings.log, logging.WARNING)
    require_file(settings)
    service = open_service(settings)
    try:
        with reader(service.database).begin() as connection:
            found = standing(connection)
        if not found.usable:
            raise Failure(ADVICE[found], Exit.DEPENDENCY)
        yield service
    finally:
        service.close()


@contextmanager
def client(settings: Settings) -> Iterator[Client]:
    """The platform's own client on these settings. Like a platform, it works with any schema of its contract version.

    Raises Failure where there is no database file, SchemaMissing where it has no such tables.
    """
    require_file(settings)
    engine = open_engine(settings.database_url)
    try:
        with reader(engine).begin() as connection:
            require_tables(statements_on(connection))
    finally:
        engine.dispose()
    broker = None if settings.broker_url in (None, NO_BROKER, "memory://") else settings.broker_url
    made = Client(settings.database_url, broker, settings.seal_key)
    try:
        yield made
    finally:
        made.close()


def require_file(settings: Settings) -> None:
    """Raise Failure where a SQLite database is no file yet: connecting would leave an empty one behind."""
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        raise Failure(
            f"there is no database {file}; run `bin/jurat db upgrade`, or set JURAT_DATABASE_URL to another one",
            Exit.DEPENDENCY,
        )


def sqlite_file(settings: Settings) -> Path | None:
    """The file of a SQLite database, None for PostgreSQL."""
    url = make_url(settings.database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None
