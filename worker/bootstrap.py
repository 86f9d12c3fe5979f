"""Makes an engine on the service, and serves its health and metrics."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from adapters.address.zone_unions import AreaCache
from config.settings import Settings, as_environment
from jurat.database import bounded
from store.queue.claims import Claims
from store.queue.sources import Sources
from store.requests.code_lists import CodeImporter
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
from worker.keyring import reread, unseal_of
from worker.plan_builder import make_plan
from worker.service import Service
from worker.traces import open_traces

if TYPE_CHECKING:
    from worker.metrics.endpoints import Endpoints


def engine_on(service: Service, *, slots: int, only: Collection[str] | None = None, name: str = "") -> Engine:
    """An engine on this service with `slots` lookup threads for the sources in `only` (None: all). Not started yet.

    `name` is the worker's, by which people recognise it.
    """
    give_up_on(service.database)
    unseal = unseal_of(service.settings)
    database = bounded(service.database)
    claims, sources = Claims(database, keys=unseal.key_ids), Sources(database)
    make = partial(
        make_plan,
        queries=service.queries,
        fingerprints=service.fingerprints,
        environ=as_environment(service.settings),
        ready=AreaCache(),
        purse=sources,
        private_networks=service.settings.private_networks,
    )
    plans = Plans(service.queries, make)
    code_importer = CodeImporter(unseal, service.fingerprints) if service.fingerprints and unseal.key_ids else None
    upkeep = Upkeep(database, code_importer, journal=service.journal, unseal=unseal)
    stores = Stores(claims, VerdictWriter(database), upkeep, sources, Fleet(database))

    def read_keys_again() -> Sequence[str]:
        reread(unseal, service.settings)
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
        hash_keys=tuple(service.fingerprints.key_ids) if service.fingerprints is not None else (),
    )
    return Engine(
        stores,
        CheckRunner(unseal),
        plans,
        slots=slots,
        only=only,
        member=member,
        read_keys=read_keys_again,
        database=installation(service.settings.database_url),
        explain=partial(why_not, service.database),
        traces=open_traces(member.name, VERSION, plans.current),
    )


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
