"""Whose number it is: one number, one participant of a consultation, by the keyed hash of the number.

Every check that was accepted by a number, or was too late with it, has a row; one of them at the most holds it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jurat.columns import CheckId, Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "jurat_claims",
        sa.Column("consultation", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("fingerprint", bytewise, nullable=False),
        sa.Column("check_id", CheckId(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("claimed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["jurat_checks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("consultation", "namespace", "fingerprint", "check_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("jurat_claims_check", "jurat_claims", ["check_id"])
    # By the hash first, which begins with the id of its key: so the keys in use are found without reading all rows.
    op.create_index(
        "jurat_claims_one_holder",
        "jurat_claims",
        ["fingerprint", "namespace", "consultation"],
        unique=True,
        postgresql_where=sa.text("holds"),
        sqlite_where=sa.text("holds"),
    )


def downgrade() -> None:
    op.drop_table("jurat_claims")
