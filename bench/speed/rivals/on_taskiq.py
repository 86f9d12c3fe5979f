"""taskiq on Redis, all of it asyncio: `taskiq worker bench.speed.rivals.on_taskiq:broker -w 2 --max-async-tasks 256`.

aiohttp, asyncpg and uvloop. Of its brokers the list without acknowledgement, so that a check is lost with its worker.
"""

from __future__ import annotations

from typing import Any

from taskiq import TaskiqEvents
from taskiq_redis import ListQueueBroker

from bench.speed.rivals.in_asyncio import Job
from bench.speed.rivals.ledger import TASK, place


def make_task(broker_url: str) -> Any:
    """The task on a broker of its own, for workers and for senders."""
    # Or what comes while workers are stopped is lost: the client gives up on the answer that it was sent meanwhile.
    made: Any = ListQueueBroker(broker_url, socket_timeout=None)
    job = Job()
    made.add_event_handler(TaskiqEvents.WORKER_STARTUP, job.start)

    async def check(check_id: str) -> None:
        await job.check(check_id)

    return made.register_task(check, task_name=TASK)


task = make_task(place().broker_url)
broker = task.broker
