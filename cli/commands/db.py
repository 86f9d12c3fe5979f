"""`db`: the schema of the shared database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import Group, as_option, past_moment
from cli.database import open_database, open_engine_on, require_file
from cli.output import Exit, Failure, Output, columns, count_text, time_text

if TYPE_CHECKING:
    from store.history.verification import VerifiedHistory
    from worker.service import Service


@click.group(cls=Group)
def db() -> None:
    """Bring the database's schema up to date, and show its state."""


@db.command(examples=("jurat db upgrade", "jurat db upgrade --contract", "jurat db upgrade --sql > upgrade.sql"))
@click.option("--contract", is_flag=True, help="Also take away what only older workers used, if none of them runs.")
@click.option("--sql", is_flag=True, help="Print the SQL for an administrator to run, without connecting.")
@click.option(
    "--from",
    "since",
    metavar="REVISION",
    help="With --sql: print only what follows this revision of jurat_alembic_version.  [default: a new database]",
)
def upgrade(out: Output, *, contract: bool, sql: bool, since: str | None) -> None:
    """Create the tables of a new database, or run the migrations that it lacks.

    It is safe to run it again, or from several places at once. A SQLite database is created if there is none. If
    another session holds a lock that it needs, it says which, lets others continue, and retries for five minutes.
    What it did stays: the next one goes on from there. `jurat db plan` shows it before.
    """
    from config.settings import read_settings
    from jurat.database import parse_url, reader
    from store.schema import migrations
    from store.schema.roles import advice, missing
    from store.schema.status import ADVICE, SchemaStatus, schema_of
    from worker.database import sqlite_file, too_old

    if since is not None and not sql:
        raise click.UsageError("--from needs --sql: without it, the database knows its revision.")
    settings = read_settings()
    if sql:
        dialect = parse_url(settings.database_url).get_backend_name()
        statements = migrations.upgrade_sql(dialect, since, contract=contract)
        out.show({"dialect": dialect, "sql": statements}, statements.splitlines())
        return
    file = sqlite_file(settings)
    if file is not None and not file.parent.is_dir():
        raise Failure(f"there is no folder {file.parent} for the database {file.name}; make it first", Exit.DEPENDENCY)
    with open_engine_on(settings) as engine:
        if old := too_old(engine):
            raise Failure(old, Exit.DEPENDENCY)
        before = schema_of(engine)
        if before in (SchemaStatus.EMPTY, SchemaStatus.BEHIND, SchemaStatus.EXPANDED, SchemaStatus.CURRENT):
            try:
                migrations.upgrade(engine, lambda sentence: out.say(f"jurat: {sentence}"), contract=contract)
            except migrations.UpgradeBlocked as error:
                raise Failure(str(error), Exit.DEPENDENCY) from None
        after = schema_of(engine)
        with reader(engine).begin() as connection:
            without = missing(connection)
    document = {"before": before, "after": after} | ({"roles_missing": without} if without else {})
    out.show(document, [str(after)])
    if not after.usable:
        raise Failure(ADVICE[after], Exit.DEPENDENCY)
    out.say(ADVICE[after] + (f"; it was {before}" if after is not before else ""))
    if without:
        out.say(advice(without))


@db.command(examples=("jurat db plan",))
def plan(out: Output) -> None:
    """Show what `db upgrade` would do: each statement, its lock, the rows it reads, and who can go on meanwhile.

    Nothing is changed. A statement under ACCESS EXCLUSIVE or SHARE ROW EXCLUSIVE changes only the catalogue, which
    takes milliseconds once it has the lock, and waits 0.8 s at most for that. Rows are estimated.
    """
    from config.settings import read_settings
    from jurat.database import reader
    from store.schema.plan import Phase, one_line, plan
    from store.schema.status import ADVICE, known_revisions, revision_of, schema_status

    settings = read_settings()
    require_file(settings)
    with open_engine_on(settings) as engine, reader(engine).begin() as connection:
        found, revision, planned = schema_status(connection), revision_of(connection), list(plan(connection))
    known = known_revisions()[-1]
    rows = [
        (
            each.revision,
            each.phase,
            one_line(each.statement),
            f"{each.lock} on {each.table}" if each.table else each.lock,
            f"{each.rows:,}",
            "all" if each.phase is Phase.EXPAND else f"from {each.oldest_worker} on",
        )
        for each in planned
    ]
    head = ("revision", "phase", "statement", "lock", "rows read", "workers that go on")
    out.show({"schema": found, "from": revision, "to": known, "statements": planned}, columns(head, rows))
    out.say(f"from {revision} to {known}" if planned else ADVICE[found])


