"""The view that platforms poll reads less: the newest verdict in one step, and none where none can stand.

A check that is pending or leased has no verdict yet. SQLite knows no LATERAL, and looks up the number of the newest
revision first.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = """
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE coalesce(s.poll_ms, 500) END AS next_poll_ms
FROM jurat_checks c
"""

SOURCES = "LEFT JOIN jurat_sources s ON s.name = c.source"

NEWEST = """
LEFT JOIN jurat_verdicts v ON v.check_id = c.id
     AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
"""

SQLITE = f"{COLUMNS}{NEWEST.rstrip()} AND c.state IN ('settled', 'review')\n{SOURCES}"

POSTGRESQL = f"""{COLUMNS}LEFT JOIN LATERAL (
  SELECT w.outcome, w.reason, w.revision, w.decided_at FROM jurat_verdicts w
  WHERE w.check_id = c.id AND c.state IN ('settled', 'review')
  ORDER BY w.revision DESC LIMIT 1) v ON true
{SOURCES}"""

BEFORE = f"{COLUMNS}{NEWEST}{SOURCES}"


def upgrade() -> None:
    _replace(POSTGRESQL if op.get_context().dialect.name == "postgresql" else SQLITE)


def downgrade() -> None:
    _replace(BEFORE)


def _replace(view: str) -> None:
    """On PostgreSQL who may read the view stays as it was."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"CREATE OR REPLACE VIEW jurat_results AS {view}")
    else:
        op.execute("DROP VIEW jurat_results")
        op.execute(f"CREATE VIEW jurat_results AS {view}")
