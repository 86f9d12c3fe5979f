"""What operators watch: the keys in use, what is due, the limits of sources, and what was noted."""

from __future__ import annotations

from alembic import op

revision = "0002_monitoring"
down_revision = "0001_baseline"

_SEALED = "SELECT answer_key, source, state FROM jurat_checks WHERE answer IS NOT NULL"

_NOTED = "jurat_audit (action, at) WHERE action IN ('backup note', 'keys check', 'worker vanished')"

_KEYS = "jurat_checks (answer_key, source, state) WHERE answer IS NOT NULL"

STATEMENTS = {
    "postgresql": (
        """
ALTER TABLE jurat_sources
  ADD COLUMN IF NOT EXISTS due integer NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS lookup_s float8,
  ADD COLUMN IF NOT EXISTS most_slots integer,
  ADD COLUMN IF NOT EXISTS closed_until timestamptz,
  ADD COLUMN IF NOT EXISTS day_used float8""",
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_checks_keys ON {_KEYS}",
        f"CREATE OR REPLACE VIEW jurat_sealed_answers AS {_SEALED}",
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS jurat_audit_noted ON {_NOTED}",
        """
CREATE OR REPLACE FUNCTION jurat_wanted_slots() RETURNS bigint LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
  SELECT coalesce(sum(CASE
    WHEN s.paused_until > statement_timestamp() OR s.closed_until > statement_timestamp() THEN 0
    WHEN s.opened_at IS NOT NULL THEN least(1, w.checks)
    ELSE least(w.checks, s.most_slots) END), 0)
  FROM jurat_sources s
  LEFT JOIN (SELECT c.source, count(*) AS held FROM jurat_checks c WHERE c.state = 'leased' GROUP BY c.source) l
    ON l.source = s.name
  CROSS JOIN LATERAL (
    SELECT coalesce(l.held, 0) + CASE WHEN s.figures_at > statement_timestamp() - interval '30 s'
      THEN least(s.due, 1000)
      ELSE least(1000, (
        SELECT count(*) FILTER (WHERE d.due_at <= statement_timestamp()) FROM (
          SELECT c.due_at FROM jurat_checks c
          WHERE c.state = 'pending' AND c.lost_leases <> 2 AND c.source = s.name
          ORDER BY c.priority, c.consultation, c.due_at LIMIT 10000) d) + (
        SELECT count(*) FROM (
          SELECT 1 FROM jurat_checks c
          WHERE c.state = 'pending' AND c.lost_leases = 2 AND c.source = s.name
            AND c.due_at <= statement_timestamp() LIMIT 1000) d)) END AS checks) w
$$""",
        "REVOKE ALL ON FUNCTION jurat_wanted_slots() FROM PUBLIC",
    ),
    "sqlite": (
        "ALTER TABLE jurat_sources ADD COLUMN due integer NOT NULL DEFAULT 0",
        "ALTER TABLE jurat_sources ADD COLUMN lookup_s FLOAT",
        "ALTER TABLE jurat_sources ADD COLUMN most_slots integer",
        "ALTER TABLE jurat_sources ADD COLUMN closed_until CHAR(23)",
        "ALTER TABLE jurat_sources ADD COLUMN day_used FLOAT",
        f"CREATE INDEX jurat_checks_keys ON {_KEYS}",
        f"CREATE VIEW jurat_sealed_answers AS {_SEALED}",
        f"CREATE INDEX jurat_audit_noted ON {_NOTED}",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