@db.command(
    examples=("jurat db check && echo fine",),
    codes={Exit.DONE: "it can", Exit.DEPENDENCY: "it cannot, or the database is down"},
)
def check(out: Output) -> None:
    """Say whether this program can work with the database's schema, and if not, what to do."""
    from config.settings import read_settings
    from store.schema.status import ADVICE, schema_of
    from worker.database import give_up_on

    settings = read_settings()
    require_file(settings)
    with open_engine_on(settings) as engine:
        give_up_on(engine)
        found = schema_of(engine)
    out.show({"standing": found, "usable": found.usable, "advice": ADVICE[found]}, [str(found)])
    if not found.usable:
        raise Failure(ADVICE[found], Exit.DEPENDENCY)
    out.say(ADVICE[found])


@db.command(examples=("jurat db status",))
def status(out: Output) -> None:
    """Show which database this is, the state of its schema, and how many checks wait at which source."""
    from config.settings import printable_settings
    from jurat.database import reader
    from store.schema.status import known_revisions, revision_of, schema_of
    from worker.database import engine_version

    with open_database() as service:
        with reader(service.database).begin() as connection:
            revision = revision_of(connection)
        waiting = service.queries.unsettled()
        facts = {
            "database": printable_settings(service.settings)["JURAT_DATABASE_URL"],
            "engine": engine_version(service.database),
            "schema": schema_of(service.database),
            "revision": revision,
            "revision_of_program": known_revisions()[-1],
            "config_version": service.queries.config_version(),
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


@db.command(
    examples=("jurat db verify", "jurat db verify --heads /mnt/safe/heads --key history.pub"),
    codes={
        Exit.DONE: "all of it goes together",
        Exit.REFUSED: "something does not follow, or was changed",
        Exit.LOST: "the rest goes together, but a restored backup lost leaves",
    },
)
@click.option(
    "--heads", metavar="FILE", type=click.Path(path_type=Path), help="Signed heads, from outside the database."
)
@click.option("--key", "key_file", metavar="FILE", type=click.Path(path_type=Path), help="The public key of the heads.")
def verify(out: Output, *, heads: Path | None, key_file: Path | None) -> Exit:
    """Verify that access follows from the verdicts, and verdicts from what was done: lookups, decisions, codes.

    Where the history is sealed, also that rows are as they were sealed, and that purges were due. What a stolen login
    wrote does not go together with the rest; with --heads, not even the owner's changes fit. It reads everything, and
    changes nothing. A participant is named by the id of their last check.
    """
    from cli.commands.history import verify_key
    from store.history.heads import read_heads
    from store.history.verification import verify_history
    from store.verification import verify_access, verify_checks, verify_configured

    if (heads is None) != (key_file is None):
        raise click.UsageError("--heads and --key belong together.")
    participants = 0
    outside, key = (read_heads(heads, needed=True), verify_key(key_file)) if heads and key_file else ([], None)
    with open_database() as service:
        found = verify_checks(service.database) + verify_configured(service.database)
        for each in verify_access(service.database):
            participants += each.participants
            found += each.found
        sealed = verify_history(service.database, outside, key)
    changed = sealed.contradictions if sealed else []
    rows: list[Sequence[object]] = [(each.check, each.consultation, each.what) for each in found]
    rows += [(each.subject, each.kind, each.what) for each in changed]
    document = {"participants": participants, "found": found, "history": sealed}
    out.show(document, columns(("check", "consultation", "what does not follow"), rows))
    out.say(f"{count_text(participants, 'participant')} verified; {count_text(len(rows), 'contradiction')} found")
    _say_of_history(out, sealed, outside=bool(outside))
    if rows:
        return Exit.REFUSED
    return Exit.LOST if sealed and sealed.lost else Exit.DONE


def _say_of_history(out: Output, sealed: VerifiedHistory | None, *, outside: bool) -> None:
    if sealed is None:
        out.say("no history is sealed: see docs/operators/seal-the-history.md")
        return
    leaves = f"{sealed.leaves:,} {'leaf' if sealed.leaves == 1 else 'leaves'}"
    counted = f"{leaves} and {count_text(sealed.heads, 'head')} of the history verified"
    out.say(f"{counted}; {count_text(sealed.waiting, 'row')} not sealed yet, last sealed {time_text(sealed.sealed_at)}")
    for each in sealed.lost:
        out.say(
            f"lost when a backup was restored: leaves {each.first} to {each.after_last - 1}, sealed between "
            f"{time_text(each.since)} and {time_text(each.until)}"
        )
    if not outside:
        out.say("no head from outside was compared: the owner of the tables could have changed all of it")


@db.command(
    examples=(
        "jurat db restored --taken-at 2026-11-30T04:00Z --journal /var/lib/jurat/erasures",
        "jurat db restored --confirm",
    ),
    environment=("JURAT_DATABASE_URL", "JURAT_HASH_KEYS"),
)
@click.option(
    "--taken-at",
    metavar="TIME",
    type=past_moment,
    help="The moment to which the database was restored, such as 2026-11-30T04:00Z.",
)
@click.option(
    "--journal",
    "journals",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of JURAT_ERASURE_JOURNAL: its erasures since then are done again.  [repeatable]",
)
@click.option("--confirm", "confirmed", is_flag=True, help="Every erasure since then was done again: go on.")
@as_option
def restored(out: Output, *, taken_at: datetime | None, journals: Sequence[Path], confirmed: bool, who: str) -> None:
    """Make a database safe that was restored from a backup. Run it as the owner of the tables, before anyone works.

    Workers that ran before can no longer write, and all sources are paused. Erasures since the backup are done
    again from --journal, which needs JURAT_HASH_KEYS, or by the platform, which repeats its calls. Then --confirm lets
    the workers go on. It may be run again, such as with another journal.
    """
    from store import restored as after
    from store.workers import workers

    if confirmed == (taken_at is not None) or (confirmed and journals):
        raise click.UsageError("Give --taken-at, and later --confirm.")
    with open_database() as service:
        _require_owner(service)
        if taken_at is None:
            _confirm(out, service, who)
            return
        people = _find_erased(out, service, taken_at, journals)
        with service.database.begin() as connection:
            last, later = after.answers_around(connection, taken_at)
            running = sum(each.live for each in workers(connection))
            secured = after.secure(connection, taken_at, who)
        erased = _erase_again(service, people, who)
        with service.database.begin() as connection:
            after.finish(connection, who, erased)
    document = {**asdict(secured), "erased_again": erased}
    out.show(document, columns(("what", "count"), document.items())[1:])
    ago = timedelta(seconds=round((datetime.now(UTC) - taken_at).total_seconds()))
    out.say(f"restored to {time_text(taken_at)}, {ago} ago")
    if last is not None and last < taken_at - after.DOUBTFUL:
        out.say(f"the newest answer is of {time_text(last)}; if that is how far it went back, run this again with it")
    if later is not None:
        out.say(
            f"an answer is of {time_text(later)}, after that; if the platform is in again, keep it out until all is "
            "done; if the time meant another zone, run this again"
        )
    if running:
        out.say(f"{count_text(running, 'worker')} ran within the last half minute: stop all, and run this again")
    done = "" if journals else "have the platform repeat its erasures since then, "
    out.say(f"all sources are paused; {done}start the workers, and run `bin/jurat db restored --confirm`")


def _require_owner(service: Service) -> None:
    """Raises Failure for a user of PostgreSQL who does not own the tables: it could do half of it."""
    from store.dialects import dialect_of
    from store.schema.owners import unbound

    with service.database.connect() as connection:
        if dialect_of(connection).has_users and unbound(connection) is None:
            raise Failure("run this as the owner of the tables; nothing was changed", Exit.DEPENDENCY)


def _confirm(out: Output, service: Service, who: str) -> None:
    from store import restored as after

    try:
        with service.database.begin() as connection:
            sources = after.confirm(connection, who)
    except after.NotFinished:
        raise Failure(
            "the last `bin/jurat db restored --taken-at` did not end: run it again, with every journal", Exit.USAGE
        ) from None
    if not sources:
        raise Failure("nothing waits for this: no restore was begun with --taken-at", Exit.USAGE)
    out.show({"sources": sources}, [f"resumed {count_text(sources, 'source')}"])
    out.say("now run `bin/jurat reconcile` with the ids of the platform's checks, and then let the platform in")


def _find_erased(
    out: Output, service: Service, since: datetime, journals: Sequence[Path]
) -> list[tuple[str, str | None]]:
    """Whom the journals have as erased, each with the consultation. Raises Failure without hash keys."""
    from jurat.database import reader
    from store.requests.erasure_journal import Erasure, find_erased, read_journal

    if not journals:
        return []
    if service.fingerprints is None:
        raise Failure("JURAT_HASH_KEYS is not set: the erasures of a journal are found by it", Exit.USAGE)
    erasures = list[Erasure]()
    for path in journals:
        read = read_journal(path, since)
        last = f", the last at {time_text(max(each.at for each in read.since))}" if read.since else ""
        found = f"{count_text(len(read.since), 'erasure')} since an hour before then{last}"
        out.say(f"{path}: {found}" if read.erasures else f"{path}: it holds no erasure at all")
        if read.cut_off:
            out.say(f"{path}: the last line was cut off: if this is a copy, get the whole file, and run this again")
        erasures += read.since
    with reader(service.database).begin() as connection:
        return find_erased(connection, erasures, service.fingerprints)


def _erase_again(service: Service, people: Sequence[tuple[str, str | None]], who: str) -> int:
    """Erase them; how many they are."""
    from jurat.ids import uuid7
    from store.requests.request_runner import Request, RequestKind, Requests

    requests = Requests(service.database)
    for participant, consultation in people:
        requests.do(Request(uuid7(), RequestKind.ERASE, who, consultation=consultation, participant=participant))
    return len({participant for participant, _ in people})
