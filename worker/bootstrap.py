"""Makes the service from the settings: the database, the keys, the stores and the engine."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy

from adapters.address.zones import ZoneCache
from adapters.fingerprints import Fingerprints
from config.settings import Settings, as_environment
from jurat.database import bounded, open_engine
from jurat.errors import ConfigurationError
from store.configurations.publisher import ConfigPublisher
from store.queries import Queries
from store.queue.claims import Claims
from store.queue.sources import Sources
from store.requests.code_lists import CodeImporter
from store.requests.erasure_journal import ErasureJournal
from store.schema.release import VERSION
from store.schema.status import known_revisions
from store.upkeep.upkeep import Upkeep
from store.verdicts.verdict_writer import VerdictWriter
from store.workers import Fleet, Member
from tasks.check_runner import CheckRunner
from worker.database import give_up_on, why_not
from worker.engine.engine import Engine, Stores
from worker.engine.plans import Plans
from worker.health import Facts
from worker.installation import installation
from worker.keyring import fingerprints_of, reread, unseal_of
from worker.plan_builder import make_plan
from worker.traces import open_traces

if TYPE_CHECKING:
    from worker.metrics.endpoints import Endpoints

CONNECTIONS = 8
"""Database connections of a process: one for each engine thread that reads or writes, and a few for code lookups."""


@dataclass(frozen=True)
class Service:
    """One process's view of the shared database."""

    settings: Settings
    database: sqlalchemy.Engine
    queries: Queries
    publisher: ConfigPublisher
    fingerprints: Fingerprints | None

    def engine(self, *, slots: int, only: Collection[str] | None = None, name: str = "") -> Engine:
        """An engine with `slots` lookup threads for the sources in `only` (None: all). Not started yet.

        `name` is the worker's, by which people recognise it.
        """
        give_up_on(self.database)
        unseal = unseal_of(self.settings)
        database = bounded(self.database)
        claims, sources = Claims(database, keys=unseal.key_ids), Sources(database)
        make = partial(
            make_plan,
            queries=self.queries,
            fingerprints=self.fingerprints,
            environ=as_environment(self.settings),
            ready=ZoneCache(),
            purse=sources,
            private_networks=self.settings.private_networks,
        )
        plans = Plans(self.queries, make)
        code_importer = CodeImporter(unseal, self.fingerprints) if self.fingerprints and unseal.key_ids else None
        upkeep = Upkeep(database, code_importer, journal=self.journal, unseal=unseal)
        stores = Stores(claims, VerdictWriter(database), upkeep, sources, Fleet(database))

        def read_keys_again() -> Sequence[str]:
            reread(unseal, self.settings)
            claims.keys = frozenset(unseal.key_ids)
            return unseal.key_ids

        member = Member(
            uuid4(),
            socket.gethostname(),
            name or f"{os.getpid()}@{socket.gethostname()}",
            VERSION,
            known_revisions()[-1],
            slots,
            sources=None if only is None else tuple(sorted(only)),
            unseal_keys=tuple(unseal.key_ids),
            hash_keys=tuple(self.fingerprints.key_ids) if self.fingerprints is not None else (),
        )
        return Engine(
            stores,
            CheckRunner(unseal),
            plans,
            slots=slots,
            only=only,
            member=member,
            read_keys=read_keys_again,
            database=installation(self.settings.database_url),
            explain=partial(why_not, self.database),
            traces=open_traces(member.name, VERSION, plans.current),
        )

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


def open_endpoints(settings: Settings) -> socket.socket | None:
    """Take the address for health and metrics; None without one. Raises ConfigurationError if it is unusable."""
    if settings.listen is None:
        return None
    from worker.metrics.endpoints import open_listener

    return open_listener(settings.listen)


def serve_endpoints(listener: socket.socket, engine: Engine) -> Endpoints:
    """Serve health and metrics of an engine, from when it has started on."""
    from worker.metrics.endpoints import Endpoints, Probe
    from worker.metrics.worker_metrics import WorkerCollector

    facts = engine.status.facts

    def sentences(problems: Callable[[Facts], Sequence[str]]) -> Callable[[], list[str]]:
        return lambda: [f"this worker {problem}" for problem in problems(facts())]

    endpoints = Endpoints(
        listener,
        WorkerCollector(facts, engine.tallies, engine.status.info),
        {
            Probe.LIVE: sentences(lambda now: now.hanging),
            Probe.READY: sentences(lambda now: now.unready),
            Probe.STARTED: sentences(lambda now: now.unstarted),
        },
        version=VERSION,
        installation=engine.status.installation,
    )
    endpoints.start()
    return endpoints


def open_service(settings: Settings) -> Service:
    """The service on the database that the settings name. Connects when it is first used."""
    database = open_engine(settings.database_url, pool_size=CONNECTIONS)
    return Service(settings, database, Queries(database), ConfigPublisher(database), fingerprints_of(settings))
