"""Revokes access codes that nobody has redeemed: single ones, or all of a list. What a redeemed one gave stays.

A code is redeemed or revoked, whichever comes first: the database refuses the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from adapters.fingerprints import Fingerprints
from jurat.statements import rows_json
from store.dialects import dialect_of
from store.requests.code_lists import recognised
from store.verdicts.records import add_audit_row

AT_ONCE = 10_000
"""Codes of a list that are revoked in one transaction, and so in one row of the audit."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What became of single codes: how many are revoked now, and how many stay as they were: redeemed, revoked before,
    or in no such list.
    """

    revoked: int
    redeemed: int
    before: int
    unknown: int


def revoke_list(engine: Engine, code_list: str, who: str) -> Iterator[int]:
    """Revoke all codes of a list that can still be redeemed. After each batch, how many it had.

    Whatever ends it, the next time goes on. Codes that are added afterwards are valid.
    """
    sql = f"""
        SELECT fingerprint FROM jurat_codes
        WHERE list = :list AND fingerprint > :after AND redeemed_by IS NULL AND revoked_at IS NULL
        ORDER BY fingerprint LIMIT {AT_ONCE} {dialect_of(engine).row_lock("FOR NO KEY UPDATE")}"""
    after = ""
    while True:
        with engine.begin() as connection:
            found = connection.scalars(text(sql), {"list": code_list, "after": after}).all()
            if found:
                add_audit_row(connection, who, "codes revoke", code_list, {"codes": len(found)})
                _revoke(connection, code_list, found)
        if found:
            yield len(found)
        elif not after:
            return
        # At the end once more from the beginning: `keys rehash` may have moved some there meanwhile.
        after = found[-1] if found else ""


def revoke_codes(engine: Engine, fingerprints: Fingerprints, code_list: str, codes: Sequence[str], who: str) -> Revoked:
    """Revoke single codes of a list, as they were cleaned.

    Raises ConfigurationError if a key of the list is missing, for what it hashed cannot be recognised, or the key in
    use.
    """
    with engine.begin() as connection:
        every = recognised(connection, fingerprints, code_list, codes)
        rows = rows_json([{"code": code, "fingerprint": each} for code, all_ in enumerate(every) for each in all_])
        dialect = dialect_of(connection)
        sql = f"""
            SELECT r.code, k.fingerprint, k.redeemed_by IS NOT NULL, k.revoked_at IS NOT NULL
            FROM {dialect.rowset("code int, fingerprint text")}
            JOIN jurat_codes k ON k.list = :list AND k.fingerprint = r.fingerprint
            ORDER BY k.fingerprint {dialect.row_lock("FOR NO KEY UPDATE OF k")}"""
        found = connection.execute(text(sql), {"list": code_list, "rows": rows}).all()
        # A list may have a code under two keys: it was redeemed once one of them is.
        known, redeemed = {row[0] for row in found}, {row[0] for row in found if row[2]}
        before = {row[0] for row in found if row[3]} - redeemed
        done = Revoked(len(known - redeemed - before), len(redeemed), len(before), len(codes) - len(known))
        detail = {"codes": done.revoked, "redeemed": done.redeemed, "before": done.before, "unknown": done.unknown}
        add_audit_row(connection, who, "codes revoke", code_list, detail)
        _revoke(connection, code_list, [row[1] for row in found if not (row[2] or row[3])])
    return done


def _revoke(connection: Connection, code_list: str, fingerprints: Sequence[str]) -> None:
    """Revoke codes that were found free, and are locked."""
    dialect = dialect_of(connection)
    sql = f"""
        UPDATE jurat_codes SET revoked_at = {dialect.now()} FROM {dialect.rowset("fingerprint text")}
        WHERE jurat_codes.list = :list AND jurat_codes.fingerprint = r.fingerprint"""
    rows = rows_json([{"fingerprint": each} for each in fingerprints])
    connection.execute(text(sql), {"list": code_list, "rows": rows})
