"""Makes several statements all or nothing inside a caller's transaction, which stays usable.

In a transaction that is a savepoint. With autocommit it is a transaction of ours.
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
"""A setting that holds for a transaction is there in the next statement only if both are in the same transaction."""

_WRITE_NOTHING = "INSERT INTO jurat_checks (id) SELECT NULL WHERE false"
"""Python's driver for SQLite may begin a transaction by itself before it writes. A savepoint that comes first would be
the transaction itself, and releasing it would commit."""


@contextmanager
def all_or_nothing(statements: Statements) -> Iterator[None]:
    """Undo what the block wrote if it raises."""
    opened, keep, undo = _OPEN, _KEEP, _UNDO
    if statements.dialect.driver_begins:
        statements.change(_WRITE_NOTHING, {})
    elif not _in_transaction(statements):
        opened, keep, undo = "BEGIN", "COMMIT", ("ROLLBACK",)
    statements.change(opened, {})
    try:
        yield
    except BaseException:
        with suppress(Exception):  # the block's own error says more: the connection may be lost
            for sql in undo:
                statements.change(sql, {})
        raise
    statements.change(keep, {})


def _in_transaction(statements: Statements) -> bool:
    if raw := psycopg_of(statements.connection):  # it knows by itself
        return bool(raw.info.transaction_status)
    statements.run(_MARK, {})
    return bool(statements.run(_MARKED, {})[0][0] == "yes")
