"""Redeems the access codes on which verdicts rest, each for one check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Connection

from adapters.base import Redemption
from jurat.batches import run
from jurat.statements import rows_json
from jurat.vocabulary import Outcome, Reason
from store.dialects import StoreDialect, dialect_of
from store.held_rows import id_of
from tasks.checks import CheckResult, Settle


def redeem_codes(connection: Connection, entries: list[CheckResult]) -> list[CheckResult]:
    """Redeem codes in one conditional statement; a check that is too late is refused with the reason read again."""
    wanted = {
        entry.held.id: entry.decision.redemption
        for entry in entries
        if isinstance(entry.decision, Settle) and entry.decision.redemption
    }
    if not wanted:
        return entries
    dialect = dialect_of(connection)
    reasons: dict[UUID, Reason] = {}
    while left := {check: code for check, code in wanted.items() if check not in reasons}:
        # Of checks with the same code one may have it, also where a list has the code under two keys.
        firsts = {min(_places(code)): (check, code) for check, code in reversed(left.items())}
        (found,) = run(connection, (_redeem(dialect), {"rows": _code_rows(firsts.values())}))
        for row in found:
            wanted.pop(id_of(row[0]), None)
        if not left.keys() & wanted.keys():
            break
        (late,) = run(connection, (_why_not(dialect), {"rows": _code_rows(left.items())}))
        # Without a reason it is free, and was hashed once more between the two.
        reasons |= {id_of(row[0]): Reason(row[1]) for row in late if row[1] is not None and id_of(row[0]) in wanted}
    return [
        replace(entry, decision=Settle(Outcome.REFUSED, reasons[entry.held.id])) if entry.held.id in reasons else entry
        for entry in entries
    ]


def _places(code: Redemption) -> list[tuple[str, str]]:
    return [(code.code_list, fingerprint) for fingerprint in (code.fingerprint, *code.others)]


def _code_rows(codes: Iterable[tuple[UUID, Redemption]]) -> str:
    places = sorted((place, str(check)) for check, code in codes for place in _places(code))
    return rows_json([{"check_id": check, "list": name, "fingerprint": each} for (name, each), check in places])


_CODE_COLUMNS = "check_id uuid, list text, fingerprint text"


@lru_cache
def _redeem(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_codes SET redeemed_by = r.check_id, redeemed_at = {dialect.now()}
        FROM {dialect.rowset(_CODE_COLUMNS)}
        WHERE jurat_codes.list = r.list AND jurat_codes.fingerprint = r.fingerprint
          AND redeemed_by IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {dialect.now()})
        RETURNING redeemed_by"""


@lru_cache
def _why_not(dialect: StoreDialect) -> str:
    return f"""
        SELECT r.check_id, CASE WHEN count(k.list) = 0 THEN 'code_unknown'
                                WHEN count(k.revoked_at) > 0 THEN 'code_revoked'
                                WHEN count(k.redeemed_by) > 0 THEN 'code_used'
                                WHEN min(k.expires_at) <= {dialect.now()} THEN 'code_expired' END
        FROM {dialect.rowset(_CODE_COLUMNS)}
        LEFT JOIN jurat_codes k ON k.list = r.list AND k.fingerprint = r.fingerprint
        GROUP BY r.check_id"""
