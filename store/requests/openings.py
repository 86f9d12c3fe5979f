"""Opens answers in review for people who decide, sealed for the key of the session that asked.

`jurat.openings` asks and reads. Nothing is opened for a login that lost its right meanwhile, and a row goes when its
time is over. A trigger deletes the rows of a check that leaves review.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.answers import canonical, pad
from jurat.errors import ConfigurationError
from jurat.openings import LIFETIME
from jurat.seal import Seal, Unopenable, Unseal
from store.dialects import StoreDialect, dialect_of
from store.requests.request_rows import CannotBeDone, may_still_call
from store.requests.reviews import NOTE, in_clear, sealed_review
from tasks.crash_points import crash_point

ANY = "EXISTS (SELECT 1 FROM jurat_openings)"
"""SQL that is true while an opening waits, can be read, or has to go."""

_ASKING = "jurat_open_for_review(uuid, bytea, text, uuid)"

BATCH = 100
"""Answers that one turn of upkeep opens at most."""

AHEAD = 60.0
"""What was asked for so many seconds in the future is over as well: the database's clock was put back."""


class Openings:
    """The openings of one database, for a worker with the keys of `unseal`."""

    def __init__(self, engine: Engine, unseal: Unseal) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._unseal = unseal

    def turn(self, limit: int = BATCH) -> int:
        """Erase the openings whose time is over, and open those that wait, each in a transaction of its own; how many
        were opened or refused.

        What is sealed for a key that is not here is left to other workers, and so is what another transaction holds.
        If one fails, the first such error is raised once the others are dealt with.
        """
        keys = tuple(self._unseal.key_ids)
        with self._engine.begin() as connection:
            connection.execute(text(_erase_over(self._dialect)))
            waiting = connection.execute(text(_waiting(keys)), {"limit": limit}).scalars().all()
        done, failures = 0, list[DBAPIError]()
        for opening in waiting:
            try:
                done += self._open(str(opening), keys)
            except DBAPIError as failure:  # one of them must not keep the others waiting
                if failure.connection_invalidated:
                    raise
                failures.append(failure)
        if failures:
            raise failures[0]
        return done

    def _open(self, opening: str, keys: tuple[str, ...]) -> bool:
        """Open or refuse one; false where it waits no more, or someone else holds it or its check."""
        with self._engine.begin() as connection:
            row = connection.execute(text(_take(self._dialect, keys)), {"id": opening}).first()
            if row is None:
                return False
            try:
                with connection.begin_nested():
                    sealed, refused = self._seal(connection, opening, *row), None
            except CannotBeDone as why:
                sealed, refused = None, str(why)
            mark = f"""
                UPDATE jurat_openings SET opened_at = {self._dialect.now()}, sealed = :sealed, refused = :refused
                WHERE id = {self._dialect.uuid()}"""
            connection.execute(text(mark), {"id": opening, "sealed": sealed, "refused": refused})
            crash_point("opening.made")
        crash_point("opening.committed")
        return True

    def _seal(
        self, connection: Connection, opening: str, check: Any, by_whom: str, reader_key: Any, login: str | None
    ) -> bytes:
        """What the session may read, sealed for its key, with an audit row. Raises CannotBeDone."""
        if not may_still_call(connection, _ASKING, login):
            raise CannotBeDone("its user of the database may not open answers any more")
        try:
            seal = Seal(bytes(reader_key))
        except ConfigurationError:
            raise CannotBeDone("reader_key is no public key; make a pair as libsodium does, and ask again") from None
        found = sealed_review(connection, UUID(str(check)), by_whom, {"opening": opening, "login": login})
        try:
            return seal.close(pad(canonical(in_clear(found, self._unseal))))
        except (Unopenable, ValueError, RecursionError):
            raise CannotBeDone("the answer or the note cannot be read; ask the participant") from None


@lru_cache
def _erase_over(dialect: StoreDialect) -> str:
    over = f"asked_at <= {dialect.now(str(-LIFETIME))} OR asked_at > {dialect.now(str(AHEAD))}"
    rows = f"SELECT id FROM jurat_openings WHERE {over} {dialect.row_lock('FOR UPDATE SKIP LOCKED')}"
    return f"DELETE FROM jurat_openings WHERE id IN ({rows})"


def _ours(keys: tuple[str, ...]) -> str:
    """Openings that wait and that these keys open."""
    listed = ", ".join(f"'{key}'" for key in keys) or "NULL"
    return f"""
        FROM jurat_openings o JOIN jurat_checks c ON c.id = o.check_id
        WHERE o.opened_at IS NULL AND (c.answer IS NULL OR c.answer_key IN ({listed})) AND NOT EXISTS (
          SELECT 1 FROM jurat_requests WHERE {NOTE.format(check="c.id")} AND (note_key IN ({listed})) IS NOT TRUE)"""


def _waiting(keys: tuple[str, ...]) -> str:
    return f"SELECT o.id {_ours(keys)} ORDER BY o.asked_at, o.id LIMIT :limit"


@lru_cache
def _take(dialect: StoreDialect, keys: tuple[str, ...]) -> str:
    # The check stays in review until our commit. Nobody who reads it meanwhile is held up.
    lock = dialect.row_lock("FOR UPDATE OF o SKIP LOCKED FOR NO KEY UPDATE OF c SKIP LOCKED")
    return f"SELECT o.check_id, o.by_whom, o.reader_key, o.login {_ours(keys)} AND o.id = {dialect.uuid()} {lock}"
