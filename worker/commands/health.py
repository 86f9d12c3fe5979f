"""`health`: for a container's health check, and for people."""

from __future__ import annotations

import click

from worker import health as files
from worker.command import Command
from worker.output import Exit, Output, columns


@click.command(
    cls=Command,
    examples=("jurat health", "jurat health --ready"),
    codes={Exit.DONE: "at least one runs, and all that run are alive", Exit.REFUSED: "none runs, or one is not well"},
)
@click.option("--ready", is_flag=True, help="Also demand that they reach the database and have a configuration.")
@click.pass_obj
def health(out: Output, *, ready: bool) -> Exit:
    """Say whether the workers on this machine are alive.

    It asks neither the database nor the broker: a worker waits for both and comes back by itself, so they are no
    reason to restart it.
    """
    beats = files.workers()
    problems = [problem for beat in beats if (problem := beat.trouble or (beat.unready if ready else None))]
    if not beats:
        problems = [f"no worker of this user runs on this machine (looked in {files.folder()})"]
    document = {
        "ok": not problems,
        "problems": problems,
        "workers": [
            {"pid": beat.pid, "age_s": round(beat.age, 3), "ready": beat.ready, **_facts(beat)} for beat in beats
        ],
    }
    rows = columns(
        ("pid", "seen", "ready", "holds", "slots", "configuration"),
        (
            (
                beat.pid,
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


def _facts(beat: files.Beat) -> dict[str, object]:
    facts = beat.facts
    return {
        "slots": facts.slots,
        "held": facts.held,
        "database": facts.database,
        "config_version": facts.config_version,
        "threads": dict(facts.threads),
    }
