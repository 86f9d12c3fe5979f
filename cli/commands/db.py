"""`db`: the schema of the shared database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.command import Group
from cli.output import Exit, Failure, Output, columns

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.settings import Settings
    from store.schema.migrations import SchemaStatus

_READS = ("JURAT_DATABASE_URL",)


@click.group(cls=Group)
def db() -> None:
    """Bring the database's schema up to date, and say how it stands."""


@db.command(examples=("jurat db upgrade", "jurat db upgrade --sql > upgrade.sql"), environment=_READS)
@click.option("--sql", is_flag=True, help="Print the SQL, for an administrator to run; connect to nothing.")
@click.option(
    "--from",
    "since",
    metavar="REVISION",
    help="With --sql: the revision in jurat_alembic_version; only what comes after it. Else all of a new database.",
)
@click.pass_obj
def upgrade(out: Output, *, sql: bool, since: str | None) -> Exit:
    """Make the tables of a new database, or run the migrations that it does not have yet.

    Running it again, or from several places at once, is safe.
    A SQLite database is made where there is none.
    Where somebody holds a lock that it needs, it says who, lets others go on, and tries again for five minutes.
    """
    from config.settings import read_settings
    from jurat.database import open_engine, parse_url, reader
    from store.schema import migrations
    from store.schema.grants import advice, missing
    from worker.database import too_old

    if since is not None and not sql:
        raise click.UsageError("--from needs --sql: without it the database says what it has.")
    settings = read_settings()
    if sql:
        dialect = parse_url(settings.database_url).get_backend_name()
        statements = migrations.upgrade_sql(dialect, since)
        out.show({"dialect": dialect, "sql": statements}, statements.splitlines())
        return Exit.DONE
    _refuse_missing_folder(settings)
    engine = open_engine(settings.database_url)
    try:
        if old := too_old(engine):
            raise Failure(old, Exit.DEPENDENCY)
        before = _standing(engine)
        if before in (migrations.SchemaStatus.EMPTY, migrations.SchemaStatus.BEHIND, migrations.SchemaStatus.CURRENT):
            try:
                migrations.upgrade(engine, lambda sentence: out.say(f"jurat: {sentence}"))
            except migrations.UpgradeBlocked as error:
                raise Failure(str(error), Exit.DEPENDENCY) from None
        after = _standing(engine)
        with reader(engine).begin() as connection:
            without = missing(connection)
    finally:
        engine.dispose()
    told = {"before": before, "after": after} | ({"roles_missing": without} if without else {})
    out.show(told, [str(after)])
    if not after.usable:
        raise Failure(migrations.ADVICE[after], Exit.DEPENDENCY)
    out.say(migrations.ADVICE[after] + (f"; it was {before}" if after is not before else ""))
    if without:
        out.say(advice(without))
    return Exit.DONE


@db.command(
    examples=("jurat db check && echo fine",),
    environment=_READS,
    codes={Exit.DONE: "it can", Exit.DEPENDENCY: "it cannot, or the database is down"},
)
@click.pass_obj
def check(out: Output) -> Exit:
    """Say whether this program can work with the database's schema, and otherwise what to do."""
    from cli.database import require_file
    from config.settings import read_settings
    from jurat.database import open_engine
    from store.schema.migrations import ADVICE
    from worker.database import give_up_on

    settings = read_settings()
    require_file(settings)
    engine = open_engine(settings.database_url)
    give_up_on(engine)
    try:
        found = _standing(engine)
    finally:
        engine.dispose()
    out.show({"standing": found, "usable": found.usable, "advice": ADVICE[found]}, [str(found)])
    if not found.usable:
        raise Failure(ADVICE[found], Exit.DEPENDENCY)
    out.say(ADVICE[found])
    return Exit.DONE


@db.command(examples=("jurat db status",), environment=_READS)
@click.pass_obj
def status(out: Output) -> Exit:
    """Show which database this is, how its schema stands, and how many checks wait where."""
    from cli.database import opened
    from config.settings import shown
    from worker.database import engine_version

    with opened() as service:
        schema_status = _standing(service.database)
        waiting = service.queries.unsettled()
        version = service.queries.config_version()
        facts = {
            "database": shown(service.settings)["JURAT_DATABASE_URL"],
            "engine": engine_version(service.database),
            "schema": schema_status,
            "config_version": version,
            "unsettled": sum(waiting.values()),
        }
    rows = [
        {"consultation": consultation, "question": question, "source": source, "checks": count}
        for (consultation, question, source), count in sorted(waiting.items())
    ]
    head = ("consultation", "question", "source", "checks")
    lines = columns(("what", "value"), facts.items())[1:]
    table = columns(head, (list(row.values()) for row in rows))
    out.show({**facts, "waiting": rows}, [*lines, *(["", *table] if table else [])])
    return Exit.DONE


def _standing(engine: Engine) -> SchemaStatus:
    from jurat.database import reader
    from store.schema.migrations import schema_status

    with reader(engine).begin() as connection:
        return schema_status(connection)


def _refuse_missing_folder(settings: Settings) -> None:
    from worker.database import sqlite_file

    file = sqlite_file(settings)
    if file is not None and not file.parent.is_dir():
        raise Failure(f"there is no folder {file.parent} for the database {file.name}; make it first", Exit.DEPENDENCY)
