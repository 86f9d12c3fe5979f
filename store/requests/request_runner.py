"""Carries out requests, each once: in a worker's upkeep, or at once for the command line.

The same code carries a request out, from whichever client and language it came. `ACTIONS` has the function of each
kind.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, DBAPIError

from jurat.statements import prepared
from store.dialects import StoreDialect, dialect_of
from store.held_rows import is_held
from store.requests.code_lists import LEFT_TO_OTHERS, CodeImporter
from store.requests.decisions import contest, decide, open_again
from store.requests.erasure import erase
from store.requests.erasure_journal import ErasureJournal, former_ids
from store.requests.participants import reopen, restore, revoke, transfer
from store.requests.request_rows import (
    COLUMNS,
    CannotBeDone,
    Request,
    RequestKind,
    WrongRequest,
    ask,
    mark_applied,
    refuse_lost_right,
    refuse_own_name,
    request_of,
)
from store.verdicts.access import AccessRows
from tasks.crash_points import crash_point

__all__ = ["ACTIONS", "WAITING", "CannotBeDone", "Request", "RequestKind", "Requests"]

WAITING = "EXISTS (SELECT 1 FROM jurat_requests WHERE applied_at IS NULL)"
"""SQL that is true while a request waits."""

BATCH = 500
"""Requests that one turn of upkeep deals with at most."""

PAGE = 500
"""Requests that are read at once, without their content."""

SHARE = 25
"""So many requests about checks are done first, then as many about participants, and so on."""

TURN_S = 2.0
"""Seconds after which a turn begins no further request."""

PATIENCE_MS = 200
"""Milliseconds that a turn waits for a locked participant's row; half as long for each further one."""

_LANES = (
    (RequestKind.CONTEST, RequestKind.DECIDE, RequestKind.OPEN),
    (RequestKind.REOPEN, RequestKind.REVOKE, RequestKind.RESTORE),
    (RequestKind.TRANSFER, RequestKind.ERASE),
)
"""The kinds that take turns: a platform may ask for thousands of erasures at once."""

_BY_NO_CONFIGURATION = frozenset({RequestKind.TRANSFER, RequestKind.ERASE})
"""The kinds that do not depend on the configuration."""

_FIRST = str(UUID(int=0))

_UNREADABLE = "it holds what is no request, such as a check_id that is not the id of a check; fix it and ask again"
_NEWER = "a newer version of jurat has applied the configuration: use its commands, or update this one"
_UNSTORABLE = "it holds something that cannot be stored; fix it and ask again"

Action = Callable[[Connection, AccessRows, Request], str | None]
"""Carries out a request, and writes its audit row. Returns a reply where the request is not simply done. Raises
CannotBeDone; its savepoint then takes everything back."""

ACTIONS: Mapping[RequestKind, Action] = {
    RequestKind.CONTEST: contest,
    RequestKind.DECIDE: decide,
    RequestKind.OPEN: open_again,
    RequestKind.REOPEN: reopen,
    RequestKind.REVOKE: revoke,
    RequestKind.RESTORE: restore,
    RequestKind.TRANSFER: transfer,
    RequestKind.ERASE: erase,
}
"""The action of each kind. A kind that is not listed is left to a newer worker, and codes to one that has the keys."""


