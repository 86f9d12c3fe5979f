"""`health`: for a container's health check, and for people."""

from __future__ import annotations

import click

from cli.command import command
from cli.output import Exit, Output, columns, fields_of
from worker import health as files
from worker.installation import installation_here


@command(
    examples=("jurat health", "jurat health --ready", "jurat health --all"),
    codes={Exit.DONE: "at least one runs, and all that run are alive", Exit.REFUSED: "none runs, or one is not well"},
)
@click.option("--ready", is_flag=True, help="Also require that they can do checks, as described above.")
@click.option("--all", "all_databases", is_flag=True, help="Also show workers of other databases.")
def health(out: Output, *, ready: bool, all_databases: bool) -> Exit:
    """Say whether the workers on this machine are alive: those of this user and of JURAT_DATABASE_URL.

    With --ready, they must also reach the database, have a configuration, and have the keys of all waiting answers.

    It does not ask the database or the broker: a worker waits for both and recovers by itself, so they are no reason to
    restart it.
    """
    found = files.workers()
    beats = found if all_databases else [beat for beat in found if beat.is_of(installation_here())]
    problems = [problem for beat in beats if (problem := beat.trouble or (beat.unready if ready else None))]
    if not beats:
        others = f"; {len(found)} of other databases, see --all" if found else ""
        problems = [f"no worker of this user and database runs on this machine (looked in {files.folder()}{others})"]
    workers = [
        {
            "pid": beat.pid,
            "age_s": round(beat.age, 3),
            "ready": beat.ready,
            **fields_of(beat.facts, "slots", "held", "database", "config_version"),
            "threads": dict(beat.facts.threads),
            "key_missing": dict(beat.facts.strange),
            **fields_of(beat.facts, "name", "version"),
        }
        for beat in beats
    ]
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
    out.show({"ok": not problems, "problems": problems, "workers": workers}, rows)
    for problem in problems:
        out.say(f"jurat: {problem}")
    return Exit.REFUSED if problems else Exit.DONE
