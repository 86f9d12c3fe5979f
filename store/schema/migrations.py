"""Makes the schema of a database, and brings it up to date.

A new database is made by `migrations/sql/`, the current schema, and is marked with the newest revision. A database of
an earlier release runs the numbered steps of `migrations/versions/` after its own. Tests ensure that both ways give the
same schema.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import TypeVar

from alembic import command, op
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.database import state_of
from jurat.errors import ConfigurationError
from store.dialects import BY_NAME, dialect_of
from store.held_rows import is_held
from store.schema.baseline import PATH, run, scripts
from store.schema.blockers import LOCK, LOCK_WAIT, Watch, in_the_way
from store.schema.plan import Migration, effect_of, migration, script_config
from store.schema.release import is_older
from store.schema.roles import granting
from store.schema.status import ADVICE, MIGRATIONS, VERSION_TABLE, beyond, known_revisions, revision_of, takes_away

Say = Callable[[str], object]
Result = TypeVar("Result")

_LOCK_WAIT = f"SET LOCAL lock_timeout = '{LOCK_WAIT * 1000:.0f}ms'"

_SHORT = "SET LOCAL statement_timeout = '10s'"
"""For a statement that holds up platforms: all of those change only the catalogue, which takes milliseconds."""

_LONG = "SET LOCAL statement_timeout = 0"

_OF_THE_TURN = f"""
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    {_LOCK_WAIT}; {_LONG}; SET LOCAL idle_in_transaction_session_timeout = 0;
    SELECT set_config('transaction_timeout', '0', true) WHERE current_setting('server_version_num')::int >= 170000"""

_TIMEOUTS = ("statement_timeout", "lock_timeout")
"""What would end a statement that runs beside all others, which may take hours."""

_TOOK_TOO_LONG = "57014"
"""PostgreSQL's code for a statement that was ended by its timeout."""

NOTICED = 15.0
"""Seconds in which a worker that has just started reports itself, or sees that it is too old. It looks each 10 s."""

_LIVE = 60.0
"""Seconds for which a worker without a report is still taken for a running one: longer than anywhere else."""

RESTS = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between two tries, in which others go on; the last value is repeated."""

PATIENCE = 300.0
"""Seconds until an upgrade gives up."""

CONCURRENT = re.compile(r"(?:CREATE (?:UNIQUE )?|DROP )INDEX CONCURRENTLY IF (?:NOT )?EXISTS (\w+)")

_INVALID = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"

_SCRIPT_LOCK_WAIT = f"SET lock_timeout = '{LOCK_WAIT * 1000:.0f}ms';"

_FOR_PSQL = f"""\
-- Run this with psql, outside a transaction: indexes are built beside others. After an error, run it again.
\\set ON_ERROR_STOP on
{_SCRIPT_LOCK_WAIT}

