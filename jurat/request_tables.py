"""The tables of requests and reviews. `jurat.tables` has all tables."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from jurat.columns import CheckId, Document, Moment, metadata

reviews = Table(
    "jurat_reviews",
    metadata,
    Column("check_id", CheckId, ForeignKey("jurat_checks.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("evidence", Document, nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Index(
        "jurat_reviews_due",
        "due_at",
        postgresql_where=text("decided_at IS NULL"),
        sqlite_where=text("decided_at IS NULL"),
    ),
    sqlite_with_rowid=False,
)

requests = Table(
    "jurat_requests",
    metadata,
    Column("id", CheckId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("consultation", Text),
    Column("participant", Text),
    Column("question", Text),
    Column("check_id", CheckId),
    Column("reason", Text),
    Column("target", Text),
    Column("note", LargeBinary),
    Column("note_key", Text),
    Column("document", Text),
    Column("by_whom", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("applied_at", Moment),
    Column("refused", Text),
    Column("code_list", Text),
    Column("expires_at", Moment),
    Index(
        "jurat_requests_waiting",
        "asked_at",
        postgresql_where=text("applied_at IS NULL"),
        sqlite_where=text("applied_at IS NULL"),
    ),
    Index(
        "jurat_requests_standing",
        "consultation",
        "participant",
        postgresql_where=text("kind IN ('reopen', 'revoke', 'restore')"),
        sqlite_where=text("kind IN ('reopen', 'revoke', 'restore')"),
    ),
    Index(
        "jurat_requests_soon",
        "asked_at",
        postgresql_where=text("applied_at IS NULL AND kind NOT IN ('erase', 'transfer')"),
        sqlite_where=text("applied_at IS NULL AND kind NOT IN ('erase', 'transfer')"),
    ),
    Index(
        "jurat_requests_participant",
        "participant",
        postgresql_where=text("participant IS NOT NULL"),
        sqlite_where=text("participant IS NOT NULL"),
    ),
    Index(
        "jurat_requests_target",
        "target",
        postgresql_where=text("target IS NOT NULL"),
        sqlite_where=text("target IS NOT NULL"),
    ),
    Index(
        "jurat_requests_check",
        "check_id",
        postgresql_where=text("check_id IS NOT NULL"),
        sqlite_where=text("check_id IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)
