"""The schema's migrations: bring a database up to date, and say how it stands."""

from __future__ import annotations

import io
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from jurat.tables import CONTRACT_VERSION
from tasks.grants import granting

_MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_VERSION_TABLE = "jurat_alembic_version"
_LOCK = 0x6A75726174  # "jurat": two upgrades at once wait for each other


class Standing(StrEnum):
    """How a database's schema stands to this code."""

    CURRENT = "current"
    EMPTY = "empty"
    BEHIND = "behind"
    AHEAD = "ahead"
    FOREIGN = "foreign"

    @property
    def usable(self) -> bool:
        """Whether workers and commands can work on it: an ahead one of the same contract version is fine."""
        return self in (Standing.CURRENT, Standing.AHEAD)


ADVICE = {
    Standing.CURRENT: "the schema is up to date",
    Standing.EMPTY: "the database has no jurat tables; run `bin/jurat db upgrade`",
    Standing.BEHIND: "the schema is behind this program; run `bin/jurat db upgrade`",
    Standing.AHEAD: "the schema is ahead of this program, within the same contract version",
    Standing.FOREIGN: "the schema is of another contract version; update this program",
}


def upgrade(engine: Engine) -> None:
    """Run all migrations that the database does not have yet, and set the rights of the roles that it has.

    Safe to run from several places at once.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            if connection.dialect.name == "postgresql":
                connection.execute(text(granting()))
            connection.commit()
        finally:
            if connection.dialect.name == "postgresql":
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                connection.commit()


def upgrade_sql(dialect: str) -> str:
    """The SQL of all migrations, for a database administrator who runs it by hand."""
    output = io.StringIO()
    config = _config()
    config.attributes.update(dialect=dialect, output=output)
    command.upgrade(config, "head", sql=True)
    return output.getvalue() + (f"{granting()}\n" if dialect == "postgresql" else "")


def standing(connection: Connection) -> Standing:
    """How the schema of this database stands to this code."""
    if not inspect(connection).has_table(_VERSION_TABLE):
        return Standing.EMPTY
    known = [revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()]
    context = MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE})
    current = context.get_current_revision()
    if current is None:
        return Standing.EMPTY
    if current == known[0]:
        return Standing.CURRENT
    if current in known:
        return Standing.BEHIND
    try:
        version = connection.execute(text("SELECT max(version) FROM jurat_contract")).scalar()
    except SQLAlchemyError:
        return Standing.FOREIGN
    return Standing.AHEAD if version == CONTRACT_VERSION else Standing.FOREIGN


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
