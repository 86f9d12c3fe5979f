"""Changes many rows where the database may refuse one of them, for instance by a platform's own trigger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from config.logger import get_logger
from jurat.batches import Statement, run
from jurat.database import is_away, state_of
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.held_rows import HARDLY_WAIT, is_held

log = get_logger("jurat.checks")

Item = TypeVar("Item")
Result = TypeVar("Result")

LEFT_OUT_S = 60.0
"""Seconds for which a check is not claimed after the database refused its lease."""


def in_halves(
    items: Sequence[Item],
    do: Callable[[Sequence[Item]], Iterable[Result]],
    refused: Callable[[Item, Exception], object],
) -> list[Result]:
    """The results of `do` for all of `items` at once, or for each half where that fails. `refused` is called with each
    item that fails alone.

    Raises SQLAlchemy's errors when the database is away.
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
    """A savepoint at whose end deferred constraints are checked as well: a platform's own constraints may wait for the
    commit, as all of Django's foreign keys do.
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
    """As `in_halves`, in one transaction, each part under a savepoint. The error of a refused item goes to `failures`;
    an item whose row another transaction holds is left for another turn.
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
    """Checks whose lease the database refuses: claims go on without them, and try them again later."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._until: dict[UUID, float] = {}

    def parameters(self) -> dict[str, str]:
        """The parameters of a claim: none where no check is left out."""
        if not self._until:
            return {}
        now = self._clock()
        self._until = {check: until for check, until in self._until.items() if until > now}
        return {"without": rows_json([{"id": str(check)} for check in self._until])} if self._until else {}

    def retry(self, claim: Callable[[], Result], chosen: Callable[[], Sequence[Statement]]) -> Result:
        """The result of `claim`; where the database refuses it, of a second try without the checks that it refuses.
        `chosen` finds the checks that the claim was about to lease, for any number of others may be due.

        Raises the error of `claim` where no check is refused, and SQLAlchemy's errors when the database is away.
        """
        try:
            return claim()
        except DBAPIError as error:
            if (is_away(error) and not is_held(error)) or not self._find(chosen()):
                raise
        return claim()

    def _find(self, chosen: Sequence[Statement]) -> bool:
        """Try to lease the chosen checks, and roll it all back; whether any is refused."""
        refused: dict[UUID, Exception] = {}
        dialect = dialect_of(self._engine)
        with self._engine.connect() as connection, connection.begin() as transaction:
            found = [row[0] for rows in run(connection, *chosen) for row in rows]
            if not dialect.one_writer:  # the claim has waited already
                run(connection, HARDLY_WAIT)
            sql = f"""
                UPDATE jurat_checks SET state = 'leased', fence = fence + 1, lease_until = {dialect.now()}
                WHERE id IN (SELECT r.id FROM {dialect.rowset("id uuid")})"""

            def lease(some: Sequence[Any]) -> list[None]:
                with savepoint(connection):
                    connection.execute(text(sql), {"rows": rows_json([{"id": str(check)} for check in some])})
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
