"""Erases a participant, and deletes the rest about those of whom nothing is kept any more.

A random pseudonym takes the participant's place, another one in each consultation, so that verdicts, counts and the
hold on a number stay and name no one. Answers, candidates, notes and what came with them go.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.names import ERASED, is_erased
from jurat.vocabulary import State
from store.dialects import StoreDialect, dialect_of
from store.queue.deadlines import ENDED
from store.requests.participants import OF_PARTICIPANT, ids_json, lock_checks, parameters_of, rename_claims
from store.requests.request_rows import Request, WrongRequest, is_known, mark_applied
from store.requests.reviews import end_reviews
from store.verdicts.access import AccessRows, Key, key_rows
from store.verdicts.records import add_audit_row

KEPT = 30 * 86_400.0
"""Seconds for which a request is kept after it was dealt with, if nothing else is left of its participant."""

EVERYWHERE = "all consultations"
"""What the audit says of an erasure that names no consultation."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What is stored about a participant in one consultation."""

    consultation: str
    checks: int
    on_their_way: int
    access: str | None


def erase(connection: Connection, access: AccessRows, request: Request) -> None:
    """Erase a participant from one consultation, or from all. If nothing is stored about them, nothing is left to do.

    An unsettled check loses its answer and ends undetermined. A worker that is looking it up still has the answer and
    the id, so its lease ends and its result is refused. No one gets a number back by being erased.

    Raises WrongRequest if no participant is named, or if the consultation is unknown: the audit, which is kept for
    good, would name it.
    """
    if not request.participant:
        raise WrongRequest("a request of kind erase needs participant")
    if request.consultation is not None and not is_known(connection, request.consultation):
        raise WrongRequest("no consultation of that name is known; are participant and consultation swapped?")
    keys = _keys(connection, request.participant, request.consultation)
    access.wait_for(connection, keys)
    checks = sum(_erase_from(connection, access, key, request.id) for key in sorted(keys))
    if request.consultation is None:
        _erase_requests(connection, None, request.participant, [], request.id)
    mark_applied(connection, request.id)
    detail = {"request": str(request.id), "consultations": len(keys), "checks": checks}
    add_audit_row(connection, request.by_whom, "erase", request.consultation or EVERYWHERE, detail)


def traces(engine: Engine, participant: str, consultation: str | None = None) -> list[Trace]:
    """What is stored about a participant, by consultation, even if there are only requests about them."""
    with reader(engine).begin() as connection:
        return [
            Trace(*row)
            for key in sorted(_keys(connection, participant, None))
            if consultation in (None, key[0])
            for row in connection.execute(text(_TRACE), parameters_of(key))
        ]


def forget_erased(connection: Connection, keys: Collection[Key]) -> None:
    """Delete the access rows of those in `keys` who were erased and have no check left."""
    if erased := [key for key in keys if is_erased(key[1])]:
        sql = f"""
            DELETE FROM jurat_access WHERE (consultation, participant) IN (
              SELECT r.consultation, r.participant
              FROM {dialect_of(connection).rowset("consultation text, participant text")}
              WHERE NOT EXISTS (SELECT 1 FROM jurat_checks c
                                WHERE c.consultation = r.consultation AND c.participant = r.participant))"""
        connection.execute(text(sql), {"rows": key_rows(erased)})


def forget_ended(connection: Connection, limit: int) -> bool:
    """Delete up to `limit` access rows of each consultation that is no longer configured and has no check left, and up
    to `limit` requests that added codes, about checks that are gone, or of participants of whom nothing is left.
    Returns whether any went: there may be more of them.

    A revocation in force stays, because the consultation may be published again; unless the participant is erased.
    What ended one goes after it, or it would be in force again.
    """
    dialect = dialect_of(connection)
    sql = f"""
        DELETE FROM jurat_access WHERE consultation = :consultation AND participant IN (
          SELECT participant FROM jurat_access WHERE consultation = :consultation
          LIMIT :limit {dialect.row_lock("FOR UPDATE SKIP LOCKED")})"""
    gone = [
        connection.execute(text(sql), {"consultation": consultation, "limit": limit}).rowcount
        for (consultation,) in connection.execute(text(_ENDED)).all()
    ]
    gone.append(connection.execute(text(_forget_requests(dialect)), {"limit": limit}).rowcount)
    return max(gone) > 0


