"""Deletes what is past its `retain_until`, participant by participant.

Checks that grant access stay as long as the access does, however short `retain` is. Otherwise adding them up again
would take it away, and a number would be free although it still opens a door. The checks of a revoked participant who
holds a number stay while the revocation is in force, or the same person would come back with another account. So the
checks of a participant go together, once none of them is needed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.names import ERASED, is_erased
from jurat.statements import in_force
from store import workers
from store.dialects import StoreDialect, dialect_of
from store.in_parts import in_parts
from store.queue import pauses
from store.requests.erasure import forget_ended, forget_erased
from store.requests.participants import ids_json
from store.verdicts.access import AccessRows, Key, key_rows
from store.verdicts.numbers import release_numbers

Place = tuple[Any, Any]
"""A verdict's place in the order in which they are read: its `retain_until`, and its check."""

BATCH = 500
"""Verdicts past their time that one transaction finds at most; all checks of their participants go. With 100, a check
costs PostgreSQL twice as much. On SQLite no one else writes meanwhile."""

LOOKED = 5000
"""Verdicts past their time that one statement reads at most: millions may belong to access that is still granted. Where
most of them may go, it reads only `BATCH`."""

STILL = "UPDATE jurat_upkeep SET ran_at = {now} WHERE task = 'purge'"
"""The worker that purges keeps the turn. If it vanishes, another worker's turn comes after the period."""


class Purge:
    """Deletes verdicts with their checks, and the rest about participants of whom nothing is kept."""

    def __init__(self, engine: Engine, access: AccessRows) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._dialect = dialect_of(engine)
        self._access = access

    def pieces(self) -> Iterator[int]:
        """Delete what is not needed any more, in short transactions; yields how many checks each of them deleted."""
        after: Place | None = None
        looked, failures = BATCH, list[Exception]()
        while True:
            with self._reader.begin() as connection:
                after, keys = self._look(connection, after, looked)
            looked = min(2 * looked, LOOKED) if len(keys) < BATCH // 4 else BATCH
            gone = 0
            if keys:
                with self._engine.begin() as connection:
                    connection.execute(text(STILL.format(now=self._dialect.now())))
                    # A participant whose rows the database refuses to delete keeps no other's.
                    gone = sum(in_parts(connection, sorted(keys), partial(self._purge, connection), failures))
            yield gone
            if after is None:
                break
        more = True
        while more:
            with self._engine.begin() as connection:
                more = any(_try(connection, partial(forget_ended, connection, BATCH), failures))
                for forget in (pauses.forget, workers.forget):
                    _try(connection, partial(forget, connection), failures)
            yield 0
        if failures:
            raise failures[0]

    def _look(self, connection: Connection, after: Place | None, looked: int) -> tuple[Place | None, set[Key]]:
        """After which verdict to go on (None: that was all), and the participants of whom something is to go."""
        parameters: dict[str, Any] = {"limit": BATCH, "looked": looked}
        if after is not None:
            parameters |= {"at": after[0], "check": after[1]}
        statement = _look(self._dialect, onward=after is not None)
        *found, last = connection.execute(text(statement), parameters).all()
        keys = {(row[3], row[4]) for row in found}
        if len(found) == BATCH:
            return (found[-1][1], found[-1][2]), keys
        return ((last[1], last[2]) if last[0] == looked else None), keys

    def _purge(self, connection: Connection, keys: Sequence[Key]) -> list[int]:
        """Delete all that is to go of these participants; how many checks. Those whose access row another transaction
        holds are left for another turn: they may be answering at this moment.
        """
        free = self._access.lock(connection, set(keys))
        if not free:
            return [0]
        gone: Sequence[Any] = connection.execute(text(_over(self._dialect)), {"rows": key_rows(free)}).all()
        if not gone:
            return [0]
        _delete_checks(connection, [UUID(str(row[0])) for row in gone])
        theirs = {(row[1], row[2]) for row in gone}
        forget_erased(connection, theirs)
        self._reset(connection, {key for key in theirs if not is_erased(key[1])})
        self._access.add_up(connection, theirs)  # an erased participant may still have other checks
        return [len(gone)]

    def _reset(self, connection: Connection, keys: set[Key]) -> None:
        """Forget what the answers had added up to, but no revocation."""
        if keys:
            rows = {"rows": key_rows(keys)}
            connection.execute(text(_delete(self._dialect, "jurat_access", "true")), rows)
            more_rounds = f"kind = 'reopen' AND {in_force('jurat_requests')}"
            connection.execute(text(_delete(self._dialect, "jurat_requests", more_rounds)), rows)


def _try(connection: Connection, forget: Callable[[], object], failures: list[Exception]) -> list[object]:
    """The result of `forget` under a savepoint; none where the database refuses it."""
    return in_parts(connection, [forget], lambda forgets: [forget() for forget in forgets], failures)


