"""Does the job as a plain task in a thread or process: requests and psycopg.

Each thread keeps a database connection, as Django's do, and a `requests.Session`, since sessions are not made for
several threads. psycopg prepares the three statements on the server once a connection has run them five times.
"""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import requests
from psycopg.types.json import Jsonb

from bench.speed.rivals.ledger import ADD_VERDICT, READ, SETTLE, TIMEOUT, judge, place

_place = place()
_thread = threading.local()


def check(check_id: str) -> None:
    """Read the answer, ask the source, write the verdict and settle the check."""
    database, session = _kept()
    row = database.execute(READ, (check_id,)).fetchone()
    assert row is not None
    answer = row[0]
    reply = session.get(_place.source_url, params={"number": answer["number"]}, timeout=TIMEOUT)
    reply.raise_for_status()
    verdict = judge(answer, reply.status_code, reply.json())
    with database.transaction():
        database.execute(ADD_VERDICT, (check_id, verdict.outcome, verdict.reason, Jsonb(verdict.evidence)))
        database.execute(SETTLE, (check_id,))


def _kept() -> tuple[psycopg.Connection[Any], requests.Session]:
    if not hasattr(_thread, "database"):
        _thread.database = psycopg.connect(_place.database_url, autocommit=True)
        _thread.session = requests.Session()
    return _thread.database, _thread.session
