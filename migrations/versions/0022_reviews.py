"""A decision can wait to be taken back, a review has sealed places, and the audit an index by time."""

from __future__ import annotations

from alembic import op

from store.schema.plan import firing_always

revision = "0022_reviews"
down_revision = "0021_openings"

STATEMENTS = {
    "postgresql": firing_always(
        "ALTER TABLE jurat_reviews ADD COLUMN IF NOT EXISTS places bytea",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_audit_at ON jurat_audit (at, id)",
        """
CREATE OR REPLACE TRIGGER jurat_reviews_places_sized BEFORE INSERT OR UPDATE OF places ON jurat_reviews FOR EACH ROW
WHEN (octet_length(NEW.places) > 16384)
EXECUTE FUNCTION jurat_refuse_others('the places of a review have at most 16 KiB')""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_done BEFORE UPDATE ON jurat_requests FOR EACH ROW
WHEN (NOT has_table_privilege('jurat_requests'::regclass, 'DELETE') AND (jurat_may_ask(OLD.kind) IS NOT TRUE
  OR (OLD.kind = 'decide' AND OLD.apply_from IS NOT NULL AND OLD.login IS DISTINCT FROM session_user)))
EXECUTE FUNCTION jurat_keep_asked()""",
        """
CREATE OR REPLACE TRIGGER jurat_requests_later BEFORE INSERT ON jurat_requests FOR EACH ROW
WHEN (NEW.apply_from IS NOT NULL AND NEW.kind NOT IN ('erase', 'transfer')
  AND NOT (NEW.kind = 'decide' AND NEW.apply_from <= statement_timestamp() + interval '2 minutes'))
EXECUTE FUNCTION jurat_refuse_change('only a decision waits to be taken back, for two minutes at most')""",
    ),
    "sqlite": (
        "CREATE INDEX jurat_audit_at ON jurat_audit (at, id)",
        "ALTER TABLE jurat_reviews ADD COLUMN places BLOB",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
