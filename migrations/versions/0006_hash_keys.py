"""The key that all workers hash new codes and numbers with, whatever the order of their own."""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite

revision = "0006_hash_keys"
down_revision = "0005_retention"

_TABLE = """
CREATE TABLE IF NOT EXISTS jurat_hash_key (
  one boolean NOT NULL DEFAULT true CHECK (one),
  key_id text NOT NULL,
  used_since timestamptz NOT NULL,
  PRIMARY KEY (one)
)"""

STATEMENTS = {"postgresql": (_TABLE,), "sqlite": (tables_for_sqlite(_TABLE),)}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
