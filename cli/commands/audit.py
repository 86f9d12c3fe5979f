"""`audit`: shows who did what."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cli.command import any_moment, command, contract_name
from cli.database import open_database
from cli.output import Output, columns, count_text
from config.problems import printable

if TYPE_CHECKING:
    from store.audit import AuditRow


@command(
    examples=(
        "jurat audit",
        'jurat audit --since 2026-11-01 --action "review decide"',
        "jurat audit --login clerk --limit 100000 --json > audit.json",
    ),
)
@click.option("--since", metavar="TIME", type=any_moment, help="Only from then on: a day, or a time with its offset.")
@click.option("--until", metavar="TIME", type=any_moment, help="Only before then.")
@click.option(
    "--actor", metavar="NAME", type=contract_name, help="Only of this person or worker, as they named themselves."
)
@click.option("--login", metavar="USER", type=contract_name, help="Only of this user of PostgreSQL.")
@click.option("--action", metavar="TEXT", help='Only this action, such as "codes add".')
@click.option("--subject", metavar="TEXT", help="Only about this: a check's id, the name of a list or a zone.")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=1000, help="At most so many, the newest of all.")
def audit(
    out: Output,
    *,
    since: datetime | None,
    until: datetime | None,
    actor: str | None,
    login: str | None,
    action: str | None,
    subject: str | None,
    limit: int,
) -> None:
    """Show who did what, the oldest first: decisions, answers that were opened, imports, configurations, erasures.

    LOGIN is the user of PostgreSQL who did it; ACTOR is what they called themselves. No participant is named.
    """
    from store.audit import read_audit

    with open_database() as service:
        found = read_audit(
            service.database, limit, since, until, actor=actor, login=login, action=action, subject=subject
        )
    rows = (
        (each.at, *map(_shown, (each.login, each.actor, each.action, each.subject, _detail(each)))) for each in found
    )
    out.show([asdict(each) for each in found], columns(("at", "login", "actor", "action", "subject", "detail"), rows))
    if not found:
        out.say("nothing was done, or nothing fits")
    elif len(found) == limit:
        out.say(f"only the newest {count_text(limit, 'row')}: raise --limit, or give --since and --until")


def _detail(row: AuditRow) -> str:
    return json.dumps(row.detail, ensure_ascii=False) if row.detail else ""


def _shown(text: str | None) -> str:
    """A text that someone else chose, without what a terminal would obey."""
    return printable(text or "", 300)
