"""Loads the applied configuration for commands about sources."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from cli.database import opened
from cli.diagnosis import checkup
from cli.diagnosis.source_status import SourceStatus
from cli.diagnosis.source_status import source_statuses as every
from cli.output import Exit, Failure, Output
from config.configuration import Configuration
from config.settings import SettingsError
from config.suggestions import suggest
from jurat.database import bounded
from store.queue.sources import Sources

if TYPE_CHECKING:
    from tasks.plan import Plan
    from worker.bootstrap import Service


def configuration_of(service: Service) -> Configuration:
    """The newest one that was applied. Raises Failure where there is none."""
    version = service.queries.config_version()
    if version is None:
        raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.USAGE)
    return Configuration.from_json(service.queries.config(version))


@contextmanager
def plan_of(service: Service) -> Iterator[Plan]:
    """The plan of the applied configuration. Raises Failure where it cannot be used."""
    _, plan = checkup.configuration_steps(service)
    if plan is None:
        raise Failure("no usable configuration is applied; run `bin/jurat config apply PATH`", Exit.USAGE)
    try:
        yield plan
    finally:
        plan.close()


def source_statuses(service: Service, name: str | None = None) -> list[SourceStatus]:
    """How the sources of the applied configuration stand; of one alone where its name is given."""
    configured = configuration_of(service).sources
    if name is not None:
        require(name, configured)
    models = configured if name is None else {name: configured[name]}
    return every(models, service.queries)


def sources(service: Service) -> Sources:
    """The ledger of quotas and pauses, with a bound on each statement."""
    return Sources(bounded(service.database))


def require(name: str, known: Collection[str]) -> None:
    """Raise Failure where there is no source of this name, with what may have been meant."""
    if name not in known:
        raise Failure(f"there is no source '{name}' — {suggest(name, known)}", Exit.USAGE)


def pay(name: str, out: Output, *, from_files: bool) -> None:
    """Pay for one look-up and wait for its turn.

    A source that stands in files alone has no quota that is kept anywhere; then there need not be a database either.

    Raises:
        Failure: the source may not be asked now, or its quota gives no look-up within 10 s.
    """
    try:
        with opened() as service:
            wait = _turn(name, service)
    except (Failure, SettingsError, SQLAlchemyError) as error:
        if not from_files or isinstance(error, _NotNow):
            raise
        out.say(f"there is no database here that knows {name}, so nothing is paid from its rate")
        return
    time.sleep(wait)


class _NotNow(Failure):
    """The source may not be asked at the moment."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"not asked: {sentence}", Exit.DEPENDENCY)


def _turn(name: str, service: Service) -> float:
    """In how many seconds the look-up that is paid may begin."""
    (status,) = source_statuses(service, name)
    if status.paused_until or status.closed_until:
        raise _NotNow(f"{name} is {status.said()}")
    with plan_of(service) as plan:
        demand = plan.demand(name, 1)
    wait = sources(service).pay_for_request(demand, checkup.LONGEST_WAIT)
    if wait is None:
        raise _NotNow(f"what {name} allows is used up at the moment; try again later")
    return wait
