"""Limits how long the service waits for PostgreSQL, so that a server that stops answering blocks nothing for long.

A server that hangs no longer applies its own limits on statements and transactions. Only the side that waits can give
up, see `jurat.silence`.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event

from jurat.silence import limit, limit_silence

PATIENCE = 13.0
"""Seconds to wait for an answer in a bounded transaction: more than the server's own limits, so that only a server that
hangs takes so long. The same holds for the first statements of each connection and transaction."""

LONGER = 30.0
"""Seconds for all other statements of a worker. The watchdog lets a thread of the engine pause for longer."""

LONGEST = 600.0
"""Seconds for a statement of a command, which may import a whole country's addresses."""


def give_up(engine: Engine, longest: float, patience: float = PATIENCE) -> None:
    """Have statements on this engine's connections fail, as of a database that is away, when no answer comes within
    `patience` seconds in transactions that are bounded, and within `longest` seconds in others.
    """

    def begin(connection: Connection) -> None:
        limit(connection.connection.dbapi_connection, patience)  # of BEGIN, and of what travels with it

    def begun(connection: Connection) -> None:
        if not connection.get_execution_options().get("jurat_bounded"):
            limit(connection.connection.dbapi_connection, longest)

    limit_silence(engine, patience)
    event.listen(engine, "begin", begin, insert=True)
    event.listen(engine, "begin", begun)
