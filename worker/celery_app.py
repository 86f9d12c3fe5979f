"""Builds the Celery application: its settings, the engine's step, and the signals of its start and stop."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from socket import gethostname
from typing import Any, NoReturn

import click
from celery import Celery
from celery.signals import celeryd_init, setup_logging, worker_shutting_down
from celery.utils.log import mlevel

import worker.bell  # noqa: F401 - registers the task
from config.settings import Settings, read_settings
from jurat.errors import ConfigurationError
from store.schema.release import VERSION
from worker.bootstrap import engine_on, open_endpoints, serve_endpoints
from worker.broker import Broker
from worker.celery_settings import DEFAULT_QUEUE, celery_settings
from worker.celery_step import EngineStep, queue
from worker.database import look
from worker.engine.engine import Engine
from worker.keyring import UNKNOWN
from worker.logs import set_up
from worker.output import capture
from worker.remote_control import allow_questions_alone
from worker.service import open_service

_UNFIT_POOLS = ("prefork", "processes", "solo", "gevent", "eventlet")


def make_app(settings: Settings) -> Any:
    """The application for these settings. Connects to nothing yet."""
    app: Any = Celery("jurat", amqp=Broker)
    celery = celery_settings(settings.broker_url or "none", remote_control=settings.remote_control)
    app.conf.update(celery, task_queues=[queue(DEFAULT_QUEUE)])
    app.steps["worker"].add(EngineStep)
    service = open_service(settings)

    def make_engine(slots: int, only: set[str] | None, name: str) -> Engine:
        engine = engine_on(service, slots=slots, only=only, name=name)
        if app.jurat_listener is not None:
            serve_endpoints(app.jurat_listener, engine)
        threading.Thread(target=look, args=(service,), name="look", daemon=True).start()  # which may take its time
        return engine

    app.jurat_make_engine = make_engine
    app.jurat_prepare_journal = service.prepare_journal
    app.jurat_settings = settings
    app.jurat_listener = None
    app.jurat_lacks_keys = not settings.unseal_keys
    return app


def refuse(sentence: str) -> NoReturn:
    """End the process with a sentence for the operator, exit code 2: wrong usage or settings."""
    sys.stderr.write(sentence + "\n")
    raise SystemExit(2)


@celeryd_init.connect
def _begin(sender: str, options: dict[str, Any], instance: Any, **_: Any) -> None:
    """Look at the options of a worker that is about to start, limit what it may be told over the broker, and send all
    that it writes from now on to its log.
    """
    _look_at_options(options, instance)
    allow_questions_alone()
    form = read_settings().log
    set_up(form, mlevel(options.get("loglevel") or logging.INFO), worker=sender, host=gethostname(), version=VERSION)
    capture(instance, form)


def _look_at_options(options: dict[str, Any], instance: Any) -> None:
    """Declare the queues of -Q as given, since sources may be configured later; refuse pools that do harm, and a worker
    without keys. Celery's other commands, such as `inspect`, need none. Take the address of the endpoints before any
    work begins.
    """
    if getattr(instance.app, "jurat_lacks_keys", False):
        refuse(f"JURAT_UNSEAL_KEYS is not set: without it no answer can be opened; {UNKNOWN}")
    context = click.get_current_context(silent=True)
    if context is not None:
        _refuse_unfit(context)
    if hasattr(instance.app, "jurat_settings"):
        try:
            instance.app.jurat_prepare_journal()
            instance.app.jurat_listener = open_endpoints(instance.app.jurat_settings)
        except ConfigurationError as error:
            refuse(str(error))
    queues = options.get("queues") or []
    for name in queues.split(",") if isinstance(queues, str) else queues:
        if name not in instance.app.amqp.queues:
            instance.app.amqp.queues.add(queue(name))


def _refuse_unfit(context: click.Context) -> None:
    explicit = context.get_parameter_source("pool") is click.core.ParameterSource.COMMANDLINE
    # Celery has replaced the name by a class, and prefork by the configured threads: only argv has what was typed.
    if explicit and any(pool in _UNFIT_POOLS for pool in _pools(sys.argv)):
        refuse("jurat's lookups run in threads: leave out -P, or use -P threads")
    if context.params.get("autoscale"):
        refuse("--autoscale does not fit: lookup slots are fixed; set them with --concurrency, and start more workers")


def _pools(words: list[str]) -> Iterator[str]:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("-P", "--pool"):
            yield following
        elif word.startswith("--pool="):
            yield word.removeprefix("--pool=")
        elif word.startswith("-P"):
            yield word[2:]


@worker_shutting_down.connect
def _stop_claiming(**_: Any) -> None:
    for step in list(EngineStep.running):
        step.shut_down()


@setup_logging.connect
def _leave_logging(**_: Any) -> None:
    """Keep Celery from setting up logging again: who answers this signal has done so."""