class Requests:
    """The requests of one database. With `code_importer`, codes are added too. The `journal` remembers erasures."""

    def __init__(
        self, engine: Engine, code_importer: CodeImporter | None = None, journal: ErasureJournal | None = None
    ) -> None:
        self._engine = engine
        self._code_importer = code_importer
        self._journal = journal
        self._dialect = dialect_of(engine)
        self._access = AccessRows()

    def apply_waiting(self, limit: int = BATCH) -> int:
        """Carry out waiting requests, each in a transaction of its own, the oldest first; how many were dealt with.

        What cannot be done is marked `refused` and never tried again. Requests that another worker holds are skipped,
        and so are later ones about the same check or participant. A request whose participant's row is locked waits for
        the next turn, and so does one that fails; the first such error is raised once the others are dealt with. While
        the last configuration cannot be read here, requests that depend on it are left to a newer worker.

        A turn ends after `TURN_S`. The kinds of `_LANES` and codes take turns, so that neither a decision nor a
        revocation waits behind thousands of erasures; but none overtakes an earlier one about the same participant.
        """
        done = 0
        failure: Exception | None = None
        end = time.monotonic() + TURN_S
        lanes = [_Lane(kinds) for kinds in _LANES]
        if self._code_importer is not None:
            lanes.append(_Lane((RequestKind.CODES,), tuple(self._code_importer.unseal.key_ids)))
        while lanes and done < limit and time.monotonic() < end:
            lane = lanes.pop(0)
            for _ in range(min(SHARE, limit - done)):
                if (found := self._next(lane)) is None or time.monotonic() >= end:
                    break
                try:
                    dealt_with = self._apply_one(found, lane.patience)
                except _RowHeld:
                    dealt_with, lane.patience = False, max(1, lane.patience // 2)
                except _Failed as failed:
                    dealt_with, failure = False, failure or failed.why
                if dealt_with:
                    done += 1
                else:
                    lane.waits |= found.about
            else:
                lanes.append(lane)
        if failure is not None:
            raise failure
        return done

    def _next(self, lane: _Lane) -> _WaitingRequest | None:
        """The next request of a lane with no earlier one waiting about the same; None at the lane's end."""
        while True:
            while lane.page:
                found = lane.page.popleft()
                lane.after = found.place, found.id
                if lane.waits.isdisjoint(found.about):
                    return found
                lane.waits |= found.about
            if not lane.kinds:
                return None
            given = {"at": lane.after[0], "id": lane.after[1], "limit": PAGE}
            with self._engine.begin() as connection:
                rows = connection.execute(text(_page(self._dialect, lane.kinds, lane.keys)), given).all()
            lane.page.extend(_WaitingRequest(str(row[0]), row[1], _about(*row[2:]), *row[3:]) for row in rows)
            if not rows:
                return None

    def do(self, request: Request) -> str | None:
        """Store a request and carry it out in one transaction; returns a reply where it is not simply done, such as
        that a second person must agree. The same id is the same request, and done once.

        Raises CannotBeDone; then nothing is stored.
        """
        try:
            with self._engine.begin() as connection:
                if not self._can_read_configuration(connection, request.kind):
                    raise CannotBeDone(_NEWER)
                if not ask(connection, request):
                    return self._repeat(connection, request)
                return self._carry_out(connection, request)
        except (DataError, ValueError):
            raise WrongRequest(_UNSTORABLE) from None

    def _repeat(self, connection: Connection, request: Request) -> str | None:
        sql = f"SELECT {COLUMNS}, applied_at, refused FROM jurat_requests WHERE id = {self._dialect.uuid()}"
        row = connection.execute(text(sql), {"id": str(request.id)}).one()
        if request_of(row[:-2]) != request:
            raise WrongRequest(f"the id {request.id} belongs to another request; make a new one")
        applied_at, refused = row[-2:]
        if refused is not None:
            raise CannotBeDone(refused)
        return None if applied_at is not None else self._carry_out(connection, request)

    def _carry_out(self, connection: Connection, request: Request) -> str | None:
        importer = self._code_importer if request.kind is RequestKind.CODES else None
        action = importer.add if importer is not None else ACTIONS[request.kind]
        journal = self._journal if request.kind is RequestKind.ERASE else None
        people = former_ids(connection, request.participant) if journal else ()
        reply = action(connection, self._access, request)
        if people:
            now = datetime.fromtimestamp(connection.scalar(text(f"SELECT {self._dialect.clock()}")) or 0.0, UTC)
            for participant in people:
                journal.append(participant, request.consultation, now)  # type: ignore[union-attr]
        mark_applied(connection, request.id)
        return reply

    def _can_read_configuration(self, connection: Connection, kind: RequestKind) -> bool:
        """Whether requests of this kind can be carried out here: while a fleet is updated, an older worker could refuse
        a right one for good, under an older configuration.
        """
        if kind in _BY_NO_CONFIGURATION:
            return True
        newest = connection.execute(prepared("SELECT max(version) FROM jurat_configs")).scalar()
        return self._access.newest(connection).version == (newest or 0)

    def _apply_one(self, found: _WaitingRequest, patience: int) -> bool:
        """Deal with a waiting request; false where it waits no more, another worker has it, or an earlier one about its
        participants waits.

        Raises _RowHeld or _Failed where it has to wait.
        """
        try:
            with self._engine.begin() as connection:
                if not self._dialect.one_writer:
                    connection.execute(text(f"SET LOCAL lock_timeout = {patience}"))
                given = {"id": found.id, "place": found.place, "one": found.participant, "other": found.target}
                row = connection.execute(text(_take(self._dialect)), given).first()
                if row is None:
                    return False
                try:
                    request = request_of(row)
                except (TypeError, ValueError):  # SQLite stores anything
                    mark_applied(connection, found.id, _UNREADABLE)
                    return True
                if not self._can_read_configuration(connection, request.kind):
                    return False
                self._apply(connection, request)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if is_held(error):
                raise _RowHeld from error
            raise _Failed(error) from error
        except Exception as fault:  # one request must not keep all others waiting
            raise _Failed(fault) from fault
        crash_point("request.committed")
        return True

    def _apply(self, connection: Connection, request: Request) -> None:
        try:
            with connection.begin_nested():
                if request.kind is not RequestKind.ERASE:  # in the name of the database user, which no one chose
                    refuse_own_name(connection, request)
                if request.kind is RequestKind.DECIDE:
                    refuse_lost_right(connection, request)
                self._carry_out(connection, request)
        except CannotBeDone as why:
            mark_applied(connection, request.id, str(why))


@dataclass(frozen=True, slots=True)
class _WaitingRequest:
    """A request in the queue. `about` is the check and the participants that it is about."""

    id: str
    place: str
    about: frozenset[tuple[str, str]] = field(repr=False)
    participant: str | None = field(default=None, repr=False)
    target: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Lane:
    """One walk along the requests of some kinds, from the oldest on. `waits` is what the requests that were passed over
    are about: later ones about the same wait as well. With `keys`, only requests that one of them opens, or that no one
    has dealt with for a day.
    """

    kinds: tuple[RequestKind, ...]
    keys: tuple[str, ...] = ()
    after: tuple[str, str] = ("", _FIRST)
    patience: int = PATIENCE_MS
    page: deque[_WaitingRequest] = field(default_factory=deque)
    waits: set[tuple[str, str]] = field(default_factory=set, repr=False)


def _about(check: Any, *participants: str | None) -> frozenset[tuple[str, str]]:
    checks = () if check is None else (("check", str(check)),)
    return frozenset((*checks, *(("participant", name) for name in participants if name is not None)))


class _RowHeld(Exception):
    """Another transaction holds the participant's row."""


class _Failed(Exception):
    """Carrying out a request failed in a way that its author cannot fix."""

    def __init__(self, why: Exception) -> None:
        super().__init__("failed")
        self.why = why


@lru_cache
def _take(dialect: StoreDialect) -> str:
    own, place = dialect.uuid(), dialect.parameter("place", "timestamptz")
    one, other = dialect.parameter("one", "text"), dialect.parameter("other", "text")
    # Of another lane: within its own, each waits for those before it.
    before = " OR ".join(f"e.{by} = {of}" for by in ("participant", "target") for of in (one, other))
    kinds = ", ".join(f"'{kind}'" for lane in _LANES for kind in lane)
    return f"""
        SELECT {COLUMNS} FROM jurat_requests
        WHERE id = {own} AND applied_at IS NULL AND {_due(dialect, "apply_from")} AND NOT EXISTS (
          SELECT 1 FROM jurat_requests e WHERE ({before}) AND e.applied_at IS NULL AND {_due(dialect, "e.apply_from")}
            AND (e.asked_at, e.id) < ({place}, {own}) AND e.kind IN ({kinds}))
        {dialect.row_lock("FOR UPDATE SKIP LOCKED")}"""


def _due(dialect: StoreDialect, column: str) -> str:
    """SQL that is true for a request that no one can withdraw any more."""
    return f"({column} IS NULL OR {column} <= {dialect.now()})"


@lru_cache
def _page(dialect: StoreDialect, kinds: tuple[RequestKind, ...], keys: tuple[str, ...] = ()) -> str:
    # The place is text, which can be sent back unchanged, to the last digit.
    place, at = dialect.choose(
        postgresql=("CAST(asked_at AS text)", "coalesce(CAST(nullif(:at, '') AS timestamptz), '-infinity')"),
        sqlite=("asked_at", ":at"),
    )
    left = dialect.now(str(-LEFT_TO_OTHERS))
    named = "note_key IS NULL OR note_key IN ({})".format(", ".join(f"'{key}'" for key in keys))
    ours = f" AND ({named} OR asked_at < {left})" if keys else ""
    # By the index of what is soon done: there may be a hundred thousand waiting erasures.
    soon = "" if _BY_NO_CONFIGURATION & set(kinds) else "AND kind NOT IN ('erase', 'transfer')"
    return f"""
        SELECT id, {place}, check_id, participant, target FROM jurat_requests
        WHERE applied_at IS NULL AND (asked_at, id) > ({at}, {dialect.uuid()})
          AND kind IN ('{"', '".join(kinds)}') AND {_due(dialect, "apply_from")} {soon}{ours}
        ORDER BY asked_at, id LIMIT :limit"""
