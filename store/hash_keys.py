"""Finds the keys that codes and numbers in the database were hashed with, by the ids at the heads of the hashes; and
says which key new ones are hashed with.

It steps from one key to the next by an index, so that its cost does not grow with the number of hashes.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from adapters.fingerprints import KEY_ID_LENGTH, Fingerprints
from jurat.batches import Statement, run
from jurat.errors import ConfigurationError
from store.dialects import StoreDialect, dialect_of

CODE_LISTS: Final = """
    WITH RECURSIVE found (list) AS (
      SELECT min(list) FROM jurat_codes
      UNION ALL SELECT (SELECT min(k.list) FROM jurat_codes k WHERE k.list > found.list) FROM found
      WHERE found.list IS NOT NULL)
    SELECT list FROM found WHERE list IS NOT NULL"""
"""SQL for the names of the lists that have codes. It steps from one to the next by the index, whatever they hold."""


def _keys(table: str, where: str) -> str:
    """SQL for the ids of the keys of a table's fingerprints: one step down an index for each."""
    least = f"SELECT substr(min(k.fingerprint), 1, {KEY_ID_LENGTH}) FROM {table} k WHERE {where}"
    return f"""
        WITH RECURSIVE found (id) AS (
          {least}
          UNION ALL SELECT ({least} AND k.fingerprint > found.id || '~') FROM found WHERE found.id IS NOT NULL)
        SELECT id FROM found WHERE id IS NOT NULL"""


CLAIM_KEYS: Final = _keys("jurat_claims", "k.holds")
"""SQL for the ids of the keys of the numbers that participants hold."""

_CODE_KEYS = _keys("jurat_codes", "k.list = :list")


def among(dialect: StoreDialect) -> str:
    """SQL that is true for those codes `k` of the list `:list` that have a fingerprint of `:rows`. For a join, SQLite
    would go through the whole list.
    """
    rows = dialect.rowset("fingerprint text")
    return f"k.list = :list AND k.fingerprint IN (SELECT r.fingerprint FROM {rows})"


KEY_IN_USE: Final = "SELECT key_id FROM jurat_hash_key"
"""SQL for the id of the key that new codes and numbers are hashed with; no row before the first."""


def hash_keys(connection: Connection) -> set[str]:
    """The ids of all keys that a worker needs: of codes, claimed numbers and rosters in force, and the key in use."""
    found = claim_keys(connection) | roster_keys(connection)
    for code_list in connection.scalars(text(CODE_LISTS)).all():
        found |= code_keys(connection, code_list)
    return found


def code_keys(connection: Connection, code_list: str) -> set[str]:
    """The ids of the keys of one list of codes."""
    return set(connection.scalars(text(_CODE_KEYS), {"list": code_list}))


def claim_keys(connection: Connection) -> set[str]:
    """The ids of the keys that claiming a number needs: those of numbers that are held, and the key in use."""
    return {*connection.scalars(text(CLAIM_KEYS)), *connection.scalars(text(KEY_IN_USE))}


def roster_keys(connection: Connection) -> set[str]:
    """The ids of the keys of rosters in force."""
    sql = "SELECT DISTINCT key_id FROM jurat_datasets WHERE key_id IS NOT NULL AND state = 'active'"
    return set(connection.scalars(text(sql)))


def key_in_use(connection: Connection) -> str | None:
    """The id of the key that new codes and numbers are hashed with; None before the first."""
    found: str | None = connection.scalar(text(KEY_IN_USE))
    return found


def key_in_use_statement(dialect: StoreDialect, lock: str = "FOR SHARE") -> Statement:
    """What reads the key in use, and keeps it that until the transaction ends; see `hold_key_in_use`."""
    return f"{KEY_IN_USE} {dialect.row_lock(lock)}", {}


def hold_key_in_use(connection: Connection, first: str, lock: str = "FOR SHARE") -> str:
    """The key in use, which stays that until this transaction ends; `first` from now on if there was none.

    What is read afterwards includes all that was hashed with the keys before it. With FOR UPDATE no one else hashes
    meanwhile.
    """
    dialect = dialect_of(connection)
    held = key_in_use_statement(dialect, lock)
    (found,) = run(connection, held)
    if not found:
        begin = f"INSERT INTO jurat_hash_key (key_id, used_since) VALUES (:key, {dialect.now()}) ON CONFLICT DO NOTHING"
        _, found = run(connection, (begin, {"key": first}), held)
    return str(found[0][0])


def use_key(connection: Connection, key_id: str) -> None:
    """Have new codes and numbers hashed with this key. Waits for those who hash some with the one before it."""
    sql = f"""
        INSERT INTO jurat_hash_key (key_id, used_since) VALUES (:key, {dialect_of(connection).now()})
        ON CONFLICT (one) DO UPDATE SET key_id = excluded.key_id, used_since = excluded.used_since"""
    connection.execute(text(sql), {"key": key_id})


def for_new_hashes(connection: Connection, fingerprints: Fingerprints) -> Fingerprints:
    """The same, with the key in use first, until this transaction ends. Raises ConfigurationError if it is missing."""
    key = hold_key_in_use(connection, fingerprints.key_ids[0])
    if key not in fingerprints.key_ids:
        raise ConfigurationError(
            f"codes and numbers are hashed with the key {key}, which JURAT_HASH_KEYS lacks here: add it"
        )
    return fingerprints.with_first(key)
