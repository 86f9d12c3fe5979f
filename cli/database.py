"""Opens the shared database for a command, which ends with a sentence where it cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.output import Exit, Failure
from config.settings import Settings, read_settings
from jurat import Client
from jurat.database import open_engine, reader
from jurat.ring import NO_BROKER
from jurat.statements import require_tables, statements_on
from worker.database import give_up_on, missing_file

if TYPE_CHECKING:
    from worker.bootstrap import Service


@contextmanager
def opened() -> Iterator[Service]:
    """The service on a database whose schema this program can work with.

    Raises Failure: there is no database file, or the schema is missing, behind or foreign. SettingsError, and
    SQLAlchemy's errors when the database is away.
    """
    from store.schema.migrations import (  # loads alembic, and the next shapely: checks need neither
        ADVICE,
        schema_status,
    )
    from worker.bootstrap import open_service
    from worker.logs import set_up

    settings = read_settings()
    set_up(settings.log, logging.WARNING)
    require_file(settings)
    service = open_service(settings)
    give_up_on(service.database, command=True)
    try:
        with reader(service.database).begin() as connection:
            found = schema_status(connection)
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
    if missing := missing_file(settings):
        raise Failure(missing, Exit.DEPENDENCY)
