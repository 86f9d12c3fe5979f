"""`doctor`: shows what is set, from where, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cli.command import ENVIRONMENT, Command
from cli.output import Exit, Output

if TYPE_CHECKING:
    from cli.diagnosis.checkup import CheckupStep
    from config.settings import Settings
    from worker.bootstrap import Service


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

    from cli.diagnosis import checkup, workforce
    from worker.installation import installation_here
    from worker.logs import set_up

    steps, settings = checkup.settings_steps()
    if settings is not None:
        set_up(settings.log, logging.CRITICAL)
        steps += _with(settings)
    else:
        steps += checkup.variable_steps(set())
    steps += workforce.worker_steps(None if everybody else installation_here())
    checkup.show(out, steps)
    return checkup.code_of(steps)


def _with(settings: Settings) -> list[CheckupStep]:
    from cli.diagnosis import checkup, clock, workforce
    from cli.diagnosis.allowances import allowance_steps
    from config.sources import secrets_of

    steps, service = checkup.database_steps(settings)
    steps += checkup.broker_steps(settings)
    if service is None:
        return [*steps, *workforce.key_steps(settings, None), *checkup.variable_steps(set())]
    known: set[str] = set()
    try:
        steps += _login_steps(service)
        steps += _rights_steps(service)
        steps += allowance_steps(service)
        steps += workforce.key_steps(settings, service)
        steps += workforce.missing_steps(service.queries)
        steps.append(workforce.fleet_step(service.queries))
        found, plan = checkup.configuration_steps(service)
        steps += found
        if plan is not None:
            steps += [checkup.source_step(name, plan, service.queries) for name in plan.sources]
            steps += checkup.trouble_steps(plan, service.queries)
            references = [
                reference for model in plan.configuration.sources.values() for _, reference in secrets_of(model)
            ]
            known = {reference.env for reference in references if reference.env}
            plan.close()
        steps.append(clock.clock_step(service.queries))
    finally:
        service.close()
    return [*steps, *checkup.variable_steps(known)]


def _login_steps(service: Service) -> Iterator[CheckupStep]:
    """Warns of a login that no right binds: through its process all can be read, and verdicts can be changed."""
    from cli.diagnosis.checkup import CheckupStep, StepMark
    from jurat.database import reader
    from store.schema.grants import unbound

    with reader(service.database).begin() as connection:
        why = unbound(connection)
    if why is not None:
        advice = "give workers and commands users of their own: docs/operators/separate-roles.md"
        yield CheckupStep(
            "login", StepMark.NOTE, f"{why}, so that none of the rights and guards of the tables binds it", advice
        )


def _rights_steps(service: Service) -> Iterator[CheckupStep]:
    """Warns of each who may create in the schema of our tables beside their owner. PostgreSQL alone has such rights."""
    from cli.diagnosis.checkup import CheckupStep, StepMark
    from jurat.database import reader
    from store.schema.grants import creators

    with reader(service.database).begin() as connection:
        found = creators(connection)
    for each in found:
        who = "everybody" if each.who == "PUBLIC" else f"{each.who}, which does not own the tables,"
        said = f"{who} may create in their schema {each.schema}, where functions with the owner's rights look"
        yield CheckupStep("rights", StepMark.NOTE, said, f"an administrator of the database runs: {each.remedy}")
