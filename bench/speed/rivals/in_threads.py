"""Does the job as a plain task in a thread, greenlet or process: requests and psycopg.

Each task under way has a database connection and a `requests.Session` to itself, and leaves them to the next one:
Celery's gevent begins a greenlet for each task, so that they cannot belong to it. psycopg prepares the three statements
on the server once a connection has run them five times.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from bench.speed.rivals.exchange import Ask, asker
from bench.speed.rivals.ledger import ADD_VERDICT, READ, SETTLE, judge, place

_place = place()
_kept: list[tuple[psycopg.Connection[Any], Ask]] = []


def check(check_id: str) -> None:
    """Read the answer, ask the source, write the verdict and settle the check."""
    database, ask = kept = _take()
    row = database.execute(READ, (check_id,)).fetchone()
    assert row is not None
    answer = row[0]
    verdict = judge(answer, *ask(answer["number"]))
    with database.transaction():
        database.execute(ADD_VERDICT, (check_id, verdict.outcome, verdict.reason, Jsonb(verdict.evidence)))
        database.execute(SETTLE, (check_id,))
    _kept.append(kept)


def _take() -> tuple[psycopg.Connection[Any], Ask]:
    try:
        return _kept.pop()
    except IndexError:
        return psycopg.connect(_place.database_url, autocommit=True), asker()
