"""`doctor`: shows what is set, from where, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click

from cli.command import ENVIRONMENT, command
from cli.output import CheckupStep, Exit, Output, StepMark

if TYPE_CHECKING:
    from config.settings import Settings
    from worker.service import Service


@command(
    examples=("jurat doctor", "jurat doctor --json"),
    environment=tuple(ENVIRONMENT),
    codes={
        Exit.DONE: "nothing is wrong",
        Exit.REFUSED: "something is wrong here",
        Exit.USAGE: "wrong usage",
        Exit.DEPENDENCY: "the database or the broker is down, or is not what this program needs",
    },
)
@click.option("--all", "all_databases", is_flag=True, help="Also show the workers of other databases on this machine.")
def doctor(out: Output, *, all_databases: bool) -> Exit:
    """Check settings, keys, database, broker, configuration, sources, clock and workers, and say what is wrong.

    Prints one line for each step, with what to do about it. Changes nothing, and asks no source.
    """
    import logging

    from cli.diagnosis import checkup, workforce
    from worker.installation import installation_here
    from worker.logs import set_up

    steps, settings = checkup.settings_steps()
    if settings is not None:
        set_up(settings.log, logging.CRITICAL)
        steps += _steps_with(settings)
    else:
        steps += checkup.variable_steps(None)
    steps += workforce.worker_steps(None if all_databases else installation_here())
    return out.show_steps(steps)


def _steps_with(settings: Settings) -> list[CheckupStep]:
    from cli.diagnosis import checkup, keys, workforce
    from config.sources import secrets_of

    steps, service = checkup.database_steps(settings)
    steps += checkup.broker_steps(settings)
    if service is None:
        return [*steps, *keys.key_steps(settings, None), *checkup.variable_steps(None)]
    known: set[str] = set()
    with closing(service):
        steps += _rights_steps(service)
        steps += workforce.allowance_steps(service)
        steps += workforce.history_steps(service)
        steps += keys.key_steps(settings, service)
        steps += keys.lacking_steps(service.queries)
        steps.append(workforce.fleet_step(service.queries))
        steps += workforce.finding_steps(service)
        found, plan = checkup.configuration_steps(service)
        steps += found
        if plan is not None:
            steps += [checkup.source_step(name, plan, service.queries) for name in plan.sources]
            steps += checkup.drift_steps(row for row in service.queries.sources() if row.name in plan.sources)
            models = plan.configuration.sources.values()
            known = {reference.env for model in models for _, reference in secrets_of(model) if reference.env}
            plan.close()
        steps.append(workforce.clock_step(service.queries))
    return [*steps, *checkup.variable_steps(known)]


def _rights_steps(service: Service) -> Iterator[CheckupStep]:
    """Warns of a login that no right limits, of users other than the owner who may create in our tables' schema, and of
    platforms whose only login may erase.
    """
    from jurat.database import reader
    from store.schema.grants import DatabaseRole
    from store.schema.owners import creators, unbound
    from store.schema.roles import left_to_platforms

    with reader(service.database).begin() as connection:
        why, found, left = unbound(connection), creators(connection), left_to_platforms(connection)
    if why is not None:
        advice = "give workers and commands users of their own: docs/operators/separate-roles.md"
        yield CheckupStep("login", StepMark.NOTE, f"{why}, so no right or guard of the tables limits it", advice)
    for each in found:
        who = "everyone" if each.who == "PUBLIC" else f"{each.who}, which does not own the tables,"
        said = f"{who} may create in their schema {each.schema}, where functions with the owner's rights look"
        yield CheckupStep("rights", StepMark.NOTE, said, f"an administrator of the database runs: {each.remedy}")
    if left:
        said = (
            f"whoever has the password of the web tier may transfer and erase: {DatabaseRole.PLATFORM} may, as in 0.3.0"
        )
        advice = f"ask by a user with {DatabaseRole.ACCOUNTS}, then the owner of the tables runs: "
        advice += f"REVOKE EXECUTE ON FUNCTION {', '.join(left)} FROM {DatabaseRole.PLATFORM}"
        yield CheckupStep("rights", StepMark.NOTE, said, advice)
