"""Where all parts meet: settings become a database, keys, ledgers, and an engine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import sqlalchemy

from adapters.address.zones import Zones
from adapters.fingerprints import Fingerprints
from config.settings import Settings, as_environment
from jurat.database import bounded, open_engine
from jurat.sealing import Unseal, key_from_text
from tasks.ledger import Claims, Keeping, Minting, Publishing, Reading, Settling
from tasks.plan import make_plan
from tasks.running import Running
from worker.engine import Engine, Ledgers
from worker.engine.plans import Plans

CONNECTIONS = 8
"""Database connections of a process: one for each engine thread that writes or reads, and a few for code look-ups."""


@dataclass(frozen=True)
class Service:
    """One process's view of the shared database."""

    settings: Settings
    database: sqlalchemy.Engine
    reading: Reading
    publishing: Publishing
    fingerprints: Fingerprints | None

    def engine(self, *, slots: int, only: Collection[str] | None = None) -> Engine:
        """An engine with `slots` look-up threads for the sources in `only` (None: all). Not started yet."""
        keys = [key_from_text(key.get_secret_value(), "JURAT_UNSEAL_KEYS") for key in self.settings.unseal_keys]
        unseal = Unseal(keys)
        database = bounded(self.database)
        make = partial(
            make_plan,
            reading=self.reading,
            fingerprints=self.fingerprints,
            environ=as_environment(self.settings),
            ready=Zones(),
            purse=Keeping(database),
            private_networks=self.settings.private_networks,
        )
        plans = Plans(self.reading, make)
        minting = Minting(unseal, self.fingerprints) if self.fingerprints is not None and keys else None
        ledgers = Ledgers(Claims(database), Settling(database), Keeping(database, minting))
        return Engine(ledgers, Running(unseal), plans, slots=slots, only=only)

    def close(self) -> None:
        """Give back the connections."""
        self.database.dispose()


def open_service(settings: Settings) -> Service:
    """The service on the database that the settings name. Connects when it is first used."""
    database = open_engine(settings.database_url, pool_size=CONNECTIONS)
    keys = [key_from_text(key.get_secret_value(), "JURAT_HASH_KEYS") for key in settings.hash_keys]
    return Service(
        settings,
        database,
        Reading(database),
        Publishing(database),
        Fingerprints(keys) if keys else None,
    )
