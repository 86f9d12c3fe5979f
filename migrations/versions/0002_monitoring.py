"""What operators watch: the keys in use, what is due, the limits of sources, and what was noted."""

from __future__ import annotations

from alembic import op

revision = "0002_monitoring"
down_revision = "0001_baseline"
branch_labels = None
depends_on = None

_COLUMNS = {
    "due": "integer NOT NULL DEFAULT 0",
    "lookup_s": "float8",
    "most_slots": "integer",
    "closed_until": "timestamptz",
    "day_used": "float8",
}

_ON_SQLITE = {"float8": "FLOAT", "timestamptz": "CHAR(23)"}

_KEYS = "CREATE INDEX jurat_checks_keys ON jurat_checks (answer_key, source, state) WHERE answer IS NOT NULL"

_SEALED = """
CREATE VIEW jurat_sealed_answers AS
SELECT answer_key, source, state FROM jurat_checks WHERE answer IS NOT NULL"""

_NOTED = """
CREATE INDEX jurat_audit_noted ON jurat_audit (action, at)
WHERE action IN ('backup note', 'keys check', 'worker vanished')"""

_WANTED_SLOTS = """
CREATE FUNCTION jurat_wanted_slots() RETURNS bigint LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
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
$$"""


def upgrade() -> None:
    on_postgresql = op.get_context().dialect.name == "postgresql"
    for name, kind in _COLUMNS.items():
        op.execute(
            f"ALTER TABLE jurat_sources ADD COLUMN {name} {kind if on_postgresql else _ON_SQLITE.get(kind, kind)}"
        )
    op.execute(_KEYS)
    op.execute(_SEALED)
    op.execute(_NOTED)
    if on_postgresql:
        op.execute(_WANTED_SLOTS)
        op.execute("REVOKE ALL ON FUNCTION jurat_wanted_slots() FROM PUBLIC")
