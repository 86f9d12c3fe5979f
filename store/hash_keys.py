"""Finds the keys that codes and numbers in the database were hashed with, by the ids at the heads of the hashes.

It steps from one key to the next by an index, so that its cost does not grow with the number of hashes.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from adapters.fingerprints import KEY_ID_LENGTH

CODE_LISTS: Final = """
    WITH RECURSIVE found (list) AS (
      SELECT min(list) FROM jurat_codes
      UNION ALL SELECT (SELECT min(k.list) FROM jurat_codes k WHERE k.list > found.list) FROM found
      WHERE found.list IS NOT NULL)
    SELECT list FROM found WHERE list IS NOT NULL"""
"""SQL for the names of the lists that have codes. It steps from one to the next by the index, whatever they hold."""


def hash_keys(connection: Connection) -> set[str]:
    """The ids of all keys that codes, claimed numbers and rosters in force were hashed with."""
    found = claim_keys(connection) | roster_keys(connection)
    for code_list in connection.scalars(text(CODE_LISTS)).all():
        found |= code_keys(connection, code_list)
    return found


def code_keys(connection: Connection, code_list: str) -> set[str]:
    """The ids of the keys of one list of codes."""
    sql = "SELECT min(fingerprint) FROM jurat_codes WHERE list = :list AND fingerprint > :after"
    return _keys(connection, sql, list=code_list)


def claim_keys(connection: Connection) -> set[str]:
    """The ids of the keys of the numbers claimed by participants."""
    return _keys(connection, "SELECT min(fingerprint) FROM jurat_claims WHERE holds AND fingerprint > :after")


def roster_keys(connection: Connection) -> set[str]:
    """The ids of the keys of rosters in force."""
    sql = "SELECT DISTINCT key_id FROM jurat_datasets WHERE key_id IS NOT NULL AND state = 'active'"
    return set(connection.scalars(text(sql)))


def _keys(connection: Connection, sql: str, **parameters: str) -> set[str]:
    found: set[str] = set()
    after = ""
    while (fingerprint := connection.scalar(text(sql), {"after": after, **parameters})) is not None:
        found.add(fingerprint[:KEY_ID_LENGTH])
        after = fingerprint[:KEY_ID_LENGTH] + "~"  # behind every fingerprint of this key
    return found
