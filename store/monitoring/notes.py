"""Notes in the audit what operators did outside the database: a backup, a check of the stored keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Engine

from store.verdicts.records import add_audit_row

BACKUP_NOTE: Final = "backup note"
KEYS_CHECK: Final = "keys check"
"""The actions. The index `jurat_audit_noted` finds them."""


def note_backup(engine: Engine, who: str) -> None:
    """Note that the database was backed up."""
    with engine.begin() as connection:
        add_audit_row(connection, who, BACKUP_NOTE, "database", {})


def note_keys(engine: Engine, who: str, keys: Collection[str]) -> None:
    """Note that stored copies of these keys, by id, were checked and are complete."""
    with engine.begin() as connection:
        add_audit_row(connection, who, KEYS_CHECK, "keys", {"ids": sorted(keys)})
