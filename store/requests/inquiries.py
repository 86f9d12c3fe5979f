"""Inquiries: a person who runs sources has a worker look something up once, and reads what came of it.

Who asks seals the answer for the workers, and gives the public half of a pair of keys that lives in one session: a
worker seals what came of it for that key, as it opens answers in review (`jurat.openings`). The source is paid as for
any lookup, and asked at most once. No check, no participant and no verdict has anything to do with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from jurat.answers import canonical, pad
from jurat.errors import ConfigurationError
from jurat.ids import uuid7
from jurat.openings import LIFETIME
from jurat.seal import Seal, Unopenable, Unseal
from jurat.seal_keys import SealOf
from jurat.statements import statements_on
from store.dialects import StoreDialect, dialect_of
from store.queue import quotas
from store.requests.request_rows import CannotBeDone
from store.verdicts.records import add_audit_row
from tasks.crash_points import crash_point
from tasks.rules.source_limits import Demand

ANY = "EXISTS (SELECT 1 FROM jurat_inquiries)"
"""SQL that is true while an inquiry waits, can be read, or has to go."""

KEPT = 3600.0
"""Seconds for which it counts against who asked."""

LOST = 120.0
"""A worker that began an inquiry so many seconds ago and has not ended it never will."""

LONGEST_WAIT = 10.0
"""Seconds that a person waits for a turn at a source."""

_AHEAD = 60.0
"""What was asked for so many seconds in the future has to go as well: the database's clock was put back."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What was asked for, with the only key that reads what comes of it."""

    id: UUID
    source: str
    key: PrivateKey = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class InquiryState:
    """Where an inquiry is: it waits for a worker, it has `begun`, or this came of it."""

    begun: bool = False
    found: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """An inquiry that a worker has begun. The source may be asked in `wait` seconds, or not at all (`refused`)."""

    id: str
    source: str
    asked: Mapping[str, Any] = field(repr=False)
    reader_key: bytes = field(repr=False)
    wait: float = 0.0
    refused: str | None = None


def ask(engine: Engine, seal: SealOf, source: str, asked: Mapping[str, Any], who: str) -> Inquiry:
    """Have a worker look `asked` up: an `answer`, and the `question` that says what is required, if any.

    Raises CannotBeDone where a person, or all together, asked too often; ConfigurationError without a key in force.
    """
    inquiry, dialect = Inquiry(uuid7(), source, PrivateKey.generate()), dialect_of(engine)
    sql = f"""
        INSERT INTO jurat_inquiries (id, source, by_whom, reader_key, answer, answer_key, asked_at)
        VALUES ({dialect.uuid()}, :source, :who, :reader_key, :answer, :answer_key, {dialect.now()})"""
    row: dict[str, Any] = {"id": str(inquiry.id), "source": source, "who": who}
    try:
        with engine.begin() as connection:
            closed = seal(statements_on(connection))
            row |= {"answer": closed.close(pad(canonical(asked))), "answer_key": closed.key_id}
            connection.execute(text(sql), row | {"reader_key": bytes(inquiry.key.public_key)})
    except DBAPIError as error:
        if "JU013" not in str(error.orig) and getattr(error.orig, "sqlstate", "") != "JU013":
            raise
        raise CannotBeDone("a person may ask sources 20 times an hour, and all together 100 times") from None
    return inquiry


def read(engine: Engine, inquiry: Inquiry) -> InquiryState | None:
    """What came of it, which is erased with that; None once its time is over."""
    dialect = dialect_of(engine)
    sql = f"""
        SELECT begun_at, sealed FROM jurat_inquiries
        WHERE id = {dialect.uuid()} AND asked_at > {dialect.now(str(-LIFETIME))}"""
    erase = f"UPDATE jurat_inquiries SET sealed = NULL WHERE id = {dialect.uuid()}"
    with engine.begin() as connection:
        row = connection.execute(text(sql), {"id": str(inquiry.id)}).first()
        if row is None:
            return None
        if row[1] is None:
            return InquiryState(begun=row[0] is not None)
        try:
            found = json.loads(SealedBox(inquiry.key).decrypt(bytes(row[1])))
        except (CryptoError, ValueError):
            return None
        connection.execute(text(erase), {"id": str(inquiry.id)})
    return InquiryState(begun=True, found=found)


