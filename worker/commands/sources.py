"""`sources`: where answers are looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.command import Group
from worker.output import Exit, Failure, Output, columns

if TYPE_CHECKING:
    from config.configuration import Configuration
    from worker.bootstrap import Service

_READS = ("JURAT_DATABASE_URL",)


@click.group(cls=Group)
def sources() -> None:
    """List sources and test them."""


@sources.command(name="list", examples=("jurat sources list", "jurat sources list --json"), environment=_READS)
@click.pass_obj
def list_(out: Output) -> Exit:
    """List the sources of the applied configuration, and how each stands.

    `waiting` counts checks that are due or will be, as workers last counted them (each 5 s).
    """
    from worker.database import opened

    with opened() as service:
        configuration = _configuration(service)
        standing = {row.name: row for row in service.reading.sources()}
        now = service.reading.clock()
    rows = []
    for name, model in configuration.sources.items():
        row = standing[name]
        paused = row.paused_until if row.paused_until and row.paused_until > now else None
        rows.append(
            {
                "source": name,
                "type": model.type,
                "waiting": row.waiting,
                "oldest_due_at": row.oldest_due_at,
                "last_success_at": row.last_success_at,
                "last_failure_at": row.last_failure_at,
                "last_failure": row.last_failure,
                "paused_until": paused,
                "pause_reason": row.pause_reason if paused else None,
            }
        )
    head = ("source", "type", "waiting", "last success", "last failure", "failed with", "paused until", "paused for")
    keys = (
        "source",
        "type",
        "waiting",
        "last_success_at",
        "last_failure_at",
        "last_failure",
        "paused_until",
        "pause_reason",
    )
    out.show(rows, columns(head, ([row[key] for key in keys] for row in rows)))
    return Exit.DONE


@sources.command(
    examples=("jurat sources test --all", "jurat sources test ban --live"),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--all", "everything", is_flag=True, help="Test every source.")
@click.option(
    "--live",
    is_flag=True,
    help="Also send one request to the root of each of its servers, by its proxy and certificates. It looks nobody up.",
)
@click.pass_obj
def test(out: Output, *, name: str | None, everything: bool, live: bool) -> Exit:
    """Test whether sources can work on this machine: secrets, files, codes; with --live whether their servers answer.

    Ends with 1 when one can not, with 3 when a server does not answer.
    """
    from config.suggestions import suggest
    from worker import diagnosis
    from worker.database import opened

    if bool(name) == everything:
        raise click.UsageError("Give the name of a source, or --all.")
    with opened() as service:
        _, plan = diagnosis.configuration_steps(service)
        if plan is None:
            raise Failure("no usable configuration is applied; run `bin/jurat config apply PATH`", Exit.REFUSED)
        try:
            if name and name not in plan.sources:
                raise Failure(f"there is no source '{name}' — {suggest(name, plan.sources)}", Exit.USAGE)
            steps = []
            for source in [name] if name else plan.sources:
                steps.append(diagnosis.source_step(source, plan, service.reading))
                if live and (reached := diagnosis.reach_step(source, plan)):
                    steps.append(reached)
        finally:
            plan.close()
    diagnosis.show(out, steps)
    return diagnosis.code_of(steps)


def _configuration(service: Service) -> Configuration:
    from config.configuration import Configuration

    version = service.reading.config_version()
    if version is None:
        raise Failure("no configuration was applied yet; run `bin/jurat config apply PATH`", Exit.REFUSED)
    return Configuration.from_json(service.reading.config(version))
