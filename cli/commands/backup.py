"""`backup`: notes that the database was backed up."""

from __future__ import annotations

import click

from cli.command import Group, as_option
from cli.database import open_database
from cli.output import Output


@click.group(cls=Group)
def backup() -> None:
    """Note that the database was backed up."""


@backup.command(examples=("jurat backup note", "pg_dump … && jurat backup note"))
@as_option
def note(out: Output, *, who: str) -> None:
    """Note in the audit that a backup has just ended well: call it at the end of the backup job.

    From the first note on, `jurat now` and the alert JuratBackupOld say when the last one is more than 26 hours old.
    """
    from store.monitoring.notes import note_backup

    with open_database() as service:
        note_backup(service.database, who)
        moment = service.queries.clock()
    out.show({"noted_at": moment}, [f"a backup was noted at {moment:%Y-%m-%d %H:%M:%SZ}"])
