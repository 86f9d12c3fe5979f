"""The tables in which workers report that they run, and which keys are missing."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, PrimaryKeyConstraint, Table, Text, text

from jurat.columns import CheckId, Document, Moment, metadata

workers = Table(
    "jurat_workers",
    metadata,
    Column("id", CheckId, primary_key=True),
    Column("host", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("sources", Document),
    Column("config_version", Integer),
    Column("unseal_keys", Document, nullable=False),
    Column("hash_keys", Document, nullable=False),
    Column("ready", Boolean, nullable=False),
    Column("stopping", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

missing_keys = Table(
    "jurat_missing_keys",
    metadata,
    Column("answer_key", Text),
    Column("since", Moment),
    Column("seen_at", Moment, nullable=False),
    Column("source", Text, nullable=False, server_default=text("''")),
    PrimaryKeyConstraint("source", "answer_key", "since"),
    sqlite_with_rowid=False,
)
