"""Doing what persons ask for: each request once, by the upkeep of a worker or at once by the command line.

One piece of code decides what comes of a request, whoever asked for it and in which language. What each kind does
stands in `DOING`; the functions there take `tasks.ledger.asked`, and this module takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, DBAPIError

from tasks.ledger.access import AccessRows
from tasks.ledger.asked import COLUMNS, CannotBeDone, Kind, Request, ask, mark_applied, request_of, this
from tasks.ledger.deciding import contest, decide, open_again

__all__ = ["DOING", "WAITING", "CannotBeDone", "Kind", "Request", "Requests"]

WAITING = "EXISTS (SELECT 1 FROM jurat_requests WHERE applied_at IS NULL)"
"""SQL that is true while a request waits."""

BATCH = 100
"""Requests that one turn of upkeep deals with at most."""

PATIENCE_MS = 200
MOST_BUSY = 10
"""So long upkeep waits for a participant whose row somebody holds, and for so many of them, before others' turn."""

_BUSY_STATES = frozenset({"55P03", "40P01"})
"""What PostgreSQL says of a row that somebody holds: lock_not_available, deadlock_detected."""

_UNSTORABLE = "it holds something that can not be stored; mend it and ask again"

Doing = Callable[[Connection, AccessRows, Request], str | None]
"""Does what a request asks for, and writes its audit row. It returns what is to be said where it is not simply done.

Raises CannotBeDone, and has then changed nothing that its savepoint would not take back.
"""

DOING: Mapping[Kind, Doing] = {Kind.CONTEST: contest, Kind.DECIDE: decide, Kind.OPEN: open_again}
"""What each kind does. A kind that is not here is left to a newer worker."""


class Requests:
    """The requests of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name
        self._access = AccessRows()

    def apply_waiting(self, limit: int = BATCH) -> int:
        """Do what was asked for: each request in a transaction of its own, the oldest first; how many were dealt with.

        What can not be done is marked `refused` and never tried again. Those that another worker holds are skipped, and
        so is what was asked later about the same check or participant. One whose participant somebody holds waits for
        the next turn, and so does one that fails; the first such failure is raised once the others are dealt with.
        """
        done, busy, after = 0, 0, ("", str(UUID(int=0)))
        failure: Exception | None = None
        while done < limit and busy < MOST_BUSY:
            try:
                found = self._apply_next(after)
            except _Held as held:
                busy, after = busy + 1, held.place
            except _Failed as failed:
                failure, after = failure or failed.why, failed.place
            else:
                if found is None:
                    break
                done, after = done + 1, found
        if failure is not None:
            raise failure
        return done

    def do(self, request: Request) -> str | None:
        """Ask and do it in one transaction; what is to be said where it is not simply done, such as that a second
        person must agree. The same id is the same request, and done once.

        Raises CannotBeDone; then nothing is stored.
        """
        try:
            with self._engine.begin() as connection:
                if not ask(connection, request):
                    return self._again(connection, request)
                return self._done(connection, request)
        except (DataError, ValueError):
            raise CannotBeDone(_UNSTORABLE) from None

    def _again(self, connection: Connection, request: Request) -> str | None:
        row = connection.execute(text(_one(self._dialect)), {"id": str(request.id)}).one()
        if request_of(row[:-2]) != request:
            raise CannotBeDone(f"the id {request.id} belongs to another request; make a new one")
        applied_at, refused = row[-2:]
        if refused is not None:
            raise CannotBeDone(refused)
        return None if applied_at is not None else self._done(connection, request)

    def _done(self, connection: Connection, request: Request) -> str | None:
        said = DOING[request.kind](connection, self._access, request)
        mark_applied(connection, request.id)
        return said

    def _apply_next(self, after: tuple[str, str]) -> tuple[str, str] | None:
        """Deal with the first waiting request behind a place in the queue; its place, None where none waits there.

        Raises _Held or _Failed with the place of one that has to wait.
        """
        place = after
        try:
            with self._engine.begin() as connection:
                if self._dialect == "postgresql":
                    connection.execute(text(f"SET LOCAL lock_timeout = {PATIENCE_MS}"))
                row = connection.execute(
                    text(_next(self._dialect, tuple(DOING))), {"at": after[0], "id": after[1]}
                ).first()
                if row is None:
                    return None
                place = row[-1], str(row[0])
                self._apply(connection, request_of(row[:-1]))
        except DBAPIError as error:
            if error.connection_invalidated or place == after:
                raise
            if getattr(error.orig, "sqlstate", None) in _BUSY_STATES:
                raise _Held(place) from error
            raise _Failed(place, error) from error
        except Exception as fault:  # one request must not keep all others waiting
            raise _Failed(place, fault) from fault
        return place

    def _apply(self, connection: Connection, request: Request) -> None:
        try:
            with connection.begin_nested():
                self._done(connection, request)
        except CannotBeDone as why:
            mark_applied(connection, request.id, str(why))


class _Held(Exception):
    """Somebody holds the participant's row."""

    def __init__(self, place: tuple[str, str]) -> None:
        super().__init__("held")
        self.place = place


class _Failed(Exception):
    """Dealing with a request failed in a way that its person can not mend."""

    def __init__(self, place: tuple[str, str], why: Exception) -> None:
        super().__init__("failed")
        self.place, self.why = place, why


@lru_cache
def _one(dialect: str) -> str:
    return f"SELECT {COLUMNS}, applied_at, refused FROM jurat_requests WHERE id = {this(dialect)}"


@lru_cache
def _next(dialect: str, kinds: tuple[Kind, ...]) -> str:
    # The place is text: it comes back as it went, to the last digit.
    postgresql = dialect == "postgresql"
    place = "CAST(q.asked_at AS text)" if postgresql else "q.asked_at"
    behind = "(q.asked_at, q.id) > (coalesce(CAST(nullif(:at, '') AS timestamptz), '-infinity'), CAST(:id AS uuid))"
    same = "(e.asked_at, e.id) < (q.asked_at, q.id)"
    return f"""
        SELECT {", ".join(f"q.{name}" for name in COLUMNS.split(", "))}, {place} FROM jurat_requests q
        WHERE q.applied_at IS NULL AND {behind if postgresql else "(q.asked_at, q.id) > (:at, :id)"}
          AND q.kind IN ('{"', '".join(kinds)}')
          AND NOT EXISTS (
            SELECT 1 FROM jurat_requests e WHERE e.applied_at IS NULL AND {same}
              AND (e.check_id = q.check_id OR e.participant = q.participant OR e.target = q.participant))
        ORDER BY q.asked_at, q.id LIMIT 1 {"FOR UPDATE OF q SKIP LOCKED" if postgresql else ""}"""
