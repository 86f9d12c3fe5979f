"""Consultations that a platform publishes itself, the criteria that it may choose from, and texts of its own.

The platform asks with a row; a worker puts it into the applied configuration, or says why not.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from jurat.columns import Moment

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "jurat_criteria",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sources", document, nullable=False),
        sa.Column("open", document, nullable=False),
        sa.Column("answer_schema", document, nullable=False),
        sa.Column("fields", document, nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_consultations",
        sa.Column("name", sa.Text(), nullable=False),
        # Text, not JSON: the order of the questions is that of the form.
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("published_at", Moment(), nullable=False),
        sa.Column("answered_revision", sa.Integer(), nullable=True),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.Column("applied_document", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.add_column("jurat_questions", sa.Column("fields", document, server_default=sa.text("'[]'"), nullable=False))
    op.add_column("jurat_questions", sa.Column("messages", document, server_default=sa.text("'{}'"), nullable=False))


def downgrade() -> None:
    op.drop_column("jurat_questions", "messages")
    op.drop_column("jurat_questions", "fields")
    op.drop_table("jurat_consultations")
    op.drop_table("jurat_criteria")
