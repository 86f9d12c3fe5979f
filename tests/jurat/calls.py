"""Calls of `jurat_submit` as a platform makes them that has only PostgreSQL's driver."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from jurat.seal import Seal
from tests.jurat.conftest import PUBLIC_KEY

SEAL = Seal(PUBLIC_KEY)
CALL = """
    SELECT check_id, round, created FROM jurat_submit(
      consultation => %(consultation)s, participant => %(participant)s, question => %(question)s, answer => %(answer)s,
      answer_key => %(answer_key)s, id => %(id)s, priority => %(priority)s, reply_key => %(reply_key)s,
      traceparent => %(traceparent)s)"""


def submit(connection: psycopg.Connection[Any], **given_: Any) -> tuple[UUID, int, bool]:
    """One call with what a platform would give. Raises psycopg's errors."""
    values = {
        "consultation": "budget",
        "participant": "p-1",
        "question": "profession",
        "answer": SEAL.close(b"{}"),
        "answer_key": SEAL.key_id,
        "id": None,
        "priority": "interactive",
        "reply_key": None,
        "traceparent": None,
    }
    row = connection.execute(CALL, values | given_).fetchone()
    assert row is not None
    return row[0], row[1], row[2]
