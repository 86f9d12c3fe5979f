"""Workers note where the answers of a source differ from its tests, and what its shadow would have decided."""

from __future__ import annotations

from alembic import op

revision = "0017_drift"
down_revision = "0016_outcome_shares"

STATEMENTS = {
    "postgresql": (
        "ALTER TABLE jurat_sources ADD COLUMN IF NOT EXISTS drift text",
        "ALTER TABLE jurat_sources ADD COLUMN IF NOT EXISTS shadow jsonb",
    ),
    "sqlite": (
        "ALTER TABLE jurat_sources ADD COLUMN drift text",
        "ALTER TABLE jurat_sources ADD COLUMN shadow JSON",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
