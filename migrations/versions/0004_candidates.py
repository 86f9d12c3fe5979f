"""On which side an earlier source saw the address of a check, and an index to the candidates whose time is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jurat_checks", sa.Column("leaning", sa.Text(), nullable=True))
    op.create_index(
        "jurat_checks_candidates",
        "jurat_checks",
        ["candidates_until"],
        postgresql_where=sa.text("candidates_until IS NOT NULL"),
        sqlite_where=sa.text("candidates_until IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("jurat_checks_candidates", table_name="jurat_checks")
    op.drop_column("jurat_checks", "leaning")
