"""Does the job as a coroutine: aiohttp and asyncpg."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import asyncpg

from bench.speed.rivals.ledger import ADD_VERDICT, READ, SETTLE, TIMEOUT, judge, place

_CONNECTIONS = 20
"""To the database, in a process: twice what asyncpg's pool has by default."""


class Job:
    """What a worker process keeps, and what it does with a check."""

    def __init__(self) -> None:
        self._place = place()
        self._database: Any = None
        self._session: Any = None

    async def start(self, _: Any = None) -> None:
        """Open the connections, in the loop that runs."""
        url = self._place.database_url
        self._database = await asyncpg.create_pool(url, min_size=_CONNECTIONS, max_size=_CONNECTIONS)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._place.slots), timeout=aiohttp.ClientTimeout(total=TIMEOUT)
        )

    async def check(self, check_id: str) -> None:
        """Read the answer, ask the source, write the verdict and settle the check."""
        answer = json.loads(await self._database.fetchval(_READ, check_id))
        async with self._session.get(self._place.source_url, params={"number": answer["number"]}) as reply:
            reply.raise_for_status()
            verdict = judge(answer, reply.status, await reply.json())
        async with self._database.acquire() as connection, connection.transaction():
            evidence = json.dumps(verdict.evidence)
            await connection.execute(_ADD_VERDICT, check_id, verdict.outcome, verdict.reason, evidence)
            await connection.execute(_SETTLE, check_id)


def _numbered(statement: str) -> str:
    """A statement with its parameters as PostgreSQL itself numbers them."""
    first, *rest = statement.split("%s")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))


_READ, _ADD_VERDICT, _SETTLE = map(_numbered, (READ, ADD_VERDICT, SETTLE))
