"""The tables of contract version 1, the same on PostgreSQL and SQLite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from jurat.columns import CheckId, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

moment = Moment()
check_id = CheckId()
# Compared byte by byte: a fingerprint begins with its key, and all of one key lie side by side.
bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

# PostgreSQL keeps room in each page for the next version of a row that moves on, and tidies up early: dead rows stand
# in the way of who looks for what is due.
MOVING = "fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000"
# The same for a table of a few rows that change many times a second, each within its page.
SMALL = "fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200"
STORED = {"jurat_checks": MOVING, "jurat_access": MOVING, "jurat_sources": SMALL, "jurat_upkeep": SMALL}


def upgrade() -> None:
    op.create_table(
        "jurat_access",
        sa.Column("consultation", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("questions", document, nullable=False),
        sa.Column("rounds_left", document, nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("consultation", "participant"),
        sqlite_with_rowid=False,
    )
    op.create_index("jurat_access_added_up", "jurat_access", ["consultation", "config_version"])
    op.create_table(
        "jurat_audit",
        sa.Column("id", check_id, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", document, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_checks",
        sa.Column("id", check_id, nullable=False),
        sa.Column("consultation", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("round", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("priority", sa.Text(), server_default=sa.text("'interactive'"), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("answer_key", sa.Text(), nullable=True),
        sa.Column("reply_key", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("lookups", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lost_leases", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("candidates", sa.LargeBinary(), nullable=True),
        sa.Column("candidates_until", moment, nullable=True),
        sa.Column("submitted_at", moment, nullable=False),
        sa.Column("deadline_at", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("traceparent", sa.Text(), nullable=True),
        sa.Column("stood_s", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("consultation", "participant", "question", "round", name="jurat_checks_confirmed_once"),
    )
    op.create_index(
        "jurat_checks_deadline",
        "jurat_checks",
        ["source", "deadline_at"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "jurat_checks_due",
        "jurat_checks",
        ["source", "priority", "consultation", "due_at"],
        postgresql_where=sa.text("state = 'pending' AND lost_leases <> 2"),
        sqlite_where=sa.text("state = 'pending' AND lost_leases <> 2"),
    )
    op.create_index(
        "jurat_checks_last_chance",
        "jurat_checks",
        ["source"],
        postgresql_where=sa.text("state = 'pending' AND lost_leases = 2"),
        sqlite_where=sa.text("state = 'pending' AND lost_leases = 2"),
    )
    op.create_index(
        "jurat_checks_leased",
        "jurat_checks",
        ["lease_until", "source"],
        postgresql_where=sa.text("state = 'leased'"),
        sqlite_where=sa.text("state = 'leased'"),
    )
    op.create_table(
        "jurat_codes",
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("fingerprint", bytewise, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("redeemed_by", check_id, nullable=True),
        sa.Column("redeemed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("list", "fingerprint"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_configs",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", document, nullable=False),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.Column("applied_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "jurat_contract",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "jurat_pauses",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_whom", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "began_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_questions",
        sa.Column("consultation", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("criterion", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sources", document, nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("deadline_s", sa.Float(), nullable=False),
        sa.Column("answer_schema", document, nullable=False),
        sa.Column("title", document, nullable=False),
        sa.Column("consultation_title", document, nullable=False),
        sa.Column("contact", document, nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("consultation", "question"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_sources",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paused_until", moment, nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("next_start_at", moment, nullable=True),
        sa.Column("last_success_at", moment, nullable=True),
        sa.Column("last_failure_at", moment, nullable=True),
        sa.Column("last_failure", sa.Text(), nullable=True),
        sa.Column("waiting", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("oldest_due_at", moment, nullable=True),
        sa.Column("poll_ms", sa.Integer(), server_default=sa.text("500"), nullable=False),
        sa.Column("figures_at", moment, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", moment, nullable=True),
        sa.Column("probe_at", moment, nullable=True),
        sa.Column("day", sa.Text(), nullable=True),
        sa.Column("used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("served", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("served_s", sa.Float(), nullable=True),
        sa.Column("wait_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_upkeep",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("ran_at", moment, nullable=False),
        sa.Column("hold_until", moment, nullable=True),
        sa.PrimaryKeyConstraint("task"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_zones",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("imported_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_attempts",
        sa.Column("check_id", check_id, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["jurat_checks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id", "fence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jurat_reviews",
        sa.Column("check_id", check_id, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", document, nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("decided_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["check_id"], ["jurat_checks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("check_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "jurat_reviews_due",
        "jurat_reviews",
        ["due_at"],
        postgresql_where=sa.text("decided_at IS NULL"),
        sqlite_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "jurat_verdicts",
        sa.Column("check_id", check_id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", document, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("config_version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("data_date", sa.Text(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", moment, nullable=False),
        sa.Column("retain_until", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["check_id"],
            ["jurat_checks.id"],
        ),
        sa.PrimaryKeyConstraint("check_id", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "jurat_verdicts_retained",
        "jurat_verdicts",
        ["retain_until"],
        postgresql_where=sa.text("retain_until IS NOT NULL"),
        sqlite_where=sa.text("retain_until IS NOT NULL"),
    )
    if op.get_context().dialect.name == "postgresql":
        for table, options in STORED.items():
            op.execute(f"ALTER TABLE {table} SET ({options})")
    op.execute("INSERT INTO jurat_contract (version) VALUES (1)")


def downgrade() -> None:
    for table in (
        "jurat_verdicts",
        "jurat_reviews",
        "jurat_attempts",
        "jurat_zones",
        "jurat_upkeep",
        "jurat_sources",
        "jurat_questions",
        "jurat_pauses",
        "jurat_contract",
        "jurat_configs",
        "jurat_codes",
        "jurat_checks",
        "jurat_audit",
        "jurat_access",
    ):
        op.drop_table(table)
