"""Compares the schema of a database with this program. Loads no alembic: only an upgrade needs it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, text
from sqlalchemy.exc import SQLAlchemyError

from jurat.database import reader
from jurat.dialects import dialect_of
from jurat.statements import CONTRACT_VERSION
from store.schema.release import VERSION, is_older
from store.sentences import gettext as _

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

VERSION_TABLE = "jurat_alembic_version"

_UNRELEASED = frozenset(f"{number:04}" for number in range(1, 29))
"""The revisions before the first release. Later ones have a name behind their number."""


class SchemaStatus(StrEnum):
    """A database's schema, compared with this code."""

    CURRENT = "current"
    EXPANDED = "expanded"
    EMPTY = "empty"
    BEHIND = "behind"
    AHEAD = "ahead"
    TOO_NEW = "too_new"
    FOREIGN = "foreign"
    UNRELEASED = "unreleased"

    @property
    def usable(self) -> bool:
        """Whether workers and commands can work on it. One that is ahead is fine if it still serves this release."""
        return self in (SchemaStatus.CURRENT, SchemaStatus.EXPANDED, SchemaStatus.AHEAD)


PROBLEMS = {
    SchemaStatus.EMPTY: (_("the database has no jurat tables"), _("run `bin/jurat db upgrade`")),
    SchemaStatus.BEHIND: (_("the schema is behind this program"), _("run `bin/jurat db upgrade`")),
    SchemaStatus.TOO_NEW: (
        _("the schema lacks what this release needs, for a later one took it away"),
        _("update this program"),
    ),
    SchemaStatus.FOREIGN: (_("the schema is of another contract version"), _("update this program")),
    SchemaStatus.UNRELEASED: (
        _("the schema is of a version of jurat that was never released, and cannot be brought up to date"),
        _("name another database in JURAT_DATABASE_URL and run `bin/jurat db upgrade`"),
    ),
}
"""What is wrong with a schema that is not usable, and what to do about it."""

ADVICE = {
    SchemaStatus.CURRENT: "the schema is up to date",
    SchemaStatus.EXPANDED: (
        "the schema has all that this program needs; what only older workers used can go once none is left: "
        "`bin/jurat db upgrade --contract`"
    ),
    SchemaStatus.AHEAD: "the schema is ahead of this program, within the same contract version",
    **{status: "; ".join(said) for status, said in PROBLEMS.items()},
}


def known_revisions() -> list[str]:
    """The revisions that this program knows, in order: each step's file has the name of its revision."""
    return sorted(path.stem for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def takes_away(revision: str) -> bool:
    """Whether a migration takes something away: it runs only when no worker is left that needs it."""
    return revision[len("0000_") :].startswith("contract_")


def schema_of(engine: Engine) -> SchemaStatus:
    """How the schema fits this program."""
    with reader(engine).begin() as connection:
        return schema_status(connection)


def schema_status(connection: Connection) -> SchemaStatus:
    """The schema of this database, compared with this code."""
    known, current = known_revisions(), revision_of(connection)
    if current is None:
        return SchemaStatus.EMPTY
    if current not in known:
        return beyond(connection, current)
    if _is_outgrown(_contract(connection)):
        return SchemaStatus.TOO_NEW
    if current == known[-1]:
        return SchemaStatus.CURRENT
    missing = known[known.index(current) + 1 :]
    return SchemaStatus.EXPANDED if all(map(takes_away, missing)) else SchemaStatus.BEHIND


def revision_of(connection: Connection) -> str | None:
    """The database's revision; None without one."""
    has_table = text(dialect_of(connection).has_table(VERSION_TABLE))
    if not connection.execute(has_table).scalar():
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return revision


def beyond(connection: Connection, current: str) -> SchemaStatus:
    """The status of a revision that this code does not know."""
    if current in _UNRELEASED:
        return SchemaStatus.UNRELEASED
    try:
        found = _contract(connection)
    except SQLAlchemyError:
        return SchemaStatus.FOREIGN
    if found["version"] != CONTRACT_VERSION:
        return SchemaStatus.FOREIGN
    return SchemaStatus.TOO_NEW if _is_outgrown(found) else SchemaStatus.AHEAD


def _contract(connection: Connection) -> RowMapping:
    """The newest row of jurat_contract, which has more columns in later releases."""
    sql = "SELECT * FROM jurat_contract ORDER BY version DESC LIMIT 1"
    return connection.execute(text(sql)).mappings().one()


def _is_outgrown(contract: RowMapping) -> bool:
    """Whether the schema no longer has what this release needs, or is about to lose it."""
    return is_older(VERSION, contract.get("oldest_worker", ""))
