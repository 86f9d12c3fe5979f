"""Finds database users who have reached their hourly limit of transfers and erasures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from jurat.database import reader
from store.dialects import dialect_of
from store.rows import row_of

WATCHED = "1 day"
"""For how long a limit that was reached is reported."""


@dataclass(frozen=True, slots=True)
class ReachedLimit:
    """A user, how many requests they may store in an hour, and when they last stored that many."""

    login: str
    per_hour: int
    at: datetime


def reached_limits(engine: Engine) -> Sequence[ReachedLimit]:
    """The limits reached lately, the last first. None on SQLite, which knows no users."""
    if not dialect_of(engine).has_users:
        return []
    sql = f"""
        SELECT login, per_hour, reached_at FROM jurat_allowances
        WHERE reached_at > statement_timestamp() - interval '{WATCHED}' ORDER BY reached_at DESC, login"""
    with reader(engine).begin() as connection:
        return [row_of(ReachedLimit, row) for row in connection.execute(text(sql))]
