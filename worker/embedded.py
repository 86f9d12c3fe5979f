"""Runs the engine inside another program, such as a small platform's web server: no Celery, no broker, one process.

    with embedded(read_settings()) as engine:
        …                # after each commit of a submit: engine.wake()

All threads of the server may call `wake`. A server that forks opens it in the process that serves, after the fork,
because threads are not inherited.

The keys are in that server's memory. The server decides whether it leaves core files: see `worker.cores.leave_none`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from config.settings import Settings
from jurat.database import is_away
from jurat.errors import ConfigurationError
from jurat.ring import NO_BROKER
from store.schema.status import ADVICE, schema_of
from worker.bootstrap import engine_on, open_endpoints, serve_endpoints
from worker.database import missing_file, why_not
from worker.engine.engine import FIRST_PLAN, Engine
from worker.keyring import UNKNOWN, mismatch
from worker.logs import hand_on
from worker.service import Service, open_service

SLOTS = 16


@contextmanager
def embedded(settings: Settings, slots: int = SLOTS) -> Iterator[Engine]:
    """An engine with `slots` lookup threads on the database alone; `wake()` has it look for work at once.

    At the end, lookups that run are finished, and checks that were not looked up yet are given back. As with a worker,
    the process ends itself with code 70 when the engine comes to a standstill: have a supervisor start it again. With
    JURAT_LISTEN, it serves health and metrics there, from this process alone.

    Raises:
        ConfigurationError: keys, tables or the database are missing, JURAT_LISTEN or JURAT_ERASURE_JOURNAL cannot be
            used, or there is a broker: its bells ring in workers.
    """
    _require_settings(settings)
    hand_on()
    with ExitStack() as last_first:
        if listener := open_endpoints(settings):
            last_first.callback(listener.close)
        service = open_service(settings)
        last_first.callback(service.close)
        _require_schema(service)
        service.prepare_journal()
        engine = engine_on(service, slots=slots)
        if listener:
            last_first.callback(serve_endpoints(listener, engine).close)
        engine.start()
        last_first.callback(engine.stop)
        engine.plans.taken.wait(FIRST_PLAN)
        yield engine


def _require_settings(settings: Settings) -> None:
    if settings.broker_url not in (None, NO_BROKER):
        raise ConfigurationError(
            "JURAT_BROKER_URL names a broker, whose bells an embedded engine does not hear: set it to `none`, or run "
            "`bin/jurat worker` instead"
        )
    if not settings.unseal_keys:
        raise ConfigurationError(f"JURAT_UNSEAL_KEYS is not set: without it no answer can be opened; {UNKNOWN}")
    if wrong := mismatch(settings):
        raise ConfigurationError(wrong)
    if missing := missing_file(settings):
        raise ConfigurationError(missing)


def _require_schema(service: Service) -> None:
    try:
        found = schema_of(service.database)
    except Exception as error:
        if not is_away(error):
            raise
        why = why_not(service.database, error)
        raise ConfigurationError(
            f"the database does not answer: {why['why']}; {why['advice']}; see `bin/jurat doctor`"
        ) from None
    if not found.usable:
        raise ConfigurationError(ADVICE[found])
