"""Adds up access rows that are older than the last change of their consultation."""

from __future__ import annotations

from sqlalchemy import Engine

from store.upkeep.pieces import BATCH
from store.verdicts.access import AccessRows

BATCHES = 10
"""Batches of access rows that are added up in one turn, each in a transaction of its own."""


def add_up_access(engine: Engine, access: AccessRows) -> int:
    """Add up again the access rows that are older than the last change of their consultation; how many.

    `config apply` does not do it: a consultation may have more participants than one transaction should hold. A row
    that cannot be added up keeps no other waiting; its error is raised once the others are done.
    """
    count, failures = 0, list[Exception]()
    for _ in range(BATCHES):
        with engine.begin() as connection:
            keys = access.lock_outdated(connection, BATCH)
            count += access.add_up_each(connection, keys, failures)
        if len(keys) < BATCH:
            break
    if failures:
        raise failures[0]
    return count
