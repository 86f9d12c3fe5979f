"""A later version of jurat that is invented: one migration more, and `migrations/sql/` as it leaves the schema."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from store.schema.status import MIGRATIONS, known_revisions

REVISION = "9000_notes"
"""Its migration, which comes after all that there are."""

BEFORE = known_revisions()[-1]


@dataclass(frozen=True)
class Change:
    """What a step does to the schema, and what that changes in a file of `migrations/sql/`."""

    steps: tuple[str, ...]
    file: str
    before: str
    after: str


def _notes(column: str, index: str) -> dict[str, Change]:
    return {
        "a column": Change(
            (column,),
            "service_tables.sql",
            "  PRIMARY KEY (source, began_at)",
            "  note text,\n  PRIMARY KEY (source, began_at)",
        ),
        "an index": Change(
            (index,),
            "service_tables.sql",
            "-- When each upkeep job",
            "CREATE INDEX jurat_pauses_until ON jurat_pauses (until);\n\n-- When each upkeep job",
        ),
    }


CHANGES = {
    "postgresql": {
        **_notes(
            "ALTER TABLE jurat_pauses ADD COLUMN IF NOT EXISTS note text",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_pauses_until ON jurat_pauses (until)",
        ),
        "a function, repeated whole": Change(
            (
                """
CREATE OR REPLACE FUNCTION jurat_is_erased(participant text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT lower(left(participant, 7)) = 'removed'
$$""",
            ),
            "postgresql/functions.sql",
            "SELECT lower(left(participant, 7)) = 'erased-'",
            "SELECT lower(left(participant, 7)) = 'removed'",
        ),
        "a trigger that fires always": Change(
            (
                """CREATE OR REPLACE TRIGGER jurat_audit_not_emptied BEFORE TRUNCATE ON jurat_audit
                EXECUTE FUNCTION jurat_refuse_change('never')""",
                "ALTER TABLE jurat_audit ENABLE ALWAYS TRIGGER jurat_audit_not_emptied",
            ),
            "postgresql/guards.sql",
            "'audit rows cannot be deleted'",
            "'never'",
        ),
    },
    "sqlite": {
        **_notes(
            "ALTER TABLE jurat_pauses ADD COLUMN note text",
            "CREATE INDEX jurat_pauses_until ON jurat_pauses (until)",
        ),
        "a trigger, repeated whole": Change(
            (
                "DROP TRIGGER jurat_audit_kept",
                """CREATE TRIGGER jurat_audit_kept BEFORE UPDATE ON jurat_audit BEGIN
                SELECT RAISE(ABORT, 'jurat: never'); END""",
            ),
            "sqlite/guards.sql",
            "'jurat: an audit row cannot be changed'",
            "'jurat: never'",
        ),
    },
}


def lay_out(folder: Path, *, forgotten: Collection[str] = ()) -> Path:
    """Its `migrations/`. In the SQL the changes that are `forgotten` are missing, which is a mistake."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    for name, change in {name: change for changes in CHANGES.values() for name, change in changes.items()}.items():
        if name not in forgotten:
            file = migrations / "sql" / change.file
            head, tail = file.read_text("utf-8").split(change.before)  # once, or this module is out of date
            file.write_text(head + change.after + tail, "utf-8")
    steps = {
        dialect: [step for each in changes.values() for step in each.steps] for dialect, changes in CHANGES.items()
    }
    (migrations / "versions" / f"{REVISION}.py").write_text(
        f"""from alembic import op

revision, down_revision = {REVISION!r}, {BEFORE!r}
STATEMENTS = {steps!r}


def upgrade():
    op.get_context().config.attributes["perform"](STATEMENTS)
""",
        "utf-8",
    )
    return migrations


def become_later(patch: pytest.MonkeyPatch, folder: Path, *, forgotten: Collection[str] = ()) -> None:
    """Have this program be that version, so that databases of now are behind it."""
    migrations = lay_out(folder, forgotten=forgotten)
    patched(patch, migrations)


def patched(patch: pytest.MonkeyPatch, migrations: Path) -> None:
    """Have this program find its migrations there."""
    for module in ("migrations", "plan", "status"):
        patch.setattr(f"store.schema.{module}.MIGRATIONS", migrations)


SMALLER = "9001_contract_claims"


def become_smaller(
    patch: pytest.MonkeyPatch, folder: Path, *, table: str = "jurat_claims", column: str = "claimed_at"
) -> None:
    """Have this program be a version that needs a column less, which a migration takes away."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / f"{SMALLER}.py").write_text(
        f"""from alembic import op

revision, down_revision = {SMALLER!r}, {BEFORE!r}
OLDEST_WORKER = "99.0.0"
STATEMENTS = {{
    "postgresql": ("ALTER TABLE {table} DROP COLUMN IF EXISTS {column}",),
    "sqlite": ("ALTER TABLE {table} DROP COLUMN {column}",),
}}


def upgrade():
    op.get_context().config.attributes["perform"](STATEMENTS)
""",
        "utf-8",
    )
    patched(patch, migrations)
    patch.setattr("store.schema.status.VERSION", "99.0.0")
    patch.setattr("store.schema.migrations.NOTICED", 0.01)
