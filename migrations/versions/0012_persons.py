"""What persons ask for: contests, decisions, further rounds, revocations, transfers, erasures. How long access holds.

A request is a row that a worker applies once; so a platform or a back office in any language asks with one INSERT, and
one piece of code decides what comes of it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jurat.columns import CheckId, Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STANDING = "kind IN ('reopen', 'revoke', 'restore')"

UNNAMED = "NEW.participant LIKE 'erased-%'"
TRANSFERRED = """EXISTS (SELECT 1 FROM jurat_requests t WHERE t.kind = 'transfer' AND t.applied_at IS NULL
  AND t.consultation = NEW.consultation AND t.participant = OLD.participant AND t.target = NEW.participant)"""
CHANGED = """NEW.id <> OLD.id OR NEW.consultation <> OLD.consultation OR NEW.question <> OLD.question
  OR NEW.round <> OLD.round"""
RENAMED = "NEW.participant <> OLD.participant AND NEW.participant NOT LIKE 'erased-%'"
REFUSED = "whose answer to which question a check is can not be changed"
NAMED = "BEFORE UPDATE OF id, consultation, participant, question, round ON jurat_checks FOR EACH ROW"

POSTGRESQL = [
    "DROP TRIGGER jurat_checks_named ON jurat_checks",
    f"""
    CREATE FUNCTION jurat_refuse_renaming() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF {TRANSFERRED} THEN
        RETURN NEW;
      END IF;
      RAISE EXCEPTION 'jurat: % on % is refused: %', TG_OP, TG_TABLE_NAME, '{REFUSED}'
        USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    "REVOKE ALL ON FUNCTION jurat_refuse_renaming FROM PUBLIC",
    f"""
    CREATE TRIGGER jurat_checks_named {NAMED}
    WHEN ({CHANGED}) EXECUTE FUNCTION jurat_refuse_change('{REFUSED}')
    """,
    f"""
    CREATE TRIGGER jurat_checks_renamed BEFORE UPDATE OF participant ON jurat_checks FOR EACH ROW
    WHEN ({RENAMED}) EXECUTE FUNCTION jurat_refuse_renaming()
    """,
    "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_named",
    "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_renamed",
]

BACK_POSTGRESQL = [
    "DROP TRIGGER jurat_checks_renamed ON jurat_checks",
    "DROP TRIGGER jurat_checks_named ON jurat_checks",
    "DROP FUNCTION jurat_refuse_renaming",
    f"""
    CREATE TRIGGER jurat_checks_named {NAMED}
    WHEN ({CHANGED} OR ({RENAMED})) EXECUTE FUNCTION jurat_refuse_change('{REFUSED}')
    """,
    "ALTER TABLE jurat_checks ENABLE ALWAYS TRIGGER jurat_checks_named",
]


def _sqlite(exempt: str) -> list[str]:
    return [
        "DROP TRIGGER jurat_checks_named",
        f"""
    CREATE TRIGGER jurat_checks_named BEFORE UPDATE OF id, consultation, participant, question, round ON jurat_checks
    WHEN NEW.id IS NOT OLD.id OR NEW.consultation IS NOT OLD.consultation OR NEW.question IS NOT OLD.question
      OR NEW.round IS NOT OLD.round
      OR (NEW.participant IS NOT OLD.participant AND NOT ({exempt})) BEGIN
      SELECT RAISE(ABORT, 'jurat: {REFUSED}');
    END
    """,
    ]


def upgrade() -> None:
    op.create_table(
        "jurat_requests",
        sa.Column("id", CheckId(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("consultation", sa.Text(), nullable=True),
        sa.Column("participant", sa.Text(), nullable=True),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("check_id", CheckId(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("note_key", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("by_whom", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("applied_at", Moment(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    waiting, standing = sa.text("applied_at IS NULL"), sa.text(STANDING)
    op.create_index(
        "jurat_requests_waiting", "jurat_requests", ["asked_at"], postgresql_where=waiting, sqlite_where=waiting
    )
    op.create_index(
        "jurat_requests_standing",
        "jurat_requests",
        ["consultation", "participant"],
        postgresql_where=standing,
        sqlite_where=standing,
    )
    checked = sa.text("check_id IS NOT NULL")
    op.create_index(
        "jurat_requests_check", "jurat_requests", ["check_id"], postgresql_where=checked, sqlite_where=checked
    )
    op.add_column("jurat_access", sa.Column("granted_until", Moment(), nullable=True))
    op.add_column("jurat_access", sa.Column("changes_at", Moment(), nullable=True))
    changing = sa.text("changes_at IS NOT NULL")
    op.create_index(
        "jurat_access_changes", "jurat_access", ["changes_at"], postgresql_where=changing, sqlite_where=changing
    )
    op.add_column("jurat_questions", sa.Column("valid_s", sa.Float(), nullable=True))
    op.add_column("jurat_questions", sa.Column("renew_s", sa.Float(), nullable=True))
    postgresql = op.get_context().dialect.name == "postgresql"
    for statement in POSTGRESQL if postgresql else _sqlite(f"{UNNAMED} OR {TRANSFERRED}"):
        op.execute(statement)


def downgrade() -> None:
    postgresql = op.get_context().dialect.name == "postgresql"
    for statement in BACK_POSTGRESQL if postgresql else _sqlite(UNNAMED):
        op.execute(statement)
    op.drop_column("jurat_questions", "renew_s")
    op.drop_column("jurat_questions", "valid_s")
    op.drop_index("jurat_access_changes", "jurat_access")
    op.drop_column("jurat_access", "changes_at")
    op.drop_column("jurat_access", "granted_until")
    op.drop_table("jurat_requests")
