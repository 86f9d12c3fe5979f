"""A street of an address base may be in a hamlet, or another part of its town."""

from __future__ import annotations

from alembic import op

revision = "0028_hamlets"
down_revision = "0027_accuracy"

STATEMENTS = {
    "postgresql": ("ALTER TABLE jurat_dataset_streets ADD COLUMN IF NOT EXISTS hamlet text",),
    "sqlite": ("ALTER TABLE jurat_dataset_streets ADD COLUMN hamlet text",),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
