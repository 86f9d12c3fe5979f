"""Hashes stored codes and numbers once more with the key in use, without the codes and numbers themselves.

What only an older key had hashed can be guessed by anyone who has that key and a copy of the table. Afterwards both
keys are needed. Workers recognise either form, so they go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, Engine, text

from adapters.fingerprints import Fingerprints
from jurat.errors import ConfigurationError
from jurat.statements import rows_json
from store.dialects import dialect_of
from store.hash_keys import hold_key_in_use
from store.verdicts.records import add_audit_row

AT_ONCE = 1_000
"""Hashes that are looked at in one transaction."""

REHASH: Final = "keys rehash"
"""The action in the audit, one row for each batch. `db verify` explains by these rows what was hashed again."""

_TABLES: Final = {"codes": ("list",), "claims": ("consultation", "namespace")}
"""The tables with fingerprints, and the columns before these in their primary keys."""


def rehash(engine: Engine, fingerprints: Fingerprints, who: str) -> Iterator[tuple[str, int]]:
    """Hash all again that the first of these keys did not hash last: that must be the key in use. After each batch,
    what is in it ("codes" or "claims"), and how many changed. Whatever ends it, the next time goes on. The audit says
    `who` did each batch.

    Raises ConfigurationError if a key is missing, or another one came into use.
    """
    for table, columns in _TABLES.items():
        after: tuple[str, ...] | None = ("",) * (len(columns) + 1)
        while after:
            with engine.begin() as connection:
                # Alone: a claim looks under the keys of numbers that it read a moment before.
                if hold_key_in_use(connection, fingerprints.key_ids[0], "FOR UPDATE") != fingerprints.key_ids[0]:
                    raise ConfigurationError("another key came into use meanwhile; run this again")
                changed, after = _batch(connection, f"jurat_{table}", columns, after, fingerprints, who)
            yield table, changed


def _batch(
    connection: Connection,
    table: str,
    columns: tuple[str, ...],
    after: tuple[str, ...],
    fingerprints: Fingerprints,
    who: str,
) -> tuple[int, tuple[str, ...] | None]:
    names, places = ", ".join(columns), (*columns, "fingerprint")
    page = f"""
        SELECT DISTINCT {names}, fingerprint FROM {table}
        WHERE ({names}, fingerprint) > ({", ".join(f":{each}" for each in places)})
        ORDER BY {names}, fingerprint LIMIT :limit"""
    found = connection.execute(text(page), {**dict(zip(places, after, strict=True)), "limit": AT_ONCE}).all()
    try:
        again = [(*row, fingerprints.again(row[-1])) for row in found]
    except ValueError as error:
        raise ConfigurationError(f"{error}: one is missing in JURAT_HASH_KEYS here, or three are in them") from None
    rows = [dict(zip((*places, "again"), row, strict=True)) for row in again if row[-1] != row[-2]]
    rowset = dialect_of(connection).rowset(", ".join(f"{each} text" for each in (*places, "again")))
    same = " AND ".join(f"{table}.{each} = r.{each}" for each in places)
    sql = f"UPDATE {table} SET fingerprint = r.again FROM {rowset} WHERE {same}"
    changed = 0
    if rows:
        add_audit_row(connection, who, REHASH, fingerprints.key_ids[0], {"table": table, "hashes": len(rows)})
        changed = connection.execute(text(sql), {"rows": rows_json(rows)}).rowcount
    return changed, tuple(found[-1]) if len(found) == AT_ONCE else None
