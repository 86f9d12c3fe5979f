"""Makes several statements all or nothing inside a caller's transaction, which stays usable.

In a transaction it is a savepoint. Where each statement is a transaction of its own (autocommit), it is one of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jurat.silence import psycopg_of
from jurat.statements import Statements

_OPEN, _KEEP = "SAVEPOINT jurat", "RELEASE SAVEPOINT jurat"
_UNDO: tuple[str, ...] = ("ROLLBACK TO SAVEPOINT jurat", _KEEP)

_MARK = "SELECT set_config('jurat.within', 'yes', true)"
_MARKED = "SELECT coalesce(current_setting('jurat.within', true), '')"
"""What is set for a transaction alone is there in the next statement only where that belongs to the same one."""

_WRITE_NOTHING = "INSERT INTO jurat_checks (id) SELECT NULL WHERE false"
"""Before it writes, Python's driver of SQLite begins the transaction that it is told to begin by itself. A savepoint
that comes first would be the transaction, and its release the commit."""


@contextmanager
def all_or_nothing(statements: Statements) -> Iterator[None]:
    """Undo what the block wrote where it raises."""
    opened, keep, undo = _OPEN, _KEEP, _UNDO
    if statements.dialect == "sqlite":
        statements.change(_WRITE_NOTHING, {})
    elif not _in_transaction(statements):
        opened, keep, undo = "BEGIN", "COMMIT", ("ROLLBACK",)
    statements.change(opened, {})
    try:
        yield
    except BaseException:
        with suppress(Exception):  # what the block raised says more: its connection may be lost
            for sql in undo:
                statements.change(sql, {})
        raise
    statements.change(keep, {})


def _in_transaction(statements: Statements) -> bool:
    if raw := psycopg_of(statements.connection):  # which knows by itself
        return bool(raw.info.transaction_status)
    statements.run(_MARK, {})
    return bool(statements.run(_MARKED, {})[0][0] == "yes")