def _delete_checks(connection: Connection, checks: Sequence[UUID]) -> None:
    ids = f"(SELECT r.id FROM {dialect_of(connection).rowset('id uuid')})"
    rows = {"rows": ids_json(checks)}
    connection.execute(text(f"DELETE FROM jurat_verdicts WHERE check_id IN {ids}"), rows)
    release_numbers(connection, checks)
    for name in ("jurat_attempts", "jurat_reviews", "jurat_claims"):
        connection.execute(text(f"DELETE FROM {name} WHERE check_id IN {ids}"), rows)
    # A request that came while we looked still waits, and will be refused.
    connection.execute(text(f"DELETE FROM jurat_requests WHERE applied_at IS NOT NULL AND check_id IN {ids}"), rows)
    connection.execute(text(f"DELETE FROM jurat_checks WHERE id IN {ids}"), rows)


_KEYS = "consultation text, participant text"

_OF_CHECK = "c.id, c.consultation, c.participant, c.state"  # and no answer


@lru_cache
def _delete(dialect: StoreDialect, table: str, which: str) -> str:
    keys = f"SELECT r.consultation, r.participant FROM {dialect.rowset(_KEYS)}"
    return f"DELETE FROM {table} WHERE (consultation, participant) IN ({keys}) AND {which}"


@lru_cache
def _look(dialect: StoreDialect, *, onward: bool) -> str:
    after = "AND v.retain_until >= :at AND (v.retain_until, v.check_id) > (:at, :check)" if onward else ""
    checks = dialect.join_each("jurat_checks c", "c.id = l.check_id", _OF_CHECK)
    return f"""
        WITH looked AS MATERIALIZED (
          SELECT v.retain_until, v.check_id FROM jurat_verdicts v WHERE v.retain_until <= {dialect.now()} {after}
          ORDER BY v.retain_until, v.check_id LIMIT :looked),
        found AS (
          SELECT l.retain_until, l.check_id, c.consultation, c.participant FROM looked l {checks}
          WHERE {_not_needed(dialect)} ORDER BY l.retain_until, l.check_id LIMIT :limit),
        last AS (SELECT retain_until, check_id FROM looked ORDER BY retain_until DESC, check_id DESC LIMIT 1)
        SELECT 0 AS looked, retain_until, check_id, consultation, participant FROM found
        UNION ALL
        SELECT (SELECT count(*) FROM looked), (SELECT retain_until FROM last), (SELECT check_id FROM last), NULL, NULL
        ORDER BY looked, retain_until, check_id"""


@lru_cache
def _over(dialect: StoreDialect) -> str:
    """The checks of the participants in `:rows` that are to go: read again, now that their access rows are ours."""
    theirs = "c.consultation = r.consultation AND c.participant = r.participant"
    checks = dialect.join_each("jurat_checks c", theirs, _OF_CHECK)
    return f"""
        SELECT c.id, c.consultation, c.participant FROM {dialect.rowset(_KEYS)} {checks}
        WHERE {_not_needed(dialect)}"""


def _not_needed(dialect: StoreDialect) -> str:
    """SQL that is true for a check `c` that may go: an erased participant's after its own time, another one with all of
    theirs. With CASE, each part is looked up for one check after the other; joins could be read from end to end.
    """
    theirs = "{0}.consultation = c.consultation AND {0}.participant = c.participant"
    return f"""
        CASE WHEN substr(c.participant, 1, {len(ERASED)}) = '{ERASED}' THEN {_past(dialect, "c")}
        WHEN EXISTS (
          SELECT 1 FROM jurat_access a WHERE {theirs.format("a")} AND a.access = 'granted'
            AND (a.granted_until IS NULL OR a.granted_until > {dialect.now()})
            AND EXISTS (SELECT 1 FROM jurat_questions q WHERE q.consultation = a.consultation)) THEN false
        WHEN {_shut_out()} THEN false
        ELSE NOT EXISTS (
          SELECT 1 FROM jurat_checks d WHERE {theirs.format("d")} AND NOT ({_past(dialect, "d")})) END"""


def _shut_out() -> str:
    """SQL that is true where the participant of a check `c` holds a number, and is revoked."""
    theirs = "{0}.consultation = c.consultation AND {0}.participant = c.participant"
    return f"""
          (SELECT s.kind FROM jurat_requests s
           WHERE {theirs.format("s")} AND {in_force("s")} AND s.kind <> 'reopen'
           ORDER BY s.applied_at DESC, s.asked_at DESC, s.id DESC LIMIT 1) = 'revoke'
          AND EXISTS (SELECT 1 FROM jurat_questions q WHERE q.consultation = c.consultation)
          AND EXISTS (SELECT 1 FROM jurat_checks d JOIN jurat_claims k ON k.check_id = d.id AND k.holds
                      WHERE {theirs.format("d")})"""


def _past(dialect: StoreDialect, check: str) -> str:
    """SQL that is true for a settled check whose verdicts are all past their time and that no request is about."""
    return f"""
        {check}.state = 'settled'
        AND NOT EXISTS (SELECT 1 FROM jurat_verdicts w WHERE w.check_id = {check}.id
                        AND (w.retain_until IS NULL OR w.retain_until > {dialect.now()}))
        AND NOT EXISTS (SELECT 1 FROM jurat_requests s WHERE s.check_id = {check}.id AND s.applied_at IS NULL)"""
