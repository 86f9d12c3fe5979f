"""Changes many rows where the database may refuse one of them, for instance by a platform's own trigger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.batches import Statement, run
from jurat.database import is_away, state_of
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.held_rows import HARDLY_WAIT, is_held

log = structlog.get_logger("jurat.checks")

Item = TypeVar("Item")
Result = TypeVar("Result")

LEFT_OUT_S = 60.0
"""Seconds for which a check is not claimed that the database did not let be leased."""


def in_halves(
    items: Sequence[Item],
    do: Callable[[Sequence[Item]], Iterable[Result]],
    refused: Callable[[Item, Exception], object],
) -> list[Result]:
    """What `do` gives for all of `items` at once, or else for each half. `refused` hears of each that fails alone.

    Raises sqlalchemy's errors when the database is away.
    """
    if not items:
        return []
    try:
        return list(do(items))
    except DBAPIError as error:
        if is_away(error) and not is_held(error):
            raise
        if len(items) == 1:
            refused(items[0], error)
            return []
    half = len(items) // 2
    return in_halves(items[:half], do, refused) + in_halves(items[half:], do, refused)


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """A savepoint in which everything fails that the database refuses of the block: what a platform's own constraints
    put off to the commit, as all foreign keys of Django's do, is checked at its end.
    """
    with connection.begin_nested():
        yield
        if dialect_of(connection).defers_constraints:
            connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def in_parts(
    connection: Connection,
    items: Sequence[Item],
    do: Callable[[Sequence[Item]], Iterable[Result]],
    failures: list[Exception],
) -> list[Result]:
    """The same in one transaction, each part under a savepoint. Why an item is refused goes to `failures`; one whose
    row somebody holds is left for another turn.
    """

    def guarded(some: Sequence[Item]) -> list[Result]:
        try:
            with savepoint(connection):
                return list(do(some))
        except DBAPIError as error:
            if is_held(error):  # each half would wait as long, and the transaction is bounded
                run(connection, HARDLY_WAIT)
            raise

    return in_halves(items, guarded, lambda _, error: None if is_held(error) else failures.append(error))


class LeftOut:
    """Checks that the database does not let be leased: claims go on without them, and try them again later."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._until: dict[UUID, float] = {}

    def parameters(self) -> dict[str, str]:
        """For a claim: none where nothing is left out."""
        if not self._until:
            return {}
        now = self._clock()
        self._until = {check: until for check, until in self._until.items() if until > now}
        return {"without": rows_json([{"id": str(check)} for check in self._until])} if self._until else {}

    def around(self, claim: Callable[[], Result], chosen: Callable[[], Sequence[Statement]]) -> Result:
        """What `claim` gives; where the database refuses it, without those that it refuses of what was `chosen`: the
        very checks that it was about to lease, for there may be any number of others that are due.

        Raises what it raised where there is none, and sqlalchemy's errors when the database is away.
        """
        try:
            return claim()
        except DBAPIError as error:
            if (is_away(error) and not is_held(error)) or not self._find(chosen()):
                raise
        return claim()

    def _find(self, chosen: Sequence[Statement]) -> bool:
        """Try to lease what is due, and take it all back; whether any is refused."""
        refused: dict[UUID, Exception] = {}
        dialect = dialect_of(self._engine)
        with self._engine.connect() as connection, connection.begin() as transaction:
            found = [row[0] for rows in run(connection, *chosen) for row in rows]
            if not dialect.one_writer:  # the claim has waited
                run(connection, HARDLY_WAIT)

            def lease(some: Sequence[Any]) -> list[None]:
                with savepoint(connection):
                    given = {"rows": rows_json([{"id": str(check)} for check in some])}
                    connection.execute(text(_try(dialect)), given)
                return []

            in_halves(found, lease, lambda check, error: refused.setdefault(UUID(str(check)), error))
            transaction.rollback()
        until = self._clock() + LEFT_OUT_S
        self._until |= dict.fromkeys(refused, until)
        for check, error in list(refused.items())[:1]:
            log.warning(
                "check not claimed: the database refuses it; look for a trigger or constraint of the platform",
                check_id=str(check),
                error=state_of(error) or type(getattr(error, "orig", None) or error).__name__,
                checks=len(refused),
            )
        return bool(refused)


def without(dialect: StoreDialect, *, some: bool) -> str:
    """SQL for a condition on a check `c`: that it is not left out."""
    return f"AND c.id NOT IN (SELECT r.id FROM {dialect.rowset('id uuid', 'without')})" if some else ""


def _try(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_checks SET state = 'leased', fence = fence + 1, lease_until = {dialect.now()}
        WHERE id IN (SELECT r.id FROM {dialect.rowset("id uuid")})"""
