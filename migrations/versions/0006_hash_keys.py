"""The key that all workers hash new codes and numbers with, whatever the order of their own."""

from __future__ import annotations

from alembic import op

revision = "0006_hash_keys"
down_revision = "0005_retention"

STATEMENTS = {
    "postgresql": (
        """
CREATE TABLE IF NOT EXISTS jurat_hash_key (
  one boolean NOT NULL DEFAULT true CHECK (one),
  key_id text NOT NULL,
  used_since timestamptz NOT NULL,
  PRIMARY KEY (one)
)""",
    ),
    "sqlite": (
        """
CREATE TABLE jurat_hash_key (
  one boolean NOT NULL DEFAULT true CHECK (one),
  key_id text NOT NULL,
  used_since CHAR(23) NOT NULL,
  PRIMARY KEY (one)
) WITHOUT ROWID""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
