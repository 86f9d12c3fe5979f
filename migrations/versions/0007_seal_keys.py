"""The keys that platforms seal with, one for each epoch: signed by the operator, and kept after they were retired."""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite
from store.schema.plan import firing_always

revision = "0007_seal_keys"
down_revision = "0006_hash_keys"

_TABLE = """
CREATE TABLE IF NOT EXISTS jurat_seal_keys (
  id text NOT NULL,
  public_key bytea NOT NULL,
  from_at timestamptz NOT NULL,
  until_at timestamptz NOT NULL,
  signature bytea NOT NULL,
  retired_at timestamptz,
  PRIMARY KEY (id),
  CONSTRAINT jurat_seal_keys_in_time CHECK (
    from_at >= '1970-01-01 00:00:00.000Z' AND from_at < until_at AND until_at < '9000-01-01 00:00:00.000Z')
)"""

STATEMENTS = {
    "postgresql": firing_always(
        _TABLE,
        """
CREATE OR REPLACE TRIGGER jurat_seal_keys_kept BEFORE UPDATE ON jurat_seal_keys FOR EACH ROW
WHEN (OLD.retired_at IS NOT NULL
  OR (NEW.retired_at BETWEEN statement_timestamp() - interval '1 minute' AND clock_timestamp()) IS NOT TRUE
  OR (NEW.id, NEW.public_key, NEW.from_at, NEW.until_at, NEW.signature)
    IS DISTINCT FROM (OLD.id, OLD.public_key, OLD.from_at, OLD.until_at, OLD.signature))
EXECUTE FUNCTION jurat_refuse_change('a seal key stays as it is, and is retired once, now')""",
        """
CREATE OR REPLACE TRIGGER jurat_seal_keys_not_deleted BEFORE DELETE OR TRUNCATE ON jurat_seal_keys
EXECUTE FUNCTION jurat_refuse_change('a seal key cannot be deleted')""",
    ),
    "sqlite": (
        tables_for_sqlite(_TABLE),
        """
CREATE TRIGGER jurat_seal_keys_added BEFORE INSERT ON jurat_seal_keys
WHEN EXISTS (SELECT 1 FROM jurat_seal_keys WHERE id = NEW.id)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key cannot be replaced');
END""",
        """
CREATE TRIGGER jurat_seal_keys_kept BEFORE UPDATE ON jurat_seal_keys
WHEN OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL OR NEW.id <> OLD.id OR NEW.public_key <> OLD.public_key
  OR NEW.from_at <> OLD.from_at OR NEW.until_at <> OLD.until_at OR NEW.signature <> OLD.signature
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key stays as it is, and is retired once');
END""",
        """
CREATE TRIGGER jurat_seal_keys_not_deleted BEFORE DELETE ON jurat_seal_keys
BEGIN
  SELECT RAISE(ABORT, 'jurat: a seal key cannot be deleted');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
