"""The results of each source by hour and reason, and which sources are suspect because these jumped."""

from __future__ import annotations

from alembic import op

from store.schema.baseline import tables_for_sqlite
from store.schema.plan import firing_always

revision = "0016_outcome_shares"
down_revision = "0015_queue"

_TABLE = """
CREATE TABLE IF NOT EXISTS jurat_outcomes (
  source text NOT NULL,
  hour integer NOT NULL,
  reason text NOT NULL,
  results integer NOT NULL,
  PRIMARY KEY (source, hour, reason)
)"""

STATEMENTS = {
    "postgresql": firing_always(
        _TABLE,
        """
ALTER TABLE jurat_sources
  ADD COLUMN IF NOT EXISTS suspect_since timestamptz,
  ADD COLUMN IF NOT EXISTS suspect_reason text,
  ADD COLUMN IF NOT EXISTS suspect_share float8,
  ADD COLUMN IF NOT EXISTS usual_share float8""",
        """
CREATE OR REPLACE TRIGGER jurat_sources_in_time BEFORE INSERT OR UPDATE ON jurat_sources FOR EACH ROW
WHEN (greatest(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at,
    NEW.suspect_since) > '9000-01-01 00:00:00.000Z'
  OR least(NEW.paused_until, NEW.next_start_at, NEW.probe_at, NEW.opened_at, NEW.closed_until,
    NEW.last_success_at, NEW.last_failure_at, NEW.oldest_due_at, NEW.figures_at,
    NEW.suspect_since) < '1970-01-01 00:00:00.000Z')
EXECUTE FUNCTION jurat_refuse_others('a time is of a year from 1970 to 9000')""",
    ),
    "sqlite": (
        tables_for_sqlite(_TABLE),
        "ALTER TABLE jurat_sources ADD COLUMN suspect_since CHAR(23)",
        "ALTER TABLE jurat_sources ADD COLUMN suspect_reason text",
        "ALTER TABLE jurat_sources ADD COLUMN suspect_share FLOAT",
        "ALTER TABLE jurat_sources ADD COLUMN usual_share FLOAT",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
