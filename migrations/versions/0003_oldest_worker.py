"""The oldest release whose workers may work on the schema: a step that takes something away raises it."""

from __future__ import annotations

from alembic import op

revision = "0003_oldest_worker"
down_revision = "0002_monitoring"

STATEMENTS = {
    "postgresql": ("ALTER TABLE jurat_contract ADD COLUMN IF NOT EXISTS oldest_worker text NOT NULL DEFAULT '0.2.0'",),
    "sqlite": ("ALTER TABLE jurat_contract ADD COLUMN oldest_worker text NOT NULL DEFAULT '0.2.0'",),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