def _keys(connection: Connection, participant: str, consultation: str | None) -> set[Key]:
    if consultation is not None:
        return {(consultation, participant)}
    return {(row[0], participant) for row in connection.execute(text(_CONSULTATIONS), {"participant": participant})}


def _erase_from(connection: Connection, access: AccessRows, key: Key, request: UUID) -> int:
    """Erase a participant from a consultation; from how many checks. The access row must be ours."""
    dialect, pseudonym = dialect_of(connection), _pseudonym()
    checks = lock_checks(connection, key)
    end_reviews(connection, access, {check: key for check, state in checks if state == State.REVIEW})
    parameters = {**parameters_of(key), "pseudonym": pseudonym}
    unsettled = "state IN ('pending', 'leased')"
    # A deadline before any pause began: deadlines that pass during a standstill of a source are read when that is over.
    erase = f"""
        UPDATE jurat_checks SET
          participant = :pseudonym, answer = NULL, reply_key = NULL, candidates = NULL, candidates_until = NULL,
          traceparent = NULL, lease_until = NULL,
          state = CASE state WHEN 'leased' THEN 'pending' ELSE state END,
          due_at = CASE WHEN {unsettled} THEN {dialect.now()} ELSE due_at END,
          deadline_at = CASE WHEN {unsettled} THEN {dialect.begin_of_time} ELSE deadline_at END,
          stood_s = CASE WHEN {unsettled} THEN {ENDED} ELSE stood_s END
        WHERE {OF_PARTICIPANT}"""
    connection.execute(text(erase), parameters)
    connection.execute(text(f"UPDATE jurat_access SET participant = :pseudonym WHERE {OF_PARTICIPANT}"), parameters)
    ids = [check for check, _ in checks]
    rename_claims(connection, ids, pseudonym)
    _erase_requests(connection, key[0], key[1], ids, request, pseudonym)
    return len(checks)


def _erase_requests(
    connection: Connection,
    consultation: str | None,
    participant: str,
    checks: Sequence[UUID],
    request: UUID,
    pseudonym: str | None = None,
) -> None:
    """Erase a participant from the requests about them and their checks; waiting ones are not done any more."""
    parameters = {
        "participant": participant,
        "pseudonym": pseudonym or _pseudonym(),
        "rows": ids_json(checks),
        "id": str(request),
        **({} if consultation is None else {"consultation": consultation}),
    }
    statement = _erase_requests_sql(dialect_of(connection), everywhere=consultation is None)
    connection.execute(text(statement), parameters)


def _pseudonym() -> str:
    return f"{ERASED}{uuid4().hex}"


def _consultations(table: str) -> str:
    """SQL for the consultations of a table: one step down an index for each."""
    least = f"(SELECT t.consultation FROM {table} t {{after}} ORDER BY t.consultation LIMIT 1)"
    return f"""
        SELECT {least.format(after="")} UNION ALL
        SELECT {least.format(after="WHERE t.consultation > k.consultation")} FROM {{known}} k
        WHERE k.consultation IS NOT NULL"""


_ALL = f"""
    WITH RECURSIVE
    checked(consultation) AS ({_consultations("jurat_checks").format(known="checked")}),
    counted(consultation) AS ({_consultations("jurat_access").format(known="counted")})"""

_CONSULTATIONS = f"""{_ALL}
    SELECT k.consultation FROM checked k WHERE EXISTS (
      SELECT 1 FROM jurat_checks c WHERE c.consultation = k.consultation AND c.participant = :participant)
    UNION SELECT k.consultation FROM counted k WHERE EXISTS (
      SELECT 1 FROM jurat_access a WHERE a.consultation = k.consultation AND a.participant = :participant)
    UNION SELECT q.consultation FROM jurat_requests q
    WHERE q.consultation IS NOT NULL AND (q.participant = :participant OR q.target = :participant)"""

