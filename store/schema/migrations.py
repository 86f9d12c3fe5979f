"""Makes the schema of a database, and brings it up to date.

A new database is made by `migrations/sql/`, the current schema, and is marked with the newest revision. A database of
an earlier release runs the numbered steps of `migrations/versions/` after its own. Tests ensure that both ways give the
same schema.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Sequence

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.errors import ConfigurationError
from store.dialects import BY_NAME, dialect_of
from store.held_rows import is_held
from store.schema.baseline import scripts
from store.schema.grants import granting
from store.schema.status import ADVICE, MIGRATIONS, VERSION_TABLE, beyond, known_revisions, revision_of

_LOCK = 0x6A75726174  # "jurat": two upgrades at once wait for each other

_BOUNDS = "SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '60s'"
"""While a migration waits for a table's lock, all other users of the table wait behind it."""

RESTS = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between two tries, in which others go on; the last value is repeated."""

PATIENCE = 300.0
"""Seconds until an upgrade gives up."""

_HOLDERS = """
    SELECT DISTINCT a.pid, a.usename, a.application_name, a.state,
           to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') AS since, a.query
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND coalesce(a.backend_type, 'client backend') = 'client backend'
      AND coalesce(a.xact_start < clock_timestamp() - make_interval(secs => 2), true)
      AND CASE l.locktype
          WHEN 'relation' THEN l.relation IN (SELECT oid FROM pg_class WHERE relname LIKE 'jurat\\_%')
          WHEN 'advisory' THEN (CAST(l.classid AS bigint) << 32) + CAST(l.objid AS bigint) = :key END
    ORDER BY since"""
"""The sessions that have held a lock of ours for so long that a migration gave up on it. PostgreSQL may hide all about
other users except their names."""

_LITERALS = re.compile(r"""(?sx) /\*.*?(?:\*/|$) | --[^\n]* | \$(\w*)\$.*?(?:\$\1\$|$)
                           | '(?:[^'\\]|\\.|'')*(?:'|$) | \b\d[\w.]*""")
"""The comments, texts and numbers in a query, which may be personal data."""

_QUERY_SHOWN = 120

_SCHEMAS = """
    SELECT quote_ident(current_schema()) AS first,
           (SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = to_regclass(:table)) AS ours"""
"""The schema in which a new table would be made, and that of our tables, by the search path."""


class UpgradeBlocked(ConfigurationError):
    """An upgrade gave up: another session holds a lock that a migration needs. Completed migrations stay."""


def upgrade(
    engine: Engine,
    say: Callable[[str], object] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Make the schema in a new database, or run all migrations that the database lacks. Then set the rights of the
    roles that exist.

    Safe to run from several places at once, also behind PgBouncer in transaction mode: no lock outlives a transaction.
    Existing tables stay in their schema, and new ones are made there. Each migration is a transaction of its own that
    waits 2 s for a lock, and is tried again for five minutes; `say` gets a sentence about who holds the lock.

    Raises:
        ConfigurationError: the search path names no existing schema, or no migration leads from its revision.
        UpgradeBlocked: a lock that it needs was held all the time.
    """
    known = known_revisions()
    end, rests = clock() + PATIENCE, _rests()
    with engine.connect() as connection:
        more = True
        while more:
            try:
                more = _step(connection, known)
            except DBAPIError as error:
                if not is_held(error):
                    raise
                who, rest = in_the_way(connection), next(rests)
                if clock() + rest > end:
                    raise UpgradeBlocked(f"the upgrade gave up: {who}; end that, and run it again") from None
                say(f"the upgrade waits: {who}; it tries again in {rest:.0f} s")
                sleep(rest)
            else:
                end, rests = clock() + PATIENCE, _rests()


def _rests() -> Iterator[float]:
    yield from RESTS
    while True:
        yield RESTS[-1]


def in_the_way(connection: Connection) -> str:
    """The query and user that hold what a migration needs, in a sentence; without the query's literals."""
    with connection.begin():
        found = connection.execute(text(_HOLDERS), {"key": _LOCK}).all()
    if not found:
        return "a lock that it needs was held, and no more"
    first = found[0]
    about = [f"application {first.application_name}"] * bool(first.application_name)
    about += [f"{first.state or 'in a transaction'} since {first.since}"] * bool(first.since)
    details = f" ({', '.join(about)})" if about else ""
    holder = f"process {first.pid} of the user {first.usename}{details} holds a lock"
    if len(found) > 1:
        holder += f", and {len(found) - 1} more"
    query = " ".join(_LITERALS.sub("?", first.query or "").split())
    shown = f"{query[:_QUERY_SHOWN]}{'…' * (len(query) > _QUERY_SHOWN)}"
    return f"{holder}; its last query is `{shown}`" if query else holder


def _step(connection: Connection, known: Sequence[str]) -> bool:
    """Make a new schema, or run the next of the `known` migrations (on SQLite all); whether anything was to be done."""
    config = _config()
    config.attributes["connection"] = connection
    with connection.begin():
        dialect = dialect_of(connection)
        if not dialect.one_writer:
            connection.exec_driver_sql(_BOUNDS)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            _stay_in_schema(connection)
        current = revision_of(connection)
        if current == known[-1]:
            if dialect.has_users:
                connection.execute(text(granting()))
            return False
        if current is None:
            config.attributes["scripts"] = scripts(dialect.name, MIGRATIONS)
            command.stamp(config, "head")
        elif current in known:
            # SQLite's one lock ends with its transaction: a second upgrade could get in between two migrations.
            command.upgrade(config, "head" if dialect.one_writer else known[known.index(current) + 1])
        else:
            raise ConfigurationError(ADVICE[beyond(connection, current)])
        return True


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


def upgrade_sql(dialect: str, since: str | None = None) -> str:
    """The SQL for a database administrator to run by hand: for a new database, or for all steps after `since`.

    Raises ConfigurationError: there is no such revision.
    """
    output = io.StringIO()
    config = _config()
    config.attributes.update(dialect=dialect, output=output)
    if since is None:
        config.attributes["scripts"] = scripts(dialect, MIGRATIONS)
        command.stamp(config, "head", sql=True)
    elif since in (known := known_revisions()):
        command.upgrade(config, f"{since}:head", sql=True)
    else:
        raise ConfigurationError(f"there is no revision {since!r}; expected one of {', '.join(known)}")
    return output.getvalue() + (f"{granting()}\n" if BY_NAME[dialect].has_users else "")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
