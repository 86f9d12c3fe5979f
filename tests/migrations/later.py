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


_NOTES = {
    "a column": Change(
        ("ALTER TABLE jurat_pauses ADD COLUMN note TEXT",),
        "service_tables.sql",
        "  PRIMARY KEY (source, began_at)",
        "  note TEXT,\n  PRIMARY KEY (source, began_at)",
    ),
    "an index": Change(
        ("CREATE INDEX jurat_pauses_until ON jurat_pauses (until)",),
        "service_tables.sql",
        "-- When each upkeep job",
        "CREATE INDEX jurat_pauses_until ON jurat_pauses (until);\n\n-- When each upkeep job",
    ),
}

CHANGES = {
    "postgresql": {
        **_NOTES,
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
                "DROP TRIGGER jurat_audit_not_emptied ON jurat_audit",
                """CREATE TRIGGER jurat_audit_not_emptied BEFORE TRUNCATE ON jurat_audit
                EXECUTE FUNCTION jurat_refuse_change('never')""",
                "ALTER TABLE jurat_audit ENABLE ALWAYS TRIGGER jurat_audit_not_emptied",
            ),
            "postgresql/guards.sql",
            "'audit rows cannot be deleted'",
            "'never'",
        ),
    },
    "sqlite": {
        **_NOTES,
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


def upgrade():
    for step in {steps!r}[op.get_context().dialect.name]:
        op.execute(step)
""",
        "utf-8",
    )
    return migrations


def become_later(patch: pytest.MonkeyPatch, folder: Path, *, forgotten: Collection[str] = ()) -> None:
    """Have this program be that version, so that databases of now are behind it."""
    migrations = lay_out(folder, forgotten=forgotten)
    patch.setattr("store.schema.migrations.MIGRATIONS", migrations)
    patch.setattr("store.schema.status.MIGRATIONS", migrations)
