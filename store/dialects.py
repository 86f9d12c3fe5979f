"""The SQL of the service that PostgreSQL and SQLite write differently, and what only one of them can do."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqlalchemy import Connection, Engine

from jurat.dialects import PostgreSql, SqlDialect, Sqlite


class StoreDialect(SqlDialect):
    """A dialect with all that the service needs beyond the contract."""

    one_writer = False
    """A transaction that writes has the database to itself from its start: it locks no rows and waits for none."""

    has_lateral = False
    """A statement can have a limit for each row of a set (LATERAL). Without it, each row takes its own statement."""

    has_jsonb = False
    """A JSON document is stored as a typed value, not as the text that was sent."""

    has_users = False
    """The database knows users and their rights."""

    has_copy = False
    """COPY writes many rows, several times as fast as INSERT."""

    defers_constraints = False
    """A platform's constraints may be deferred to the commit, and can be checked before it."""

    runs_scripts = False
    """The driver runs a text of several statements as it is."""

    plans_by_statistics = False
    """Queries are planned by what ANALYZE last found in a table."""

    materialized = ""
    """SQL that has a common table expression evaluated once."""

    begin_of_time: str
    """SQL for 1970, before any time that we store."""

    snapshot = ""
    """SQL that lets all statements of a transaction see one moment; "" where they do anyway."""

    takes_writes = "true"
    """SQL that is true where the database takes writes, whatever this connection may do."""

    watches = ""
    """SQL that begins a transaction which only watches: it ends soon, and writes nothing."""

    table_sizes = ""
    """SQL for our largest tables: name, bytes with indexes, and dead rows; "" where no statistics are kept."""

    def rounded_up(self, seconds: float) -> float:
        """The least time in seconds, of at least `seconds`, that the engine can store: SQLite stores milliseconds."""
        return self.choose(postgresql=seconds, sqlite=math.ceil(seconds * 1000) / 1000)

    def row_lock(self, how: str) -> str:
        """`how` ("FOR UPDATE SKIP LOCKED"), or "" where there is one writer."""
        return "" if self.one_writer else how

    def join_some(self, table: str, where: str, limit: int, order: str = "", *, left: bool = False) -> str:
        """As `join_each`, with all columns and at most `limit` rows for each row.

        SQLite has no limit for each row; it keeps the order of a CROSS JOIN.
        """
        ordered = f" ORDER BY {order}" if order else ""
        rows = f"LATERAL (SELECT * FROM {table} WHERE {where}{ordered} LIMIT {limit}) {table.rsplit(maxsplit=1)[-1]}"
        return self.choose(
            postgresql=f"{'LEFT' if left else 'INNER'} JOIN {rows} ON true",
            sqlite=f"{'LEFT' if left else 'CROSS'} JOIN {table} ON {where}",
        )

    def later(self, moment: str, seconds: str) -> str:
        """SQL for a time, `seconds` later."""
        return self.choose(
            postgresql=f"{moment} + make_interval(secs => {seconds})",
            sqlite=f"strftime('%Y-%m-%d %H:%M:%f', {moment}, {seconds} || ' seconds')",
        )

    def latest(self, moment: str, other: str) -> str:
        """SQL for the later of two times, of which the first may be null."""
        return self.choose(postgresql=f"greatest({moment}, {other})", sqlite=f"max(coalesce({moment}, ''), {other})")

    def seconds_between(self, later: str, earlier: str) -> str:
        """SQL for the seconds from one time to another; `earlier` needs brackets where it is a sum."""
        return self.choose(
            postgresql=f"extract(epoch FROM {later} - {earlier})::float8",
            sqlite=f"(julianday({later}) - julianday({earlier})) * 86400.0",
        )

    def epoch(self, moment: str) -> str:
        """SQL for a time as seconds since 1970."""
        return self.choose(
            postgresql=f"extract(epoch FROM {moment})::float8",
            sqlite=f"(julianday({moment}) - 2440587.5) * 86400.0",
        )

    def readable(self, *moments: str) -> str:
        """SQL that is true where all of these times of a row can be read, and false where not. A platform's INSERT may
        have stored anything, before the database looked at it.
        """
        bounds = "BETWEEN julianday('1900-01-01') AND julianday('9000-01-01')"
        return " AND ".join(
            self.choose(
                postgresql=f"{moment} BETWEEN '1900-01-01Z' AND '9000-01-01Z'",
                sqlite=f"coalesce(julianday({moment}) {bounds}, 0)",
            )
            for moment in moments
        )

    def clock(self) -> str:
        return self.epoch(self.now())

    def least(self, *values: str) -> str:
        """SQL for the least of values that are not null."""
        return f"{self.choose(postgresql='least', sqlite='min')}({', '.join(values)})"

    def greatest(self, *values: str) -> str:
        """SQL for the greatest of values that are not null."""
        return f"{self.choose(postgresql='greatest', sqlite='max')}({', '.join(values)})"

    def as_text(self, moment: str) -> str:
        """SQL for a time as text that can be sent back unchanged."""
        return self.choose(postgresql=f"{moment}::text", sqlite=moment)

    def octets(self, text: str) -> str:
        """SQL for the length of a text in bytes."""
        return self.choose(postgresql=f"octet_length({text})", sqlite=f"length(CAST({text} AS blob))")

    def key(self, parameter: str) -> str:
        """SQL for the right side of `->>`: the key in a parameter, whatever characters it has."""
        return self.choose(postgresql=self.parameter(parameter, "text"), sqlite=f"""('$."' || :{parameter} || '"')""")


class StorePostgreSql(PostgreSql, StoreDialect):
    """PostgreSQL."""

    has_lateral = True
    has_jsonb = True
    has_users = True
    has_copy = True
    defers_constraints = True
    runs_scripts = True
    plans_by_statistics = True
    materialized = "MATERIALIZED"
    begin_of_time = "to_timestamp(0)"
    snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    # A login that is read-only by its own setting, as that of a watcher may be, says nothing about the others, and
    # hides the setting of the database.
    takes_writes = """
        NOT pg_is_in_recovery() AND NOT EXISTS (
          SELECT 1 FROM pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on'
            AND source NOT IN ('user', 'database user', 'client', 'session')) AND NOT EXISTS (
          SELECT 1 FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS line
          WHERE s.setrole = 0 AND line ~* '^default_transaction_read_only=(on|true|yes|1)$'
            AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))"""
    watches = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = '2s'"
    table_sizes = """
        SELECT t.name, pg_total_relation_size(t.oid), pg_stat_get_dead_tuples(t.oid)
        FROM (SELECT name, to_regclass(name)::oid AS oid FROM unnest(CAST(:tables AS text[])) AS name) AS t
        WHERE t.oid IS NOT NULL"""


class StoreSqlite(Sqlite, StoreDialect):
    """SQLite."""

    one_writer = True
    begin_of_time = "'1970-01-01 00:00:00.000'"


POSTGRESQL, SQLITE = StorePostgreSql(), StoreSqlite()

BY_NAME: Mapping[str, StoreDialect] = {dialect.name: dialect for dialect in (POSTGRESQL, SQLITE)}


def dialect_of(bind: Engine | Connection) -> StoreDialect:
    """The dialect of a database that is open."""
    return BY_NAME[bind.dialect.name]
