"""Finds which keys the stored answers are sealed for, by the index `jurat_checks_keys`.

The index has an entry for each answer, by key, source and state. Stepping from one group to the next costs the same
however many answers a group has; SQLite, which cannot step that way, reads the whole index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, text

from jurat.seal import KEY_ID_LENGTH
from store.dialects import StoreDialect, dialect_of

MOST_GROUPS = 1_000
"""A platform may write any key id into its rows: no more groups than this are looked at."""

_KEY_ID = re.compile(f"[0-9a-f]{{{KEY_ID_LENGTH}}}")


def is_key_id(text: str) -> bool:
    """Whether a text can be the id of a key. A platform may write any other one of the same length."""
    return _KEY_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class SealedAnswers:
    """Answers in one state, sealed for one key and asked of one source. They were counted up to a limit."""

    key: str
    source: str
    state: str
    count: int


def sealed_answers(connection: Connection, most: int) -> list[SealedAnswers]:
    """The answers that are stored, by key, source and state; each group is counted up to `most`."""
    rows = connection.execute(text(_groups(dialect_of(connection))), {"most": most, "groups": MOST_GROUPS})
    return [SealedAnswers(*row) for row in rows]


@lru_cache
def _groups(dialect: StoreDialect) -> str:
    columns = "c.answer_key, c.source, c.state"
    if not dialect.has_lateral:
        return f"""
            SELECT {columns}, min(count(*), :most) FROM jurat_sealed_answers c
            WHERE length(c.answer_key) = {KEY_ID_LENGTH} AND typeof(c.answer_key) = 'text'
            GROUP BY {columns} LIMIT :groups"""
    step = f"""SELECT {columns} FROM jurat_sealed_answers c WHERE {{}} ORDER BY {columns} LIMIT 1"""
    return f"""
        WITH RECURSIVE groups (answer_key, source, state, number) AS (
          (SELECT first.*, 1 FROM ({step.format("c.answer_key IS NOT NULL")}) AS first)
          UNION ALL
          SELECT later.*, g.number + 1 FROM groups g CROSS JOIN LATERAL (
            {step.format(f"({columns}) > (g.answer_key, g.source, g.state)")}) AS later
          WHERE g.number < :groups)
        SELECT g.answer_key, g.source, g.state, (
          SELECT count(*) FROM (
            SELECT 1 FROM jurat_sealed_answers c
            WHERE c.answer_key = g.answer_key AND c.source = g.source AND c.state = g.state LIMIT :most) AS counted)
        FROM groups g WHERE length(g.answer_key) = {KEY_ID_LENGTH}"""
