"""`withdraw`: takes back transfers and erasures that still have to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

import click

from cli.command import as_option, command
from cli.database import open_database
from cli.output import Exit, Failure, Output, columns, count_text


@command(
    examples=("jurat withdraw", "jurat withdraw 0198c2a4-7c1e-7a53-8d41-3d0f1a2b4c5d", "jurat withdraw --login web"),
    codes={Exit.DONE: "they were withdrawn, or listed", Exit.REFUSED: "none of these can be withdrawn"},
)
@click.argument("ids", metavar="[ID…]", nargs=-1, type=click.UUID)
@click.option("--login", metavar="NAME", help="All that this user of PostgreSQL asked for.")
@as_option
def withdraw(out: Output, *, ids: Sequence[UUID], login: str | None, who: str) -> None:
    """Withdraw transfers and erasures that a platform asked for, before a worker does them.

    Without ID and --login, list those that can be withdrawn. That is possible for as long as delay_s in
    jurat_allowances says for the user who asked; by default not at all.
    """
    from store.requests.withdrawals import delayed_requests
    from store.requests.withdrawals import withdraw as take_back

    asked = bool(ids) or login is not None
    with open_database() as service:
        found = take_back(service.database, who, ids, login) if asked else delayed_requests(service.database)
    if asked and not found:
        raise Failure("none of these can be withdrawn: `bin/jurat withdraw` lists those that can", Exit.REFUSED)
    head = ("id", "kind", "consultation", "login", "asked at", "done from")
    out.show([asdict(each) for each in found], columns(head, (tuple(asdict(each).values()) for each in found)))
    if asked:
        out.say(f"withdrew {count_text(len(found), 'request')}")
    elif not found:
        out.say("nothing can be withdrawn")
