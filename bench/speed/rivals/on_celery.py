"""Plain Celery on Redis: `celery -A bench.speed.rivals.on_celery worker`.

At its best: no results, gossip, mingle and heartbeats off, nothing logged. Messages are acknowledged when they are
read, so that a check is lost with its worker; with `acks_late` after the job.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from bench.speed.rivals.ledger import LATE, TASK, place


def make_app(broker_url: str) -> Any:
    """The application, for workers and for senders."""
    made: Any = Celery("bench", broker=broker_url, set_as_current=False)
    made.conf.update(
        task_ignore_result=True,
        task_acks_late=os.environ.get(LATE) == "1",
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
    )
    return made


def _check(check_id: str) -> None:
    from bench.speed.rivals.in_threads import check  # noqa: PLC0415 - a sender needs none of it

    check(check_id)


app = make_app(place().broker_url)
app.task(name=TASK)(_check)
