"""What an upgrade would do: each statement of the migrations that a database lacks, with its lock and its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store.dialects import dialect_of
from store.schema.status import MIGRATIONS, known_revisions, revision_of, takes_away


class Phase(StrEnum):
    """When a migration runs. One that expands only adds, and runs before the new workers start. One that contracts
    takes away, and runs when no worker is left that needs it.
    """

    EXPAND = "expand"
    CONTRACT = "contract"


class Lock(StrEnum):
    """PostgreSQL's locks on a table, by what others can still do there meanwhile."""

    NONE = "none"
    BESIDE = "SHARE UPDATE EXCLUSIVE"
    """Others read and write. A second migration waits."""
    READERS = "SHARE ROW EXCLUSIVE"
    """Others read. Who writes waits."""
    ALONE = "ACCESS EXCLUSIVE"
    """Everyone waits."""
    DATABASE = "the database"
    """SQLite's one lock: others read, and who writes waits."""

    @property
    def holds_up(self) -> bool:
        """Whether platforms wait while it is held."""
        return self in (Lock.READERS, Lock.ALONE)


class Effect(NamedTuple):
    """What a statement locks, and whether it reads every row of the table."""

    lock: Lock
    table: str = ""
    reads: bool = False


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """A statement of a migration. `rows` is how many it reads, estimated; `oldest_worker` the release from which on
    workers may go on.
    """

    revision: str
    phase: Phase
    statement: str
    lock: Lock
    table: str
    rows: int
    oldest_worker: str | None


_EFFECTS: Sequence[tuple[str, Lock, bool]] = (
    (r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS \w+ ON (\w+)", Lock.BESIDE, True),
    (r"DROP INDEX CONCURRENTLY IF EXISTS (\w+)", Lock.BESIDE, False),
    (r"ALTER TABLE (\w+) VALIDATE CONSTRAINT \w+$", Lock.BESIDE, True),
    (r"ALTER TABLE (\w+) ADD COLUMN IF NOT EXISTS ", Lock.ALONE, False),
    (r"ALTER TABLE (\w+) ALTER COLUMN \w+ SET DEFAULT \w+$", Lock.ALONE, False),
    (r"ALTER TABLE (\w+) DROP COLUMN IF EXISTS \w+$", Lock.ALONE, False),
    (r"ALTER TABLE (\w+) DROP CONSTRAINT IF EXISTS (\w+), ADD CONSTRAINT \2 .* NOT VALID$", Lock.ALONE, False),
    (r"ALTER TABLE (\w+) ENABLE ALWAYS TRIGGER \w+$", Lock.READERS, False),
    (r"CREATE OR REPLACE TRIGGER \w+ .*? ON (\w+)", Lock.READERS, False),
    (r"CREATE CONSTRAINT TRIGGER \w+ .*? ON (\w+)", Lock.READERS, False),  # after a DROP: it has no OR REPLACE
    (r"DROP TRIGGER IF EXISTS \w+ ON (\w+)", Lock.ALONE, False),
    (r"CREATE TABLE IF NOT EXISTS \w+ .* REFERENCES (\w+)", Lock.READERS, False),
    (r"CREATE TABLE IF NOT EXISTS (\w+)", Lock.ALONE, False),
    (r"CREATE OR REPLACE VIEW (\w+)", Lock.ALONE, False),
    (r"DROP (?:TABLE|VIEW) IF EXISTS (\w+)", Lock.ALONE, False),
    (r"()(?:CREATE OR REPLACE FUNCTION|DROP FUNCTION IF EXISTS|(?:REVOKE|GRANT) .* ON FUNCTION) ", Lock.NONE, False),
)
"""What a migration may contain on PostgreSQL. Each can be run again after it was done, so that an upgrade which ended
anywhere goes on. The tests compare the locks with those that a server takes."""


_TRIGGER = re.compile(r"CREATE (?:OR REPLACE|CONSTRAINT) TRIGGER (\w+) .*? ON (\w+)")


def effect_of(statement: str) -> Effect:
    """What a statement locks and reads on PostgreSQL.

    Raises ValueError: no migration may contain it, for nobody knows what it locks or whether it can be run again.
    """
    whole = " ".join(statement.split())
    for pattern, lock, reads in _EFFECTS:
        if found := re.match(pattern, whole):
            return Effect(lock, found[1], reads)
    raise ValueError(f"a migration may not contain this statement: {one_line(statement)}")


def firing_always(*statements: str) -> tuple[str, ...]:
    """The statements of a migration on PostgreSQL, and then those by which its triggers fire in every session: a guard
    that a replicating one (`session_replication_role`) passes by is none.
    """
    made = (_TRIGGER.match(" ".join(statement.split())) for statement in statements)
    return (*statements, *(f"ALTER TABLE {found[2]} ENABLE ALWAYS TRIGGER {found[1]}" for found in made if found))


def one_line(statement: str, length: int = 80) -> str:
    """The beginning of a statement, on one line."""
    whole = " ".join(statement.split())
    return whole if len(whole) <= length else f"{whole[: length - 1]}…"


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered step. `oldest_worker` is the release from which on workers no longer need what it takes away."""

    revision: str
    phase: Phase
    statements: Sequence[str]
    oldest_worker: str | None


def migration(revision: str, dialect: str) -> Migration:
    """The migration of a revision."""
    module = ScriptDirectory.from_config(script_config()).get_revision(revision).module
    phase = Phase.CONTRACT if takes_away(revision) else Phase.EXPAND
    return Migration(revision, phase, module.STATEMENTS[dialect], getattr(module, "OLDEST_WORKER", None))


def script_config() -> Config:
    """Where alembic finds the migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def plan(connection: Connection) -> Iterator[PlannedStatement]:
    """What an upgrade of this database would run, in order. Nothing for a new one, which is made whole, and for one
    whose revision is unknown.
    """
    dialect, known, current = dialect_of(connection), known_revisions(), revision_of(connection)
    for revision in known[known.index(current) + 1 :] if current in known else ():
        each = migration(revision, dialect.name)
        for statement in each.statements:
            effect = Effect(Lock.DATABASE) if dialect.one_writer else effect_of(statement)
            rows = _rows(connection, effect.table) if effect.reads else 0
            yield PlannedStatement(
                revision, each.phase, " ".join(statement.split()), effect.lock, effect.table, rows, each.oldest_worker
            )


def _rows(connection: Connection, table: str) -> int:
    """How many rows a table has, as the last ANALYZE found: counting them would take as long as reading them."""
    sql = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(:table)"
    return int(connection.execute(text(sql), {"table": table}).scalar() or 0)
