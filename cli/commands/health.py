"""`health`: for a container's health check, and for people."""

from __future__ import annotations

import click

from cli.command import Command
from cli.output import Exit, Output, columns
from worker import health as files
from worker.installation import installation_here


@click.command(
    cls=Command,
    examples=("jurat health", "jurat health --ready", "jurat health --all"),
    environment=("JURAT_DATABASE_URL",),
    codes={Exit.DONE: "at least one runs, and all that run are alive", Exit.REFUSED: "none runs, or one is not well"},
)
@click.option("--ready", is_flag=True, help="Also demand that they can do checks: as above.")
@click.option("--all", "everybody", is_flag=True, help="Also show workers of other databases.")
@click.pass_obj
def health(out: Output, *, ready: bool, everybody: bool) -> Exit:
    """Say whether the workers on this machine are alive: those of this user and of JURAT_DATABASE_URL.

    With --ready they must also reach the database, have a configuration, and have the keys of all answers that wait.

    It asks neither the database nor the broker: a worker waits for both and comes back by itself, so they are no
    reason to restart it.
    """
    found = files.workers()
    beats = found if everybody else [beat for beat in found if beat.is_of(installation_here())]
    problems = [problem for beat in beats if (problem := beat.trouble or (beat.unready if ready else None))]
    if not beats:
        others = f"; {len(found)} of other databases, see --all" if found else ""
        where = f"no worker of this user and database runs on this machine (looked in {files.folder()}{others})"
        problems = [where]
    document = {
        "ok": not problems,
        "problems": problems,
        "workers": [
            {"pid": beat.pid, "age_s": round(beat.age, 3), "ready": beat.ready, **_facts(beat)} for beat in beats
        ],
    }
    rows = columns(
        ("pid", "name", "version", "seen", "ready", "holds", "slots", "configuration"),
        (
            (
                beat.pid,
                beat.facts.name,
                beat.facts.version,
                f"{beat.age:.0f} s ago",
                "yes" if beat.ready else "no",
                beat.facts.held,
                beat.facts.slots,
                beat.facts.config_version,
            )
            for beat in beats
        ),
    )
    out.show(document, rows)
    for problem in problems:
        out.say(f"jurat: {problem}")
    return Exit.REFUSED if problems else Exit.DONE


def _facts(beat: files.WorkerHealth) -> dict[str, object]:
    facts = beat.facts
    return {
        "slots": facts.slots,
        "held": facts.held,
        "database": facts.database,
        "config_version": facts.config_version,
        "threads": dict(facts.threads),
        "key_missing": dict(facts.strange),
        "name": facts.name,
        "version": facts.version,
    }
