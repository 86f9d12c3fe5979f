"""A platform reads which of the zones of its question holds an address, where the question asks that."""

from __future__ import annotations

from alembic import op

revision = "0026_named_zones"
down_revision = "0025_inquiries"

STATEMENTS = {
    "postgresql": (
        """
CREATE OR REPLACE VIEW jurat_results AS
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE
         CASE WHEN s.figures_at < statement_timestamp() - interval '30 s'
              THEN least(5000, greatest(coalesce(s.poll_ms, 500),
                                        50 * extract(epoch FROM statement_timestamp() - s.figures_at)::int))
              ELSE coalesce(s.poll_ms, 500) END
       END AS next_poll_ms,
       CASE c.state WHEN 'review' THEN
         (SELECT w.due_at FROM jurat_reviews w WHERE w.check_id = c.id AND w.decided_at IS NULL)
       END AS review_due_at,
       coalesce(c.state IN ('pending', 'leased') AND (
         s.opened_at IS NOT NULL OR s.failures > 1 OR s.paused_until > statement_timestamp()
         OR s.closed_until > statement_timestamp()
         OR s.figures_at < statement_timestamp() - interval '30 s'), false) AS source_away,
       CASE WHEN v.outcome = 'accepted' THEN
         (SELECT w.evidence ->> 'named_zone' FROM jurat_verdicts w
          WHERE w.check_id = c.id AND w.revision = v.revision)
       END AS zone
FROM jurat_checks c
LEFT JOIN LATERAL (
  SELECT w.outcome, w.reason, w.revision, w.decided_at FROM jurat_verdicts w
  WHERE w.check_id = c.id AND c.state IN ('settled', 'review')
  ORDER BY w.revision DESC LIMIT 1) v ON true
LEFT JOIN jurat_sources s ON s.name = c.source""",
    ),
    "sqlite": (
        "DROP VIEW jurat_results",
        """
CREATE VIEW jurat_results AS
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE
         CASE WHEN s.figures_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 seconds')
              THEN min(5000, max(coalesce(s.poll_ms, 500),
                                 CAST(50 * 86400 * (julianday('now') - julianday(s.figures_at)) AS int)))
              ELSE coalesce(s.poll_ms, 500) END
       END AS next_poll_ms,
       CASE c.state WHEN 'review' THEN
         (SELECT w.due_at FROM jurat_reviews w WHERE w.check_id = c.id AND w.decided_at IS NULL)
       END AS review_due_at,
       coalesce(c.state IN ('pending', 'leased') AND (
         s.opened_at IS NOT NULL OR s.failures > 1 OR s.paused_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
         OR s.closed_until > strftime('%Y-%m-%d %H:%M:%f', 'now')
         OR s.figures_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 seconds')), 0) AS source_away,
       CASE WHEN v.outcome = 'accepted' THEN
         (SELECT w.evidence ->> 'named_zone' FROM jurat_verdicts w
          WHERE w.check_id = c.id AND w.revision = v.revision)
       END AS zone
FROM jurat_checks c
LEFT JOIN jurat_verdicts v ON v.check_id = c.id
     AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
     AND c.state IN ('settled', 'review')
LEFT JOIN jurat_sources s ON s.name = c.source""",
    ),
}


def upgrade() -> None:
    op.get_context().config.attributes["perform"](STATEMENTS)
