"""`worker`: runs Celery's worker with jurat's application in this process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing

import click

from cli.command import ENVIRONMENT, command
from cli.output import CheckupStep, Exit, Failure, Output, StepMark, count_text

_PREFIX = "checks."


@command(
    examples=(
        "jurat worker",
        "jurat worker --slots 64 --queues checks.ban,checks.rpps",
        "jurat worker --loglevel WARNING --hostname w1@%h",
        "jurat worker --check",
    ),
    environment=tuple(ENVIRONMENT),
    codes={
        Exit.DONE: "it was stopped; with --check: nothing is missing",
        Exit.USAGE: "wrong usage or settings; with --check: something that it needs is missing",
        Exit.DEPENDENCY: "with --check: the database or the broker is down, or is not what it needs",
    },
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
)
@click.option(
    "--slots",
    type=click.IntRange(1, 1024),
    metavar="N",
    show_default="32",
    help="Lookups at once (Celery's --concurrency).",
)
@click.option(
    "--queues",
    "-Q",
    metavar="NAMES",
    help="Serve only these sources: `checks.NAME`, separated by commas.  [default: all]",
)
@click.option("--check", is_flag=True, help="Say what this worker would do and what is missing, and start nothing.")
@click.argument("celery_options", metavar="[CELERY OPTIONS]…", nargs=-1, type=click.UNPROCESSED)
def worker(out: Output, *, slots: int | None, queues: str | None, check: bool, celery_options: Sequence[str]) -> Exit:
    """Run a worker: it looks up answers, writes verdicts and keeps the tables in order. Start as many as you like.

    It is Celery's own worker and takes all options of `celery worker`. SIGTERM stops it: it takes no more checks, lets
    its lookups end, and gives the rest back. It also starts while the database or the broker is down, waits, and
    recovers by itself.
    """
    if check:
        return _check(out, slots, queues)
    if out.json:
        raise click.UsageError("--json goes with --check; logs are JSON with JURAT_LOG=json.")
    for option in celery_options:
        if option in ("-D", "--detach"):
            raise Failure("a worker stays in the foreground; use systemd, a container or `&`", Exit.USAGE)
    from worker.app import app  # refuses unusable settings with exit code 2

    arguments = ["worker"]
    arguments += ["--concurrency", str(slots)] if slots else []
    arguments += ["--queues", queues] if queues else []
    if not any(option.startswith(("-l", "--loglevel")) for option in celery_options):
        arguments += ["--loglevel", "INFO"]
    # At SIGHUP Celery replaces this process by `python` and sys.argv; `-P` keeps the current folder off the path.
    sys.argv = ["-P", "-m", "cli", *sys.argv[1:]]
    try:
        app.start([*arguments, *celery_options])
    except click.UsageError as error:
        raise click.UsageError(error.format_message(), click.get_current_context()) from None
    return Exit.DONE


def _check(out: Output, slots: int | None, queues: str | None) -> Exit:
    """Check all that a worker needs, without starting one."""
    import logging

    from cli.diagnosis import checkup, keys
    from worker.celery_settings import SLOTS
    from worker.logs import set_up

    steps, settings = checkup.settings_steps()
    if settings is None or settings.broker_url is None or not settings.unseal_keys:
        if settings is not None:
            steps += keys.key_steps(settings, None)
        out.show_steps([step for step in steps if step.mark is not StepMark.OK])
        return Exit.USAGE
    set_up(settings.log, logging.CRITICAL)
    steps, service = checkup.database_steps(settings)
    steps += checkup.broker_steps(settings)
    served: list[str] = []
    if service is None:
        steps += keys.key_steps(settings, None)
    else:
        with closing(service):
            steps += keys.key_steps(settings, service)
            found, plan = checkup.configuration_steps(service)
            steps += found
            if plan is not None:
                served, more = _served(list(plan.sources), queues)
                steps += more
                steps += [checkup.source_step(name, plan, service.queries) for name in served]
                plan.close()
    steps.append(CheckupStep("slots", StepMark.OK, f"{count_text(slots or SLOTS, 'lookup')} at once"))
    code = out.show_steps(steps, slots=slots or SLOTS, sources=served)
    return Exit.USAGE if code is Exit.REFUSED else code


def _served(sources: list[str], queues: str | None) -> tuple[list[str], list[CheckupStep]]:
    from config.suggestions import suggest
    from worker.celery_settings import DEFAULT_QUEUE

    names = [name.strip() for name in queues.split(",")] if queues else [DEFAULT_QUEUE]
    if DEFAULT_QUEUE in names:
        return sources, [CheckupStep("sources", StepMark.OK, f"all: {', '.join(sources)}")]
    wanted = [name.removeprefix(_PREFIX) for name in names]
    served = [name for name in sources if name in wanted]
    steps = [CheckupStep("sources", StepMark.OK, f"only {', '.join(served)}")] if served else []
    for name in names:
        if name.removeprefix(_PREFIX) not in sources or not name.startswith(_PREFIX):
            hint = suggest(name.removeprefix(_PREFIX), sources)
            steps.append(
                CheckupStep("sources", StepMark.PROBLEM, f"-Q {name} names no source: write checks.NAME — {hint}")
            )
    return served, steps
