"""The newest verdict of a check is read from the index alone: PostgreSQL keeps what platforms poll in it."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = "ALTER TABLE jurat_verdicts DROP CONSTRAINT jurat_verdicts_pkey, ADD PRIMARY KEY (check_id, revision)"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"{KEY} INCLUDE (outcome, reason, decided_at)")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(KEY)
