"""One process's view of the shared database, for a worker and for commands, which need no engine."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy

from adapters.fingerprints import Fingerprints
from config.settings import Settings
from jurat.database import open_engine
from jurat.errors import ConfigurationError
from store.queries import Queries
from store.requests.erasure_journal import ErasureJournal
from worker.keyring import fingerprints_of

CONNECTIONS = 8
"""Database connections of a process: one for each engine thread that reads or writes, and a few for code lookups."""


@dataclass(frozen=True)
class Service:
    """One process's view of the shared database."""

    settings: Settings
    database: sqlalchemy.Engine
    queries: Queries
    fingerprints: Fingerprints | None

    @property
    def journal(self) -> ErasureJournal | None:
        """Where erasures are remembered; None where that is not set. Raises ConfigurationError without hash keys."""
        path = self.settings.erasure_journal
        if path is not None and self.fingerprints is None:
            raise ConfigurationError("JURAT_ERASURE_JOURNAL needs JURAT_HASH_KEYS: it has keyed hashes of participants")
        return ErasureJournal(path, self.fingerprints) if path and self.fingerprints else None

    def prepare_journal(self) -> None:
        """Make the journal of erasures, where one is set. Raises ConfigurationError if it cannot be written."""
        if journal := self.journal:
            journal.prepare()

    def close(self) -> None:
        self.database.dispose()


def open_service(settings: Settings) -> Service:
    """The service on the database that the settings name. Connects when it is first used."""
    database = open_engine(settings.database_url, pool_size=CONNECTIONS)
    return Service(settings, database, Queries(database), fingerprints_of(settings))
