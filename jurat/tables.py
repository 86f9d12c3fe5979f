"""The tables of the contract, for platforms and tools that use SQLAlchemy.

`migrations/sql/` makes them; a test holds both equal. The same schema on PostgreSQL (16 and later) and on SQLite
(3.38 and later). SQLite drops time zones, so times have one stored form there: UTC with milliseconds, as
`strftime('%Y-%m-%d %H:%M:%f')` writes it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from jurat.allowance_tables import allowances
from jurat.columns import Bytewise, CheckId, Document, Moment, metadata
from jurat.dataset_tables import dataset_houses, dataset_streets, dataset_words, datasets, roster_entries
from jurat.fleet_tables import missing_keys, workers
from jurat.request_tables import requests, reviews

__all__ = [
    "CONTRACT_VERSION",
    "SQLITE_TIME",
    "access",
    "allowances",
    "attempts",
    "audit",
    "checks",
    "claims",
    "codes",
    "configs",
    "consultations",
    "contract",
    "criteria",
    "dataset_houses",
    "dataset_streets",
    "dataset_words",
    "datasets",
    "metadata",
    "missing_keys",
    "pauses",
    "questions",
    "requests",
    "reviews",
    "roster_entries",
    "sources",
    "upkeep",
    "verdicts",
    "workers",
    "zones",
]

CONTRACT_VERSION = 1
"""Raised when a platform built on an earlier version would break. A migration within a version only adds."""

SQLITE_TIME = "%Y-%m-%d %H:%M:%f"

checks = Table(
    "jurat_checks",
    metadata,
    Column("id", CheckId, primary_key=True),
    Column("consultation", Text, nullable=False),
    Column("participant", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("round", SmallInteger, nullable=False, server_default=text("1")),
    Column("priority", Text, nullable=False, server_default=text("'interactive'")),
    Column("answer", LargeBinary),
    Column("answer_key", Text),
    Column("reply_key", LargeBinary),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("source", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),
    Column("lease_until", Moment),
    Column("lookups", Integer, nullable=False, server_default=text("0")),
    Column("lost_leases", Integer, nullable=False, server_default=text("0")),
    Column("candidates", LargeBinary),
    Column("candidates_until", Moment),
    Column("submitted_at", Moment, nullable=False),
    Column("deadline_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Column("traceparent", Text),
    Column("stood_s", Float, nullable=False, server_default=text("0")),
    Column("leaning", Text),
    UniqueConstraint("consultation", "participant", "question", "round", name="jurat_checks_confirmed_once"),
    Index(
        "jurat_checks_due",
        "source",
        "priority",
        "consultation",
        "due_at",
        postgresql_where=text("state = 'pending' AND lost_leases <> 2"),
        sqlite_where=text("state = 'pending' AND lost_leases <> 2"),
    ),
    Index(
        "jurat_checks_deadline",
        "source",
        "deadline_at",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
    Index(
        "jurat_checks_leased",
        "lease_until",
        "source",
        postgresql_where=text("state = 'leased'"),
        sqlite_where=text("state = 'leased'"),
    ),
    Index(
        "jurat_checks_last_chance",
        "source",
        postgresql_where=text("state = 'pending' AND lost_leases = 2"),
        sqlite_where=text("state = 'pending' AND lost_leases = 2"),
    ),
    Index(
        "jurat_checks_candidates",
        "candidates_until",
        postgresql_where=text("candidates_until IS NOT NULL"),
        sqlite_where=text("candidates_until IS NOT NULL"),
    ),
)

verdicts = Table(
    "jurat_verdicts",
    metadata,
    Column("check_id", CheckId, ForeignKey("jurat_checks.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Document, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("data_date", Text),
    Column("fence", BigInteger, nullable=False),
    Column("decided_at", Moment, nullable=False),
    Column("retain_until", Moment),
    Index(
        "jurat_verdicts_retained",
        "retain_until",
        postgresql_where=text("retain_until IS NOT NULL"),
        sqlite_where=text("retain_until IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

attempts = Table(
    "jurat_attempts",
    metadata,
    Column("check_id", CheckId, ForeignKey("jurat_checks.id", ondelete="CASCADE"), primary_key=True),
    Column("fence", BigInteger, primary_key=True),
    Column("source", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)

access = Table(
    "jurat_access",
    metadata,
    Column("consultation", Text, primary_key=True),
    Column("participant", Text, primary_key=True),
    Column("access", Text, nullable=False),
    Column("questions", Document, nullable=False),
    Column("rounds_left", Document, nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("granted_until", Moment),
    Column("changes_at", Moment),
    Column("ended", Document, nullable=False, server_default=text("'{}'")),
    Index("jurat_access_added_up", "consultation", "config_version"),
    Index(
        "jurat_access_changes",
        "changes_at",
        postgresql_where=text("changes_at IS NOT NULL"),
        sqlite_where=text("changes_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

questions = Table(
    "jurat_questions",
    metadata,
    Column("consultation", Text, primary_key=True),
    Column("question", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("criterion", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sources", Document, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("deadline_s", Float, nullable=False),
    Column("answer_schema", Document, nullable=False),
    Column("title", Document, nullable=False),
    Column("consultation_title", Document, nullable=False),
    Column("contact", Document, nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("valid_s", Float),
    Column("renew_s", Float),
    Column("fields", Document, nullable=False, server_default=text("'[]'")),
    Column("messages", Document, nullable=False, server_default=text("'{}'")),
    sqlite_with_rowid=False,
)

criteria = Table(
    "jurat_criteria",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("sources", Document, nullable=False),
    Column("open", Document, nullable=False),
    Column("answer_schema", Document, nullable=False),
    Column("fields", Document, nullable=False),
    Column("config_version", Integer, nullable=False),
    sqlite_with_rowid=False,
)

consultations = Table(
    "jurat_consultations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("published_by", Text, nullable=False),
    Column("published_at", Moment, nullable=False),
    Column("answered_revision", Integer),
    Column("answered_at", Moment),
    Column("refused", Text),
    Column("applied_document", Text),
    sqlite_with_rowid=False,
)

configs = Table(
    "jurat_configs",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("document", Document, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("applied_at", Moment, nullable=False),
    Column("change", Document),
    Column("whole", Boolean, nullable=False, server_default=text("true")),
)

zones = Table(
    "jurat_zones",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("geometry", LargeBinary, nullable=False),
    Column("imported_by", Text, nullable=False),
    Column("imported_at", Moment, nullable=False),
    Column("in_force_from", Moment),
    Column("crs", Text, nullable=False, server_default=text("'EPSG:4326'")),
    Column("outline", Document),
    sqlite_with_rowid=False,
)

claims = Table(
    "jurat_claims",
    metadata,
    Column("consultation", Text, primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("fingerprint", Bytewise, primary_key=True),
    Column("check_id", CheckId, ForeignKey("jurat_checks.id", ondelete="CASCADE"), primary_key=True),
    Column("participant", Text, nullable=False),
    Column("holds", Boolean, nullable=False),
    Column("claimed_at", Moment, nullable=False),
    Index("jurat_claims_check", "check_id"),
    Index(
        "jurat_claims_one_holder",
        "fingerprint",
        "namespace",
        "consultation",
        unique=True,
        postgresql_where=text("holds"),
        sqlite_where=text("holds"),
    ),
    sqlite_with_rowid=False,
)

codes = Table(
    "jurat_codes",
    metadata,
    Column("list", Text, primary_key=True),
    Column("fingerprint", Bytewise, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("redeemed_by", CheckId),
    Column("redeemed_at", Moment),
    sqlite_with_rowid=False,
)

sources = Table(
    "jurat_sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused_until", Moment),
    Column("pause_reason", Text),
    Column("next_start_at", Moment),
    Column("last_success_at", Moment),
    Column("last_failure_at", Moment),
    Column("last_failure", Text),
    Column("waiting", Integer, nullable=False, server_default=text("0")),
    Column("oldest_due_at", Moment),
    Column("poll_ms", Integer, nullable=False, server_default=text("500")),
    Column("figures_at", Moment),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("opened_at", Moment),
    Column("probe_at", Moment),
    Column("day", Text),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("served", Integer, nullable=False, server_default=text("0")),
    Column("served_s", Float),
    Column("wait_s", Float),
    sqlite_with_rowid=False,
)

pauses = Table(
    "jurat_pauses",
    metadata,
    Column("source", Text, primary_key=True),
    Column("began_at", Moment, primary_key=True),
    Column("until", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by_whom", Text),
    sqlite_with_rowid=False,
)

audit = Table(
    "jurat_audit",
    metadata,
    Column("id", CheckId, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Document, nullable=False),
    sqlite_with_rowid=False,
)

upkeep = Table(
    "jurat_upkeep",
    metadata,
    Column("task", Text, primary_key=True),
    Column("ran_at", Moment, nullable=False),
    Column("hold_until", Moment),
    sqlite_with_rowid=False,
)

contract = Table(
    "jurat_contract",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)