"""

_SCHEMAS = """
    SELECT quote_ident(current_schema()) AS first,
           (SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = to_regclass(:table)) AS ours"""
"""The schema in which a new table would be made, and that of our tables, by the search path."""


class UpgradeBlocked(ConfigurationError):
    """An upgrade gave up: another session holds a lock that it needs, or a worker runs that a migration would break.
    What it did stays, and the next one goes on from there.
    """


def upgrade(
    engine: Engine,
    say: Say = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    *,
    contract: bool = False,
) -> None:
    """Make the schema in a new database, or run the migrations that the database lacks. Then set the rights of the
    roles that exist.

    Migrations that take something away run only with `contract`, and only once no worker is left that needs it.

    Safe to run from several places at once, also behind PgBouncer in transaction mode: no lock outlives a transaction.
    Existing tables stay in their schema, and new ones are made there. Each statement is a transaction of its own that
    waits 0.8 s for a lock, and is tried again for five minutes; `say` gets a sentence about who holds the lock. An
    upgrade that ended anywhere, even by SIGKILL, is continued by the next one.

    Raises:
        ConfigurationError: the search path names no existing schema, or no migration leads from its revision.
        UpgradeBlocked: a lock that it needs was held all the time, or a worker is too old.
    """
    if dialect_of(engine).one_writer:
        with engine.connect() as connection:
            rest: float | None = 0.0
            while rest is not None:
                # Its one lock ends with its transaction: a second upgrade could get in between two migrations.
                with connection.begin():
                    while (rest := _step(connection, _AtOnce(connection), contract=contract)) == 0.0:
                        pass
                if rest:
                    sleep(rest)
        return
    with engine.connect() as turn, engine.connect() as connection:
        statements = _MigrationStatements(engine, connection, say, clock, sleep)
        while (rest := statements.patiently(lambda: _take_turn(turn, statements, contract=contract))) is not None:
            if rest:
                sleep(rest)


@dataclass(frozen=True, slots=True)
class _AtOnce:
    """Runs statements of migrations in one transaction."""

    connection: Connection

    def perform(self, statements: Mapping[str, Sequence[str]]) -> None:
        run(self.connection, [f"{statement};" for statement in statements[self.connection.dialect.name]])

    def refuse_older(self, following: Migration) -> bool:
        return _refuse_older(self.connection, following)


def _take_turn(turn: Connection, statements: _MigrationStatements, *, contract: bool) -> float | None:
    """Do one step while no other upgrade does one. The transaction that holds the turn is idle meanwhile, and sees no
    snapshot: an index that is built beside it does not wait for it.
    """
    with turn.begin():
        turn.exec_driver_sql(_OF_THE_TURN)
        statements.process = turn.scalar(text("SELECT pg_backend_pid()"))
        turn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        _stay_in_schema(turn)
        return _step(turn, statements, contract=contract)


def _step(connection: Connection, statements: _AtOnce | _MigrationStatements, *, contract: bool) -> float | None:
    """Make a new schema, or go one step towards the newest. Returns the seconds until the next one, None at the end."""
    dialect, current, known = dialect_of(connection), revision_of(connection), known_revisions()
    config = script_config()
    config.attributes.update(connection=connection, perform=statements.perform)
    if current is None:
        config.attributes["scripts"] = scripts(dialect.name, MIGRATIONS)
        command.stamp(config, "head")
        return 0.0
    if current not in known:
        raise ConfigurationError(ADVICE[beyond(connection, current)])
    missing = known[known.index(current) + 1 :]
    if missing and (contract or not takes_away(missing[0])):
        following = migration(missing[0], dialect.name)
        if following.oldest_worker and statements.refuse_older(following):
            return NOTICED
        command.upgrade(config, following.revision)
        return 0.0
    if not all(map(takes_away, missing)):
        raise UpgradeBlocked(
            f"{missing[0]} has to run first, which takes away what only older workers need: "
            "run `bin/jurat db upgrade --contract`"
        )
    if dialect.has_users:
        connection.execute(text(granting()))
    return None


def _refuse_older(connection: Connection, following: Migration) -> bool:
    """Raise UpgradeBlocked if a worker runs that needs what the migration takes away: it goes on as before. Otherwise
    have older ones that start from now on refuse to work; whether this was still to be done. Then look once more.
    """
    oldest, now = str(following.oldest_worker), dialect_of(connection).now
    sql = f"SELECT name, host, version FROM jurat_workers WHERE seen_at >= {now(str(-_LIVE))} ORDER BY name, host"
    for name, host, version in connection.execute(text(sql)):
        if is_older(version, oldest):
            raise UpgradeBlocked(
                f"{following.revision} takes away what workers before {oldest} need, and {name} on {host} is of "
                f"{version}; update it, and run this again"
            )
    if connection.scalar(text("SELECT max(oldest_worker) FROM jurat_contract")) == oldest:
        return False
    connection.execute(text("UPDATE jurat_contract SET oldest_worker = :oldest"), {"oldest": oldest})
    return True


@dataclass(slots=True)
class _MigrationStatements:
    """Runs statements of migrations on PostgreSQL, each in a transaction of its own, and again after a rest where a
    lock was held. The transaction that holds the turn has the process `process`.
    """

    _engine: Engine
    _connection: Connection
    _say: Say
    _clock: Callable[[], float]
    _sleep: Callable[[float], object]
    process: int = 0

    def perform(self, statements: Mapping[str, Sequence[str]]) -> None:
        """Run what a migration does here."""
        for statement in statements["postgresql"]:
            run_it = self._run_beside if CONCURRENT.match(statement) else self._run
            self.patiently(partial(run_it, statement))

    def refuse_older(self, following: Migration) -> bool:
        """As `_refuse_older`, apart from the turn: what it reads there could not be changed by the migration."""
        with self._connection.begin():
            return _refuse_older(self._connection, following)

    def patiently(self, action: Callable[[], Result]) -> Result:
        """Do it again, with rests, for as long as another session holds a lock that it needs."""
        end, rests = self._clock() + PATIENCE, chain(RESTS, repeat(RESTS[-1]))
        while True:
            try:
                return action()
            except DBAPIError as error:
                if not is_held(error) and state_of(error) != _TOOK_TOO_LONG:
                    raise
            who, rest = in_the_way(self._connection, self.process), next(rests)
            if self._clock() + rest > end:
                raise UpgradeBlocked(_gave_up(who))
            self._say(f"the upgrade waits: {who or _UNKNOWN}; it tries again in {rest:.0f} s")
            self._sleep(rest)

    def _run(self, statement: str) -> None:
        bound = _SHORT if effect_of(statement).lock.holds_up else _LONG
        with self._connection.begin():
            self._connection.exec_driver_sql(f"{_LOCK_WAIT}; {bound}")
            _stay_in_schema(self._connection)
            run(self._connection, [PATH, statement])

    def _run_beside(self, statement: str) -> None:
        """Make or drop an index while all others read and write. It may wait for hours and holds up no one meanwhile.
        An index that was not completed is made again.
        """
        name = CONCURRENT.match(statement)[1]  # type: ignore[index]
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Only where the user has some: behind a pooler they may stay with a connection that others get.
            bounds = [each for each in _TIMEOUTS if connection.exec_driver_sql(f"SHOW {each}").scalar() != "0"]
            for each in bounds:
                connection.exec_driver_sql(f"SET {each} = 0")
            try:
                if connection.scalar(text(_INVALID), {"name": name}):
                    self._run_watched(connection, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                self._run_watched(connection, statement)
            finally:
                for each in bounds:
                    connection.exec_driver_sql(f"RESET {each}")

    def _run_watched(self, connection: Connection, statement: str) -> None:
        with Watch(self._engine, statement, PATIENCE, self._say) as watch:
            try:
                run(connection, [statement])
            except DBAPIError:
                if watch.blocked_by:
                    raise UpgradeBlocked(_gave_up(watch.blocked_by)) from None
                raise


def _gave_up(who: str) -> str:
    advice = f"{who}; end that, and run it again" if who else f"{_UNKNOWN}; run it again"
    return f"the upgrade gave up: {advice}"


_UNKNOWN = "it could not get a lock that nobody holds any more"


def _stay_in_schema(connection: Connection) -> None:
    """Have this transaction make tables in the schema of our tables, or else in the first of the search path."""
    where = connection.execute(text(_SCHEMAS), {"table": VERSION_TABLE}).one()
    if where.first is None and where.ours is None:
        raise ConfigurationError(
            "the search path of this user names no schema that exists, or none that it may use; an administrator of "
            "the database runs CREATE SCHEMA, or fixes the search_path"
        )
    if where.ours is not None and where.ours != where.first:
        connection.execute(text("SELECT set_config('search_path', :path, true)"), {"path": where.ours})


def upgrade_sql(dialect: str, since: str | None = None, *, contract: bool = False) -> str:
    """The SQL for a database administrator to run by hand: for a new database, or for all steps after `since`. Those
    that take something away come only with `contract`; nothing looks there for workers that need it.

    Raises ConfigurationError: there is no such revision.
    """
    output, known = io.StringIO(), known_revisions()
    config = script_config()
    config.attributes.update(dialect=dialect, output=output, perform=partial(_write, dialect))
    if since is None:
        config.attributes["scripts"] = scripts(dialect, MIGRATIONS)
        command.stamp(config, "head", sql=True)
    elif since not in known:
        raise ConfigurationError(f"there is no revision {since!r}; expected one of {', '.join(known)}")
    else:
        missing = known[known.index(since) + 1 :]
        for before, revision in zip([since, *missing], missing, strict=False):
            if takes_away(revision) and not contract:
                break
            if oldest := migration(revision, dialect).oldest_worker:
                output.write(f"UPDATE jurat_contract SET oldest_worker = '{oldest}';\n\n")
            command.upgrade(config, f"{before}:{revision}", sql=True)
    script = output.getvalue() + (f"{granting()}\n" if BY_NAME[dialect].has_users else "")
    return f"{_FOR_PSQL}{script}" if since is not None and BY_NAME[dialect].has_users else script


def _write(dialect: str, statements: Mapping[str, Sequence[str]]) -> None:
    """Write what a migration does as a script. An index that is made beside others takes no transaction."""
    context = op.get_context()
    for statement in statements[dialect]:
        if found := CONCURRENT.match(statement):
            with context.autocommit_block():  # an index that was not completed is in the way
                for each in (
                    "SET lock_timeout = 0",
                    f"DROP INDEX CONCURRENTLY IF EXISTS {found[1]}",
                    statement.strip(),
                ):
                    context.impl.static_output(f"{each};")
                context.impl.static_output(_SCRIPT_LOCK_WAIT)
            context.impl.static_output(f"{PATH};")  # it ended with the transaction
        else:
            context.impl.static_output(f"{statement.strip()};")
