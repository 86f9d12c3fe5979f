"""`fleet`: lists the workers of the database, on all machines."""

from __future__ import annotations

from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING

from cli.command import command
from cli.database import open_database
from cli.output import Exit, Output, columns

if TYPE_CHECKING:
    from store.workers import WorkerRow


@command(
    examples=("jurat fleet", "jurat fleet --json"),
    codes={Exit.DONE: "at least one worker is live", Exit.REFUSED: "none is live"},
)
def fleet(out: Output) -> Exit:
    """List the live workers of the database, on all machines: what each serves, with which configuration and keys.

    Each worker reports every 10 s. One that was not seen for 30 s is not listed. Keys are shown by id. `ready` means
    that it has a configuration, can open all waiting answers, and was not told to stop.
    """
    with open_database() as service:
        rows = service.queries.workers()
    live = [row for row in rows if row.live]
    head = ("host", "name", "version", "since", "seen", "slots", "held", "sources", "configuration", "keys", "ready")
    workers = [asdict(row) for row in live]
    for worker in workers:
        worker["age_s"] = round(worker.pop("age"), 3)
    out.show({"ok": bool(live), "workers": workers}, columns(head, map(_line, live)))
    if not live:
        out.say("jurat: no worker of this database was seen in the last 30 s; run `bin/jurat worker`")
    return Exit.DONE if live else Exit.REFUSED


def _line(row: WorkerRow) -> tuple[object, ...]:
    return (
        *attrgetter("host", "name", "version", "started_at")(row),
        f"{row.age:.0f} s ago",
        *attrgetter("slots", "held")(row),
        "all" if row.sources is None else ", ".join(row.sources),
        row.config_version,
        ", ".join(row.unseal_keys),
        "ending" if row.stopping else "yes" if row.ready else "no",
    )
