"""The sources of the applied configuration: their plan, their status, and paying for a lookup."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager

from sqlalchemy.exc import SQLAlchemyError

from cli.database import open_database, require_configuration
from cli.diagnosis import checkup
from cli.diagnosis.source_texts import state_text
from cli.output import Exit, Failure, Output
from config.settings import SettingsError
from config.suggestions import suggest
from jurat.database import bounded
from store.monitoring.source_status import SourceStatus, read_statuses
from store.queue.sources import Sources
from tasks.plan import Plan
from worker.service import Service


@contextmanager
def plan_of(service: Service) -> Iterator[Plan]:
    """The plan of the applied configuration. Raises Failure if it cannot be used."""
    require_configuration(service)
    steps, plan = checkup.configuration_steps(service)
    if plan is None:
        raise Failure(f"the configuration cannot be used: {steps[-1].found}; {steps[-1].advice}", Exit.USAGE)
    with closing(plan):
        yield plan


def source_statuses(service: Service, name: str | None = None) -> list[SourceStatus]:
    """The status of each source of the applied configuration, or of the one with this name."""
    configured = require_configuration(service).sources
    if name is not None:
        require(name, configured)
    models = configured if name is None else {name: configured[name]}
    return read_statuses(models, service.queries)


def sources(service: Service) -> Sources:
    """The quotas and pauses of sources, with a time limit on each statement."""
    return Sources(bounded(service.database))


def require(name: str, known: Collection[str]) -> None:
    """Raise Failure if there is no source of this name, with a guess at what was meant."""
    if name not in known:
        raise Failure(f"there is no source '{name}' — {suggest(name, known)}", Exit.USAGE)


class _NotNow(Failure):
    """The source may not be asked at the moment."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"not asked: {sentence}", Exit.DEPENDENCY)


def pay_for_lookup(service: Service, plan: Plan, name: str) -> None:
    """Pay for one lookup and wait for its turn.

    Raises Failure: the source may not be asked now, or its quota allows no lookup within 10 s.
    """
    (status,) = source_statuses(service, name)
    if status.paused_until or status.closed_until:
        raise _NotNow(f"{name} is {state_text(status)}")
    wait = sources(service).pay_for_request(plan.demand(name, 1), checkup.LONGEST_WAIT)
    if wait is None:
        raise _NotNow(f"the quota of {name} is used up at the moment; try again later")
    time.sleep(wait)


def pay_if_applied(name: str, out: Output, *, from_files: bool) -> None:
    """The same for a source that may be only in files: then it has no quota, and needs no database."""
    try:
        with open_database() as service, plan_of(service) as plan:
            pay_for_lookup(service, plan, name)
    except (Failure, SettingsError, SQLAlchemyError) as error:
        if not from_files or isinstance(error, _NotNow):
            raise
        out.say(f"no database here knows {name}, so the lookup does not count for its rate")
