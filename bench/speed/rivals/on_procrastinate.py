"""procrastinate, whose queue is PostgreSQL: `python -m bench.speed.rivals.on_procrastinate`.

All of it asyncio on uvloop, as it advises for tasks that wait. Its defaults, and no job is kept once it is done.
"""

from __future__ import annotations

from typing import Any

import psycopg
import uvloop
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.schema import SchemaManager

from bench.speed.rivals.in_asyncio import Job
from bench.speed.rivals.ledger import TASK, place

_CONNECTIONS = 20
"""To the queue, in a process, as many as the job has."""


def add_tables(database: psycopg.Connection[Any]) -> None:
    """Add those of the queue."""
    database.execute(SchemaManager.get_schema())


def make_sender(database_url: str) -> Any:
    """What enqueues one check."""
    app = App(connector=SyncPsycopgConnector(conninfo=database_url, min_size=1, max_size=1))
    app.open()
    task = app.configure_task(TASK)
    return lambda check: task.defer(check_id=check)


async def _work() -> None:
    here, job = place(), Job()
    app = App(connector=PsycopgConnector(conninfo=here.database_url, min_size=_CONNECTIONS, max_size=_CONNECTIONS))

    async def check(check_id: str) -> None:
        await job.check(check_id)

    app.task(name=TASK)(check)
    await job.start()
    async with app.open_async():
        await app.run_worker_async(concurrency=here.slots, delete_jobs="always")


if __name__ == "__main__":
    uvloop.run(_work())
