"""Lets one writer publish at a time."""

from __future__ import annotations

from sqlalchemy import Connection, text

from store.dialects import dialect_of


def take_turn(connection: Connection, *, wait: bool) -> bool:
    """Keep others from publishing until this transaction ends; false where someone publishes now and we do not wait.

    SQLite's BEGIN IMMEDIATE does that already.
    """
    if dialect_of(connection).one_writer:
        return True
    return bool(connection.execute(text("SELECT jurat_take_turn(:wait)"), {"wait": wait}).scalar())
