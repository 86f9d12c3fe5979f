"""The register of workers, the keys that none of them has, and polls that grow rarer while nobody counts.

A worker says every ten seconds that it is there. A key that answers wait for and no worker opens is written down with
the time for which it was missing: deadlines stand still as long.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from jurat.columns import CheckId, Moment

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None

document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

COLUMNS = """
SELECT c.id AS check_id, c.consultation, c.participant, c.question, c.round, c.state,
       v.outcome, v.reason, v.revision, v.decided_at,
       CASE c.state WHEN 'settled' THEN 0 WHEN 'review' THEN 60000 ELSE {poll} END AS next_poll_ms
FROM jurat_checks c
"""

POLL = "coalesce(s.poll_ms, 500)"

# Workers count each 5 s. Half a minute later they are away, and polls grow to 5 s within two minutes.
STALE = {
    "postgresql": f"""
       CASE WHEN s.figures_at < statement_timestamp() - interval '30 s'
            THEN least(5000, greatest({POLL}, 50 * extract(epoch FROM statement_timestamp() - s.figures_at)::int))
            ELSE {POLL} END""",
    "sqlite": f"""
       CASE WHEN s.figures_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 seconds')
            THEN min(5000, max({POLL}, CAST(50 * 86400 * (julianday('now') - julianday(s.figures_at)) AS int)))
            ELSE {POLL} END""",
}

SOURCES = "LEFT JOIN jurat_sources s ON s.name = c.source"

VERDICTS = {
    "sqlite": """LEFT JOIN jurat_verdicts v ON v.check_id = c.id
     AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
     AND c.state IN ('settled', 'review')
""",
    "postgresql": """LEFT JOIN LATERAL (
  SELECT w.outcome, w.reason, w.revision, w.decided_at FROM jurat_verdicts w
  WHERE w.check_id = c.id AND c.state IN ('settled', 'review')
  ORDER BY w.revision DESC LIMIT 1) v ON true
""",
}


def upgrade() -> None:
    op.create_table(
        "jurat_workers",
        sa.Column("id", CheckId(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("sources", document, nullable=True),
        sa.Column("config_version", sa.Integer(), nullable=True),
        sa.Column("unseal_keys", document, nullable=False),
        sa.Column("hash_keys", document, nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("stopping", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_missing_keys",
        sa.Column("answer_key", sa.Text(), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("answer_key", "since"),
        sqlite_with_rowid=False,
    )
    _results(stale=True)


def downgrade() -> None:
    _results(stale=False)
    op.drop_table("jurat_missing_keys")
    op.drop_table("jurat_workers")


def _results(*, stale: bool) -> None:
    """The view that platforms poll. On PostgreSQL who may read it stays as it was."""
    dialect = op.get_context().dialect.name
    columns = COLUMNS.format(poll=STALE[dialect].strip() if stale else POLL)
    view = f"{columns}{VERDICTS[dialect]}{SOURCES}"
    if dialect == "postgresql":
        op.execute(f"CREATE OR REPLACE VIEW jurat_results AS {view}")
    else:
        op.execute("DROP VIEW jurat_results")
        op.execute(f"CREATE VIEW jurat_results AS {view}")
