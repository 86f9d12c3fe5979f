"""Versions of zones come in force on a date, and tell the coordinate system that they were drawn in.

A version without a date, as an older jurat writes it, is in force from its import on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jurat.columns import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jurat_zones", sa.Column("in_force_from", Moment(), nullable=True))
    op.add_column("jurat_zones", sa.Column("crs", sa.Text(), server_default=sa.text("'EPSG:4326'"), nullable=False))


def downgrade() -> None:
    op.execute("ALTER TABLE jurat_zones DROP COLUMN crs")
    op.execute("ALTER TABLE jurat_zones DROP COLUMN in_force_from")
