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
from store.hash_keys import among
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
        place = {fingerprint: number for number, each in enumerate(every) for fingerprint in each}
        sql = f"""
            SELECT k.fingerprint, redeemed_by IS NOT NULL, revoked_at IS NOT NULL
            FROM jurat_codes k WHERE {among(dialect_of(connection))}
            ORDER BY k.fingerprint {dialect_of(connection).row_lock("FOR NO KEY UPDATE OF k")}"""
        rows = rows_json([{"fingerprint": each} for each in place])
        found = connection.execute(text(sql), {"list": code_list, "rows": rows}).all()
        # A list may have a code under two keys: it was redeemed once one of them is.
        known, redeemed = {place[row[0]] for row in found}, {place[row[0]] for row in found if row[1]}
        before = {place[row[0]] for row in found if row[2]} - redeemed
        done = Revoked(len(known - redeemed - before), len(redeemed), len(before), len(codes) - len(known))
        detail = {"codes": done.revoked, "redeemed": done.redeemed, "before": done.before, "unknown": done.unknown}
        add_audit_row(connection, who, "codes revoke", code_list, detail)
        _revoke(connection, code_list, [row[0] for row in found if not (row[1] or row[2])])
    return done


def _revoke(connection: Connection, code_list: str, fingerprints: Sequence[str]) -> None:
    """Revoke codes that were found free, and are locked."""
    sql = (
        f"UPDATE jurat_codes AS k SET revoked_at = {dialect_of(connection).now()} WHERE {among(dialect_of(connection))}"
    )
    rows = rows_json([{"fingerprint": each} for each in fingerprints])
    connection.execute(text(sql), {"list": code_list, "rows": rows})
