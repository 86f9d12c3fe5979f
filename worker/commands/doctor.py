"""`doctor`: what is set, from where, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from worker.command import ENVIRONMENT, Command
from worker.output import Exit, Output

if TYPE_CHECKING:
    from config.settings import Settings
    from worker.bootstrap import Service
    from worker.diagnosis import Step


@click.command(
    cls=Command,
    examples=("jurat doctor", "jurat doctor --json"),
    environment=tuple(ENVIRONMENT),
    codes={
        Exit.DONE: "nothing is wrong",
        Exit.REFUSED: "something is wrong here",
        Exit.USAGE: "wrong usage",
        Exit.DEPENDENCY: "the database or the broker is down, or is not what this program needs",
    },
)
@click.option("--all", "everybody", is_flag=True, help="Also show the workers of other databases on this machine.")
@click.pass_obj
def doctor(out: Output, *, everybody: bool) -> Exit:
    """Look at settings, keys, database, broker, configuration, sources, clock and workers, and say what is wrong.

    One line a step, with what to do about it. Changes nothing, and asks no source.
    """
    import logging

    from worker import diagnosis, staffing
    from worker.installation import installation_here
    from worker.logs import set_up

    steps, settings = diagnosis.settings_steps()
    if settings is not None:
        set_up(settings.log, logging.CRITICAL)
        steps += _with(settings)
    else:
        steps += diagnosis.variable_steps(set())
    steps += staffing.worker_steps(None if everybody else installation_here())
    diagnosis.show(out, steps)
    return diagnosis.code_of(steps)


def _with(settings: Settings) -> list[Step]:
    from config.sources import secrets_of
    from worker import diagnosis, staffing
    from worker.allowances import allowance_steps

    steps, service = diagnosis.database_steps(settings)
    steps += diagnosis.broker_steps(settings)
    if service is None:
        return [*steps, *staffing.key_steps(settings, None), *diagnosis.variable_steps(set())]
    known: set[str] = set()
    try:
        steps += _login_steps(service)
        steps += _rights_steps(service)
        steps += allowance_steps(service)
        steps += staffing.key_steps(settings, service)
        steps += staffing.missing_steps(service.reading)
        steps.append(staffing.fleet_step(service.reading))
        found, plan = diagnosis.configuration_steps(service)
        steps += found
        if plan is not None:
            steps += [diagnosis.source_step(name, plan, service.reading) for name in plan.sources]
            steps += diagnosis.trouble_steps(plan, service.reading)
            references = [
                reference for model in plan.configuration.sources.values() for _, reference in secrets_of(model)
            ]
            known = {reference.env for reference in references if reference.env}
            plan.close()
        steps.append(diagnosis.clock_step(service.reading))
    finally:
        service.close()
    return [*steps, *diagnosis.variable_steps(known)]


def _login_steps(service: Service) -> Iterator[Step]:
    """Warns of a login that no right binds: through its process all can be read, and verdicts can be changed."""
    from jurat.database import reader
    from tasks.grants import unbound
    from worker.diagnosis import Mark, Step

    with reader(service.database).begin() as connection:
        why = unbound(connection)
    if why is not None:
        advice = "give workers and commands users of their own: docs/operators/separate-roles.md"
        yield Step("login", Mark.NOTE, f"{why}, so that none of the rights and guards of the tables binds it", advice)


def _rights_steps(service: Service) -> Iterator[Step]:
    """Warns of each who may create in the schema of our tables beside their owner. PostgreSQL alone has such rights."""
    from jurat.database import reader
    from tasks.grants import creators
    from worker.diagnosis import Mark, Step

    with reader(service.database).begin() as connection:
        found = creators(connection)
    for each in found:
        who = "everybody" if each.who == "PUBLIC" else f"{each.who}, which does not own the tables,"
        said = f"{who} may create in their schema {each.schema}, where functions with the owner's rights look"
        yield Step("rights", Mark.NOTE, said, f"an administrator of the database runs: {each.remedy}")
