"""Lets days go by in a database of a test: what was written lies as much further back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from tests.store.desk import Desk

MOVED = {
    "jurat_checks": ("submitted_at", "settled_at"),
    "jurat_verdicts": ("decided_at",),
    "jurat_reviews": ("opened_at",),
    "jurat_access": ("updated_at", "granted_until", "changes_at"),
    "jurat_requests": ("asked_at", "applied_at"),
}
"""Times in the past, or next to it. Deadlines stay in the future: a check's own life is not tested here."""

GUARDED = (*MOVED, "jurat_audit", "jurat_codes", "jurat_configs", "jurat_claims")


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """The triggers of `GUARDED` are off meanwhile, as no one but the owner of the tables could."""
    if connection.dialect.name == "postgresql":
        listed = ", ".join(f"'{table}'::regclass" for table in GUARDED)
        found = connection.execute(
            text(
                "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger "
                f"WHERE tgrelid IN ({listed}) AND NOT tgisinternal AND tgenabled <> 'D'"
            )
        ).all()
        off = [f"ALTER TABLE {table} DISABLE TRIGGER {name}" for table, name, _ in found]
        modes = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}
        on = [f"ALTER TABLE {table} {modes[mode]} TRIGGER {name}" for table, name, mode in found]
    else:
        listed = ", ".join(f"'{table}'" for table in GUARDED)
        triggers = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({listed})"
        rows = connection.execute(text(triggers)).all()
        off, on = [f"DROP TRIGGER {name}" for name, _ in rows], [sql for _, sql in rows]
    for statement in off:
        connection.exec_driver_sql(statement)
    yield
    for statement in on:
        connection.exec_driver_sql(statement)


def let_be_over(desk: Desk, which: str = "true") -> None:
    """No verdict is to be kept any more, or none of `which`."""
    with desk.engine.begin() as connection, unguarded(connection):
        connection.execute(text(desk.clock(f"UPDATE jurat_verdicts SET retain_until = NOW(-1) WHERE {which}")))


def let_pass(desk: Desk, days: float) -> None:
    """So many days go by, or come back: all that was written lies as much further back."""
    with desk.engine.begin() as connection, unguarded(connection):
        for table, columns in MOVED.items():
            if desk.postgresql:
                changes = [f"{name} = {name} - make_interval(secs => {days * 86400})" for name in columns]
            else:
                changes = [f"{name} = strftime('%Y-%m-%d %H:%M:%f', {name}, '{-days} days')" for name in columns]
            connection.execute(text(f"UPDATE {table} SET {', '.join(changes)}"))
