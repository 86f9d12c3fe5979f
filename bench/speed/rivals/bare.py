"""A bare loop over a table of checks: claim, one exchange, settle; what jurat's service adds to that is its price.

Nothing is sealed, limited, noted or added up, and a check that is claimed when its worker dies stays claimed. The
exchange is by jurat's transport. Run as `python -m bench.speed.rivals.bare`.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from bench.speed.rivals.exchange import asker
from bench.speed.rivals.ledger import Verdict, judge, place

INDEX = "CREATE INDEX bench_checks_pending ON bench_checks (submitted_at) WHERE state = 'pending'"

_CLAIM = """
    UPDATE bench_checks SET state = 'leased' WHERE id IN (
      SELECT id FROM bench_checks WHERE state = 'pending' ORDER BY submitted_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id, answer"""
_ADD_VERDICTS = """
    INSERT INTO bench_verdicts (check_id, outcome, reason, evidence)
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::jsonb[])"""
_SETTLE = "UPDATE bench_checks SET state = 'settled', settled_at = statement_timestamp() WHERE id = ANY(%s::uuid[])"

_PAUSE = 0.02
"""Seconds until it looks again where nothing was due."""


class _Loop:
    """A thread that claims, one for each slot that asks, and one that writes whatever has piled up."""

    def __init__(self) -> None:
        self._place = place()
        self._claimed: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
        self._judged: SimpleQueue[tuple[Any, Verdict]] = SimpleQueue()

    def run(self) -> None:
        for _ in range(self._place.slots):
            threading.Thread(target=self._ask, daemon=True).start()
        threading.Thread(target=self._write, daemon=True).start()
        self._claim()

    def _claim(self) -> None:
        """Keep as many waiting as there are slots, so that none is idle while the next are claimed."""
        database, slots = self._connect(), self._place.slots
        while True:
            room = slots - self._claimed.qsize()
            rows = database.execute(_CLAIM, (room,)).fetchall() if room > slots // 2 else []
            for row in rows:
                self._claimed.put(row)
            if not rows:
                time.sleep(_PAUSE if room == slots else _PAUSE / 10)

    def _ask(self) -> None:
        ask = asker()
        while True:
            check, answer = self._claimed.get()
            self._judged.put((check, judge(answer, *ask(answer["number"]))))

    def _write(self) -> None:
        database = self._connect()
        while True:
            done = [self._judged.get()]
            try:
                while True:
                    done.append(self._judged.get_nowait())
            except Empty:
                pass
            checks = [check for check, _ in done]
            verdicts = [verdict for _, verdict in done]
            outcomes, reasons = [one.outcome for one in verdicts], [one.reason for one in verdicts]
            with database.transaction():
                database.execute(_ADD_VERDICTS, (checks, outcomes, reasons, [Jsonb(one.evidence) for one in verdicts]))
                database.execute(_SETTLE, (checks,))

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._place.database_url, autocommit=True)


if __name__ == "__main__":
    _Loop().run()
