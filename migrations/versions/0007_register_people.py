"""Lists of people beside the address bases: a row by the keyed hash of its number, and how the numbers were hashed.

The primary key follows the file, so that an import appends and a version is deleted in lots; look-ups go by the index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    for column in ("people", "left_out"):
        op.add_column(
            "jurat_registers", sa.Column(column, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
    for column in ("layout", "key_id"):
        op.add_column("jurat_registers", sa.Column(column, sa.Text(), nullable=True))
    op.create_table(
        "jurat_register_people",
        sa.Column("register", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("number", sa.LargeBinary(), nullable=False),
        sa.Column("kept", document, nullable=False),
        sa.PrimaryKeyConstraint("register", "line"),
        sqlite_with_rowid=False,
    )
    op.create_index("jurat_register_people_number", "jurat_register_people", ["register", "number"])


def downgrade() -> None:
    op.drop_table("jurat_register_people")
    # What came before knows address bases alone.
    op.execute(sa.text("UPDATE jurat_registers SET state = 'removed' WHERE key_id IS NOT NULL"))
    for column in ("key_id", "layout", "left_out", "people"):
        op.drop_column("jurat_registers", column)
