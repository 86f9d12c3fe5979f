"""A position of an address base may say by how much it can be wrong."""

from __future__ import annotations

from alembic import op

revision = "0027_accuracy"
down_revision = "0026_named_zones"

STATEMENTS = {
    "postgresql": ("ALTER TABLE jurat_dataset_houses ADD COLUMN IF NOT EXISTS accuracy integer",),
    "sqlite": ("ALTER TABLE jurat_dataset_houses ADD COLUMN accuracy integer",),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