_ENDED = f"""{_ALL}
    SELECT k.consultation FROM counted k WHERE k.consultation IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM jurat_questions q WHERE q.consultation = k.consultation)
      AND NOT EXISTS (SELECT 1 FROM jurat_checks c WHERE c.consultation = k.consultation)"""

_TRACE = f"""
    SELECT CAST(:consultation AS text), count(*), count(CASE WHEN state <> 'settled' THEN 1 END),
           (SELECT a.access FROM jurat_access a WHERE {OF_PARTICIPANT})
    FROM jurat_checks WHERE {OF_PARTICIPANT}"""


@lru_cache
def _erase_requests_sql(dialect: StoreDialect, *, everywhere: bool) -> str:
    # A former owner of the access, before a transfer, is the same person: both ids go. A later owner is not affected.
    where = "consultation IS NULL" if everywhere else "consultation = :consultation"
    checks = f"SELECT r.id FROM {dialect.rowset('id uuid')}"
    # Each by its own index: there may be millions of other requests.
    found = " UNION ".join(
        f"SELECT t.id FROM jurat_requests t WHERE t.{by}"
        for by in ("participant = :participant", "target = :participant", f"check_id IN ({checks})")
    )
    waits = f"applied_at IS NULL AND id <> {dialect.uuid()}"
    return f"""
        UPDATE jurat_requests SET
          participant = CASE WHEN participant IS NULL THEN NULL ELSE :pseudonym END,
          target = CASE target WHEN :participant THEN :pseudonym ELSE target END,
          note = NULL, note_key = NULL, document = NULL,
          refused = CASE WHEN {waits} THEN 'the participant was erased before it was done' ELSE refused END,
          applied_at = CASE WHEN {waits} THEN {dialect.now()} ELSE applied_at END
        WHERE id IN ({found}) AND (
          ({where} AND (participant = :participant OR target = :participant)) OR check_id IN ({checks}))"""


@lru_cache
def _forget_requests(dialect: StoreDialect) -> str:
    def nothing_of(column: str) -> str:
        both = f"t.consultation = q.consultation AND t.participant = q.{column}"
        return " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} t WHERE {both})" for table in ("jurat_access", "jurat_checks")
        )

    lock = dialect.row_lock("FOR UPDATE OF q SKIP LOCKED")
    return f"""
        DELETE FROM jurat_requests WHERE id IN (
          SELECT q.id FROM jurat_requests q
          WHERE q.applied_at <= {dialect.now(str(-KEPT))} AND CASE
            WHEN q.kind = 'codes' THEN true
            WHEN q.check_id IS NOT NULL THEN NOT EXISTS (SELECT 1 FROM jurat_checks c WHERE c.id = q.check_id)
            ELSE q.participant IS NOT NULL AND {nothing_of("participant")} AND {nothing_of("target")}
              AND NOT ({_is_in_force("q")}) AND NOT ({_ends_one("q")}) END
          LIMIT :limit {lock})"""


_ORDER = "({0}.applied_at, {0}.asked_at, {0}.id)"


def _ends_one(request: str) -> str:
    """SQL that is true for the end of a revocation that is still there."""
    return f"""{request}.kind = 'restore' AND {request}.refused IS NULL AND EXISTS (
                SELECT 1 FROM jurat_requests e WHERE e.consultation = {request}.consultation
                  AND e.participant = {request}.participant AND e.kind = 'revoke'
                  AND e.applied_at IS NOT NULL AND e.refused IS NULL
                  AND {_ORDER.format("e")} < {_ORDER.format(request)})"""


def _is_in_force(request: str) -> str:
    """SQL that is true for a revocation in force of a participant who is not erased."""
    return f"""{request}.kind = 'revoke' AND {request}.refused IS NULL AND {request}.participant NOT LIKE '{ERASED}%'
              AND NOT EXISTS (
                SELECT 1 FROM jurat_requests l WHERE l.consultation = {request}.consultation
                  AND l.participant = {request}.participant AND l.kind IN ('revoke', 'restore')
                  AND l.applied_at IS NOT NULL AND l.refused IS NULL
                  AND {_ORDER.format("l")} > {_ORDER.format(request)})"""
