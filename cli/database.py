"""Opens the shared database for a command, which ends with a sentence if it cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from cli.output import Exit, Failure

if TYPE_CHECKING:  # loaded by what needs them, so that a command's help stays quick
    from sqlalchemy import Engine

    from config.configuration import Configuration
    from config.settings import Settings
    from jurat import Client
    from jurat.seal import Unseal
    from worker.service import Service


LOCKED = "55P03"
"""PostgreSQL's code for a lock that another session held for too long."""

_POOL = logging.getLogger("sqlalchemy.pool")
"""Logs each error of closing a connection with its traceback, Control-C as well, and then raises it anyway."""


@contextmanager
def open_database() -> Iterator[Service]:
    """The service on a database whose schema this program can work with.

    Raises Failure: there is no database file, its schema is missing, behind or foreign, or another session holds what
    the command needs. SettingsError, and SQLAlchemy's errors if the database is down.
    """
    from sqlalchemy.exc import DBAPIError

    from config.settings import read_settings
    from jurat.database import state_of
    from store.schema.blockers import long_writers
    from store.schema.status import ADVICE, schema_of
    from worker.database import give_up_on
    from worker.logs import set_up
    from worker.service import open_service

    settings = read_settings()
    set_up(settings.log, logging.WARNING)
    _POOL.setLevel(logging.CRITICAL)
    require_file(settings)
    service = open_service(settings)
    give_up_on(service.database, command=True)
    try:
        found = schema_of(service.database)
        if not found.usable:
            raise Failure(ADVICE[found], Exit.DEPENDENCY)
        yield service
    except DBAPIError as error:
        if state_of(error) != LOCKED:
            raise
        holder = long_writers(service.database) or "it is over now"
        advice = "end that session (pg_terminate_backend), and run this again"
        raise Failure(
            f"another session held what this needs, for too long: {holder}; {advice}", Exit.DEPENDENCY
        ) from error
    finally:
        service.close()


def applied_configuration(service: Service) -> Configuration | None:
    """The newest configuration that was applied; None before the first."""
    from config.configuration import Configuration

    version = service.queries.config_version()
    return None if version is None else Configuration.from_json(service.queries.config(version))


def require_configuration(service: Service) -> Configuration:
    """The newest configuration that was applied. Raises Failure if there is none."""
    configuration = applied_configuration(service)
    if configuration is None:
        raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.USAGE)
    return configuration


def require_unseal(settings: Settings) -> Unseal:
    """Opens sealed answers. Raises Failure without keys."""
    from worker.keyring import unseal_of

    if not settings.unseal_keys:
        raise Failure("JURAT_UNSEAL_KEYS is not set: the answer cannot be opened here", Exit.USAGE)
    return unseal_of(settings)


@contextmanager
def open_engine_on(settings: Settings, deadline: float | None = None) -> Iterator[Engine]:
    """An engine on the database of these settings, whatever its schema; `deadline` as for `open_engine`."""
    from jurat.database import open_engine

    _POOL.setLevel(logging.CRITICAL)
    engine = open_engine(settings.database_url, deadline=deadline)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_client(settings: Settings | None = None) -> Iterator[Client]:
    """The platform's own client. Like a platform, it works with any schema of its contract version.

    Raises Failure if there is no database file, SchemaMissing if it lacks the tables.
    """
    from config.settings import read_settings
    from jurat import Client
    from jurat.database import reader
    from jurat.ring import NO_BROKER
    from jurat.statements import require_tables, statements_on

    settings = settings or read_settings()
    require_file(settings)
    with open_engine_on(settings) as engine, reader(engine).begin() as connection:
        require_tables(statements_on(connection))
    broker = None if settings.broker_url in (None, NO_BROKER, "memory://") else settings.broker_url
    with closing(Client(settings.database_url, broker, settings.seal_key)) as client:
        yield client


def require_file(settings: Settings) -> None:
    """Raise Failure if a SQLite database is no file yet: connecting would leave an empty one behind."""
    from worker.database import missing_file

    if missing := missing_file(settings):
        raise Failure(missing, Exit.DEPENDENCY)
