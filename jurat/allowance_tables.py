"""The table of how often each database user asked for transfers and erasures. `jurat.tables` has all tables."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text, text

from jurat.columns import Moment, metadata

allowances = Table(
    "jurat_allowances",
    metadata,
    Column("login", Text, primary_key=True),
    Column("per_hour", Integer, nullable=False),
    Column("began_at", Moment),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("reached_at", Moment),
    sqlite_with_rowid=False,
)
