"""PGQueuer, whose queue is PostgreSQL: `python -m bench.speed.rivals.on_pgqueuer`.

All of it asyncio on uvloop. It takes as many jobs at once as its limit of tasks allows.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import psycopg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from bench.speed.rivals.in_asyncio import Job
from bench.speed.rivals.ledger import TASK, place


def add_tables(database: psycopg.Connection[Any]) -> None:
    """Add those of the queue."""

    async def install() -> None:
        connection = await asyncpg.connect(_url_of(database))
        try:
            await Queries(AsyncpgDriver(connection)).install()
        finally:
            await connection.close()

    asyncio.run(install())


def _url_of(database: psycopg.Connection[Any]) -> str:
    info = database.info
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"


def make_sender(database_url: str) -> Any:
    """What enqueues one check."""
    loop = asyncio.new_event_loop()
    queries = Queries(AsyncpgDriver(loop.run_until_complete(asyncpg.connect(database_url))))
    return lambda check: loop.run_until_complete(queries.enqueue(TASK, check.encode()))


async def _work() -> None:
    here, job = place(), Job()
    await job.start()
    queue = PgQueuer.from_asyncpg_connection(await asyncpg.connect(here.database_url))

    async def check(message: Any) -> None:
        await job.check(message.payload.decode())

    queue.entrypoint(TASK)(check)
    await queue.run(batch_size=here.slots // 2, max_concurrent_tasks=here.slots)


if __name__ == "__main__":
    uvloop.run(_work())