class Inquiries:
    """The inquiries of one database, for a worker with the keys of `unseal`."""

    def __init__(self, engine: Engine, unseal: Unseal) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._unseal = unseal

    def erase_over(self) -> None:
        """Erase what no one may read any more, and what counts no more. Say of what a worker left that it is lost."""
        with self._engine.begin() as connection:
            for sql in _erasing(self._dialect):
                connection.execute(text(sql))
            lost = connection.execute(text(_lost(self._dialect))).all()
        for inquiry, source, reader_key in lost:
            self.end(Taken(str(inquiry), source, {}, bytes(reader_key)), {"refused": "lost"})

    def take(self, demands: Mapping[str, Demand]) -> Taken | None:
        """Begin one for a source that this worker serves, and pay for its lookup; None if there is none.

        Whether it may be asked is decided as for `sources try`. The audit row is written before anything is sent.
        """
        keys = tuple(self._unseal.key_ids)
        with self._engine.begin() as connection:
            row = connection.execute(text(_take(self._dialect, keys, tuple(sorted(demands))))).first()
            if row is None:
                return None
            inquiry, source, who, answer, key, reader_key, login, now, paused = row
            mark = f"UPDATE jurat_inquiries SET begun_at = {self._dialect.now()} WHERE id = {self._dialect.uuid()}"
            connection.execute(text(mark), {"id": str(inquiry)})
            asked, refused, wait = {}, None, None
            try:
                asked = json.loads(self._unseal.open(bytes(answer), key))
            except (Unopenable, ValueError, RecursionError):
                refused = "unreadable"
            else:
                closed = quotas.is_closed(demands[source], datetime.fromtimestamp(now, UTC))
                refused = "paused" if paused else "closed" if closed else None
            if refused is None:
                wait = quotas.pay_for_request(connection, demands[source], LONGEST_WAIT)
                refused = "used_up" if wait is None else None
            detail = {"inquiry": str(inquiry), "login": login, "asked": refused is None}
            add_audit_row(connection, who, "sources try", source, detail)
        crash_point("inquiry.taken")
        return Taken(str(inquiry), source, asked, bytes(reader_key), wait or 0.0, refused)

    def end(self, taken: Taken, found: Mapping[str, Any]) -> None:
        """Seal what came of it for the session that asked, and erase what was asked."""
        sealed = None
        with suppress(ConfigurationError):  # no public key: nobody could read it
            seal = Seal(taken.reader_key)
            try:
                sealed = seal.close(pad(canonical(found)))
            except (ValueError, RecursionError):  # a source said what no UTF-8 has
                sealed = seal.close(pad(canonical({"refused": "unreadable"})))
        sql = f"""
            UPDATE jurat_inquiries SET answer = NULL, sealed = :sealed
            WHERE id = {self._dialect.uuid()} AND answer IS NOT NULL"""
        with self._engine.begin() as connection:
            connection.execute(text(sql), {"id": taken.id, "sealed": sealed})


@lru_cache
def _erasing(dialect: StoreDialect) -> Sequence[str]:
    skipping = dialect.row_lock("FOR UPDATE SKIP LOCKED")
    return [
        f"{change} WHERE id IN (SELECT id FROM jurat_inquiries WHERE {over} {skipping})"
        for change, over in (
            (
                "UPDATE jurat_inquiries SET answer = NULL, sealed = NULL",
                f"asked_at <= {dialect.now(str(-LIFETIME))} AND (answer IS NOT NULL OR sealed IS NOT NULL)",
            ),
            (
                "DELETE FROM jurat_inquiries",
                f"asked_at <= {dialect.now(str(-KEPT))} OR asked_at > {dialect.now(str(_AHEAD))}",
            ),
        )
    ]


@lru_cache
def _lost(dialect: StoreDialect) -> str:
    return f"""
        SELECT id, source, reader_key FROM jurat_inquiries
        WHERE answer IS NOT NULL AND begun_at <= {dialect.now(str(-LOST))}"""


@lru_cache
def _take(dialect: StoreDialect, keys: tuple[str, ...], sources: tuple[str, ...]) -> str:
    opened, served = (", ".join(f"'{name}'" for name in names) or "NULL" for names in (keys, sources))
    return f"""
        SELECT i.id, i.source, i.by_whom, i.answer, i.answer_key, i.reader_key, i.login, {dialect.clock()},
               s.paused_until > {dialect.now()}
        FROM jurat_inquiries i JOIN jurat_sources s ON s.name = i.source
        WHERE i.begun_at IS NULL AND i.answer IS NOT NULL AND i.answer_key IN ({opened}) AND i.source IN ({served})
        ORDER BY i.asked_at, i.id LIMIT 1 {dialect.row_lock("FOR UPDATE OF i SKIP LOCKED")}"""
