"""A redeemed code stays redeemed, and a revoked one stays revoked, even for a login that may write the other column."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0024_revoked_codes"
down_revision = "0023_participants"

STATEMENTS = {
    "postgresql": firing_always(
        """
CREATE OR REPLACE TRIGGER jurat_codes_redeemed BEFORE UPDATE OF redeemed_by, redeemed_at, revoked_at ON jurat_codes
FOR EACH ROW
WHEN ((OLD.redeemed_by IS NOT NULL OR OLD.revoked_at IS NOT NULL)
  AND (NEW.redeemed_by, NEW.redeemed_at, NEW.revoked_at)
    IS DISTINCT FROM (OLD.redeemed_by, OLD.redeemed_at, OLD.revoked_at))
EXECUTE FUNCTION jurat_refuse_others('a code is redeemed or revoked, and that once')""",
    ),
    "sqlite": (
        "DROP TRIGGER jurat_codes_redeemed",
        """
CREATE TRIGGER jurat_codes_redeemed BEFORE UPDATE OF redeemed_by, redeemed_at, revoked_at ON jurat_codes
WHEN (OLD.redeemed_by IS NOT NULL OR OLD.revoked_at IS NOT NULL)
  AND (NEW.redeemed_by IS NOT OLD.redeemed_by OR NEW.redeemed_at IS NOT OLD.redeemed_at
    OR NEW.revoked_at IS NOT OLD.revoked_at)
BEGIN
  SELECT RAISE(ABORT, 'jurat: a code is redeemed or revoked, and that once');
END""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
